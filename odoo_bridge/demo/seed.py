"""Made-up companies, people and invoices: equal seeds give equal data, stamps included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from odoo_bridge.demo import base

if TYPE_CHECKING:
    from odoo_bridge.demo.odoo import Changes, DemoOdoo

SPAN = timedelta(days=730)  # how far back from base.MOMENT the data reaches

# Invented syllables: no name here is meant to be a real firm's.
HEADS = ("Ostrel", "Varnik", "Luminel", "Quarvo", "Brindal", "Telmora", "Saffryn", "Dovanel",
         "Kestrin", "Morvane", "Pelluco", "Tarnwick", "Ulverin", "Zephrano", "Halbrook")  # fmt: skip
TRADES = ("Joinery", "Optics", "Foods", "Logistics", "Textiles", "Instruments", "Gardens",
          "Printing", "Ceramics", "Marine", "Energy", "Bakery", "Studio", "Chemicals")  # fmt: skip
FORMS = {1: "SRL", 2: "GmbH", 3: "SAS", 4: "Inc.", 5: "KK", 6: "SARL", 7: "Ltd"}
FIRST = ("Anna", "Luca", "Noor", "Karim", "Mei", "Jonas", "Zo\u00eb", "Amira", "Pieter", "Hana",
         "S\u00f8ren", "Leila", "Tom", "In\u00e8s", "Yuki", "Omar", "Greta", "Paul")  # fmt: skip
LAST = ("Vermeer", "Lindqvist", "Haddad", "Okada", "Brandt", "Moreau", "Fischer", "Ben Salah",
        "O'Neill", "Garc\u00eda", "Novak", "Peeters", "Tanaka", "Dubois", "Stone")  # fmt: skip
STREETS = ("Mill Lane", "Station Road", "Rue Haute", "Lindenweg", "Harbour Street", "Via Nuova")
CITIES = {1: ("Brussels", "Ghent", "Namur"), 2: ("Bremen", "Mainz", "Ulm"),
          3: ("Lyon", "Nantes", "Lille"), 4: ("Fresno", "Albany", "Oakland"),
          5: ("\u014ctsu", "Nara"), 6: ("Tunis", "Sousse"), 7: ("Leeds", "Exeter")}  # fmt: skip
JOBS = ("Buyer", "Accountant", "Director", "Sales Manager", "Engineer", "Office Manager")
WORK = ("Assembly", "Maintenance", "Site visit", "Packaging", "Training day", "Licence, one year")

MOVE_TYPES = {"out_invoice": 62, "in_invoice": 17, "out_refund": 7, "in_refund": 4,
              "out_receipt": 6, "in_receipt": 4}  # fmt: skip
CURRENCIES = {"EUR": 70, "USD": 18, "JPY": 6, "TND": 6}


@dataclass
class _Made:
    """What was made so far, for later records to point to."""

    companies: list[tuple[int, str, int]]  # id, name, country
    buyers: list[int]


def fill(demo: DemoOdoo, contacts: int, invoices: int, seed: int) -> None:
    """Add that many contacts and invoices (and a few entries that are no invoices)."""
    random = Random(seed)
    made = _Made([(base.COMPANY_CONTACT, "My Company", 1)], [])
    for moment in _moments(random, contacts):
        with demo.transaction(moment) as tx:
            _add_contact(tx, random, made, demo.major)
    if not made.buyers:
        made.buyers.append(base.COMPANY_CONTACT)
    left = invoices
    for number, moment in enumerate(_moments(random, invoices)):
        if left <= 0:
            break
        left -= _add_invoice(demo, random, made, moment, may_refund=left > 1)
        if number % 50 == 0:
            _add_entry(demo, moment)


def _moments(random: Random, count: int) -> list[datetime]:
    start = base.MOMENT - SPAN
    return sorted(start + SPAN * random.random() * 0.98 for _ in range(count))


def _pick(random: Random, weights: dict[str, int]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


def _add_contact(tx: Changes, random: Random, made: _Made, major: int) -> None:
    kind = random.random()
    if kind < 0.4:
        country = random.choices(list(CITIES), (30, 18, 18, 14, 6, 6, 8))[0]
        name = f"{random.choice(HEADS)} {random.choice(TRADES)} {FORMS[country]}"
        values = _company(random, name, country, major)
        contact = tx.add("res.partner", **values, **_address(random, country))
        made.companies.append((contact, name, country))
        made.buyers.append(contact)
    elif kind < 0.72:
        parent, company, _ = random.choice(made.companies)
        person = _person(random, company, major)
        contact = tx.add("res.partner", parent_id=parent, **person)
        made.buyers.append(contact)
    elif kind < 0.86:
        parent, _, country = random.choice(made.companies)
        address = _address(random, country)
        kind_of_address = random.choice(("delivery", "invoice", "other"))
        label = random.choice((False, "Warehouse", "Head office", "Bookkeeping"))
        contact = tx.add(
            "res.partner", parent_id=parent, type=kind_of_address, name=label, **address
        )
    else:
        country = random.choice(list(CITIES))
        person = _person(random, "", major)
        contact = tx.add("res.partner", **person, **_address(random, country))
        made.buyers.append(contact)
    if random.random() < 0.06:
        tx.write("res.partner", [contact], active=False)


def _company(random: Random, name: str, country: int, major: int) -> dict[str, Any]:
    slug = name.lower().replace(" ", "-").rstrip(".")
    code = base.COUNTRIES[country][0]
    values = {
        "name": name,
        "is_company": True,
        "email": f"office@{slug}.example.com",
        "phone": _phone(random, country),
        "website": f"https://{slug}.example.com",
        "vat": f"{code}{random.randrange(10**9, 10**10)}" if random.random() < 0.8 else False,
        "ref": f"C{random.randrange(10**5):05}" if random.random() < 0.3 else False,
        "category_id": random.sample(list(base.TAGS), random.choice((0, 0, 1, 2))),
        "user_id": base.ADMIN_USER if random.random() < 0.5 else False,
        "lang": "fr_FR" if country == 3 else "en_US",
    }
    if major >= 16 and random.random() < 0.2:
        values["company_registry"] = str(random.randrange(10**8))
    return values


def _person(random: Random, company: str, major: int) -> dict[str, Any]:
    first, last = random.choice(FIRST), random.choice(LAST)
    domain = "example.com" if company else "example.org"
    values = {
        "name": f"{first} {last}",
        "email": f"{first}.{last}@{domain}".lower().replace(" ", "").replace("'", ""),
        "function": random.choice(JOBS) if company else False,
        "phone": _phone(random, 1) if random.random() < 0.6 else False,
        "tz": random.choice((False, "Europe/Brussels", "Asia/Tokyo")),
    }
    if major <= 18 and random.random() < 0.4:
        values["mobile"] = _phone(random, 1)
    return values


def _phone(random: Random, country: int) -> str:
    return f"+{base.COUNTRIES[country][2]} 555 {random.randrange(10**6):06}"


def _address(random: Random, country: int) -> dict[str, Any]:
    states = [key for key, (_, _, of) in base.STATES.items() if of == country]
    return {
        "street": f"{random.choice(STREETS)} {random.randrange(1, 220)}",
        "street2": "Building B" if random.random() < 0.1 else False,
        "zip": str(random.randrange(1000, 99999)),
        "city": random.choice(CITIES[country]),
        "state_id": random.choice(states) if states else False,
        "country_id": country,
    }


def _add_invoice(
    demo: DemoOdoo, random: Random, made: _Made, moment: datetime, *, may_refund: bool
) -> int:
    """Add an invoice and what became of it; return how many were added, its refund included."""
    move_type = _pick(random, MOVE_TYPES)
    currency = _pick(random, CURRENCIES)
    state = random.random()
    dated = state < 0.95 or move_type.startswith("in_")
    values: dict[str, Any] = {
        "invoice_date": moment.date() if dated else False,
        "date": moment.date(),
        "ref": f"PO{random.randrange(10**5):05}" if random.random() < 0.3 else False,
        "invoice_origin": f"S{random.randrange(10**5):05}" if random.random() < 0.4 else False,
        "invoice_payment_term_id": random.choice((False, *base.TERMS)),
        "fiscal_position_id": 1 if random.random() < 0.1 else False,
    }
    with demo.transaction(moment) as tx:
        invoice = tx.add_invoice(
            random.choice(made.buyers), _lines(random, move_type, currency), move_type, currency,
            **values,
        )  # fmt: skip
    if state < 0.82:
        may_refund = may_refund and move_type == "out_invoice"
        return 1 + _settle(demo, random, invoice, moment + timedelta(minutes=20), may_refund)
    if state < 0.88:
        with demo.transaction(moment + timedelta(hours=1)) as tx:
            tx.cancel([invoice])
    return 1


def _lines(random: Random, move_type: str, currency: str) -> list[dict[str, Any]]:
    taxes = (2,) if move_type.startswith("in_") else (1, 1, 3, 4)
    factor = {"JPY": 150, "TND": 3}.get(currency, 1)
    lines: list[dict[str, Any]] = []
    for number in range(random.choice((1, 1, 2, 2, 3, 5))):
        if number == 2:
            lines.append({"display_type": "line_section", "name": "Services"})
        line: dict[str, Any] = {
            "quantity": random.choice((1, 1, 2, 3, 12, 0.5, 7.25)),
            "price_unit": round(random.uniform(4, 900) * factor, 0 if currency == "JPY" else 2),
            "discount": random.choice((0, 0, 0, 5, 10, 33.33)),
            "tax_ids": [random.choice(taxes)] if random.random() < 0.9 else [],
        }
        if random.random() < 0.6:
            line["product_id"] = random.choice(list(base.PRODUCTS))
        else:
            line["name"] = random.choice(WORK)
        lines.append(line)
    if random.random() < 0.15:
        lines.append({"display_type": "line_note", "name": "Thank you for your order."})
    return lines


def _settle(
    demo: DemoOdoo, random: Random, invoice: int, posted_at: datetime, may_refund: bool
) -> int:
    """Post an invoice and, later, let it be paid in full, in part, by a credit note or not.

    Returns the number of credit notes made.
    """
    with demo.transaction(posted_at) as tx:
        tx.post([invoice])
    paid_at = posted_at + timedelta(days=random.uniform(1, 60))
    fate = random.random()
    if paid_at > base.MOMENT or fate < 0.15:
        if fate < 0.02 and demo.major >= 18:
            with demo.transaction(posted_at) as tx:
                tx.write("account.move", [invoice], payment_state="blocked")
        return 0
    total = demo.row("account.move", invoice)["amount_total"]
    if not total:
        return 0
    with demo.transaction(paid_at) as tx:
        if fate < 0.25:
            tx.pay([invoice], float(int(total / 3)) or None)
            return 0
        tx.pay([invoice])
        if fate < 0.30:
            tx.write("account.move", [invoice], payment_state="in_payment")
        elif fate < 0.34 and may_refund:
            tx.write("account.move", [invoice], payment_state="reversed")
            row = demo.row("account.move", invoice)
            refund = tx.add_invoice(
                row["partner_id"], [{"name": "Refund", "price_unit": total}], "out_refund",
                demo.row("res.currency", row["currency_id"])["name"],
                invoice_date=paid_at.date(), reversed_entry_id=invoice, post=True,
            )  # fmt: skip
            tx.pay([refund])
            return 1
    return 0


def _add_entry(demo: DemoOdoo, moment: datetime) -> None:
    """A journal entry that is no invoice: a mirror of invoices must leave it out."""
    with demo.transaction(moment) as tx:
        tx.add("account.move", move_type="entry", date=moment.date(), ref="Bank fees")
