"""What every demo database starts with: one company, its currencies, journals, taxes, accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odoo_bridge.demo.records import Environment

# The fixed moment that the base and the seeded data are dated from, so that equal seeds give
# equal data on every day.
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)

COMPANY = 1
COMPANY_CONTACT = 1
ADMIN_USER = 2
ADMIN_CONTACT = 3

# id: (code, name, symbol, decimal places, how many one EUR buys)
CURRENCIES = {
    1: ("EUR", "Euro", "\u20ac", 2, 1.0),
    2: ("USD", "United States dollar", "$", 2, 1.1),
    3: ("JPY", "Japanese yen", "\u00a5", 0, 160.0),
    4: ("TND", "Tunisian dinar", "DT", 3, 3.4),
}
COUNTRIES = {
    1: ("BE", "Belgium", 32),
    2: ("DE", "Germany", 49),
    3: ("FR", "France", 33),
    4: ("US", "United States", 1),
    5: ("JP", "Japan", 81),
    6: ("TN", "Tunisia", 216),
    7: ("GB", "United Kingdom", 44),
}
STATES = {
    1: ("California", "CA", 4),
    2: ("New York", "NY", 4),
    3: ("T\u014dky\u014d", "13", 5),
    4: ("Tunis", "11", 6),
}
SALE_JOURNAL, PURCHASE_JOURNAL, GENERAL_JOURNAL, BANK_JOURNAL = 1, 2, 3, 4
JOURNALS = {
    SALE_JOURNAL: ("Customer Invoices", "INV", "sale"),
    PURCHASE_JOURNAL: ("Vendor Bills", "BILL", "purchase"),
    GENERAL_JOURNAL: ("Miscellaneous Operations", "MISC", "general"),
    BANK_JOURNAL: ("Bank", "BNK1", "bank"),
}
RECEIVABLE, PAYABLE, TAX_ACCOUNT, INCOME, EXPENSE = 1, 2, 3, 4, 5
ACCOUNTS = {
    RECEIVABLE: ("121000", "Account Receivable"),
    PAYABLE: ("211000", "Account Payable"),
    TAX_ACCOUNT: ("251000", "Tax Received"),
    INCOME: ("400000", "Product Sales"),
    EXPENSE: ("600000", "Expenses"),
}
TAXES = {
    1: ("15%", 15.0, "sale"),
    2: ("15%", 15.0, "purchase"),
    3: ("6%", 6.0, "sale"),
    4: ("0% Exports", 0.0, "sale"),
}
UNIT = 1
UNITS = {1: "Units", 2: "Hours", 3: "kg"}
TERMS = {1: ("Immediate Payment", 0), 2: ("15 Days", 15), 3: ("30 Days", 30)}
TERM_DAYS = {key: days for key, (_, days) in TERMS.items()}
PRODUCTS = {
    1: ("DESK", "Oak desk", 480.0),
    2: ("LAMP", "Reading lamp", 39.5),
    3: ("CONS", "Consulting hour", 95.0),
    4: ("", "Delivery", 12.0),
}
TAGS = {1: "Prospect", 2: "Gold", 3: "Reseller", 4: "Press"}


def journal_for(move_type: str) -> int:
    if move_type == "entry":
        return GENERAL_JOURNAL
    return SALE_JOURNAL if move_type.startswith("out_") else PURCHASE_JOURNAL


def account_for(move_type: str) -> int:
    return EXPENSE if move_type.startswith("in_") else INCOME


def fill(env: Environment, uuid: str) -> None:
    """Create the records every database has. Their ids are the ones above; ``uuid`` is its own."""
    env.create("ir.config_parameter", {"key": "database.uuid", "value": uuid})
    for key, (code, name, symbol, places, rate) in CURRENCIES.items():
        values = {"name": code, "symbol": symbol, "decimal_places": places, "rate": rate}
        if env.major >= 16:
            values["full_name"] = name
        env.create("res.currency", {**values, "rounding": float(f"1e-{places}")}, key)
    for key, (code, name, phone_code) in COUNTRIES.items():
        values = {"name": name, "code": code, "phone_code": phone_code}
        env.create("res.country", values, key)
    for key, (name, code, country) in STATES.items():
        env.create("res.country.state", {"name": name, "code": code, "country_id": country}, key)
    contact = {"is_company": True, "street": "Rue du Pont 1", "zip": "1000", "city": "Brussels",
               "country_id": 1, "email": "office@example.com", "vat": "BE0000000097"}  # fmt: skip
    env.create("res.partner", {"name": "My Company", **contact}, COMPANY_CONTACT)
    company = {"name": "My Company", "currency_id": 1, "partner_id": COMPANY_CONTACT}
    env.create("res.company", company, COMPANY)
    admin = {"name": "Mitchell Admin", "email": "admin@example.com", "parent_id": COMPANY_CONTACT}
    env.create("res.partner", admin, ADMIN_CONTACT)
    user = {"name": "Mitchell Admin", "login": "admin", "email": "admin@example.com",
            "partner_id": ADMIN_CONTACT, "company_id": COMPANY, "company_ids": [COMPANY]}  # fmt: skip
    env.create("res.users", user, ADMIN_USER)
    for key, (name, code, kind) in JOURNALS.items():
        values = {"name": name, "code": code, "type": kind, "company_id": COMPANY}
        env.create("account.journal", values, key)
    for key, (code, name) in ACCOUNTS.items():
        env.create("account.account", {"name": name, "code": code}, key)
    for key, (name, amount, use) in TAXES.items():
        values = {"name": name, "amount": amount, "type_tax_use": use, "company_id": COMPANY}
        env.create("account.tax", values, key)
    for key, name in UNITS.items():
        env.create("uom.uom", {"name": name}, key)
    for key, (name, _) in TERMS.items():
        env.create("account.payment.term", {"name": name}, key)
    env.create("account.fiscal.position", {"name": "Intra-Community", "company_id": COMPANY}, 1)
    for key, (code, name, price) in PRODUCTS.items():
        values = {"name": name, "default_code": code or False, "list_price": price}
        env.create("product.product", values, key)
    for key, name in TAGS.items():
        env.create("res.partner.category", {"name": name, "color": key}, key)
