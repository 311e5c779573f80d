"""Which models and fields the demo Odoo has, per version.

Types, storage, labels and flags are what ``fields_get`` answers on Odoo 14 and 19; only fields that
a mirror of contacts and invoices can want are here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from odoo_bridge.demo.fields import (
    Field,
    Model,
    boolean,
    char,
    date_,
    datetime_,
    float_,
    html,
    integer,
    many2many,
    many2one,
    monetary,
    one2many,
    selection,
    text,
)
from odoo_bridge.demo.selections import (
    JOURNAL_TYPES,
    LEGACY,
    LINE_KINDS,
    MOVE_TYPES,
    PAYMENT_STATES,
    STATES,
    TAX_KINDS,
    TAX_USES,
    TIMEZONES,
)

LOG_FIELDS = (
    datetime_("create_date", "Created on", readonly=True),
    datetime_("write_date", "Last Updated on", readonly=True),
    many2one("create_uid", "Created by", "res.users", readonly=True),
    many2one("write_uid", "Last Updated by", "res.users", readonly=True),
)

PARTNER_FIELDS = (
    char("name", "Name"),
    char("complete_name", "Complete Name", readonly=True, since=17),
    char("display_name", "Display Name", readonly=True, until=16),
    char("email", "Email"),
    char("phone", "Phone"),
    char("mobile", "Mobile", until=18),
    boolean("is_company", "Is a Company"),
    selection(
        "type",
        "Address Type",
        ("contact", "Contact"),
        ("invoice", "Invoice Address"),
        ("delivery", "Delivery Address"),
        ("other", "Other Address"),
        ("private", "Private Address"),
        default="contact",
        until=16,
    ),
    selection(
        "type",
        "Address Type",
        ("contact", "Contact"),
        ("invoice", "Invoice"),
        ("delivery", "Delivery"),
        ("other", "Other"),
        default="contact",
        since=17,
    ),
    many2one("parent_id", "Related Company", "res.partner", indexed=True),
    one2many("child_ids", "Contact", "res.partner", "parent_id"),
    many2one("commercial_partner_id", "Commercial Entity", "res.partner", readonly=True),
    char("commercial_company_name", "Company Name Entity", readonly=True),
    char("company_name", "Company Name"),
    char("function", "Job Position"),
    char("vat", "Tax ID"),
    char("ref", "Reference"),
    char("company_registry", "Company ID", since=16),
    char("website", "Website Link"),
    char("street", "Street"),
    char("street2", "Street2"),
    char("city", "City"),
    char("zip", "Zip"),
    many2one("state_id", "State", "res.country.state", restricts=True),
    many2one("country_id", "Country", "res.country", restricts=True),
    selection("lang", "Language", ("en_US", "English (US)"), ("fr_FR", "French"), default="en_US"),
    selection("tz", "Timezone", *((zone, zone) for zone in TIMEZONES)),
    boolean("active", "Active", default=True),
    many2one("company_id", "Company", "res.company"),
    many2many("category_id", "Tags", "res.partner.category"),
    many2one("user_id", "Salesperson", "res.users"),
    integer("customer_rank", "Customer Rank"),
    integer("supplier_rank", "Supplier Rank"),
    text("comment", "Notes", until=15),
    html("comment", "Notes", since=16),
)


def _by_state(make: Callable[..., Field], *args: Any, **more: Any) -> tuple[Field, Field]:
    # Up to 16 such a field was read-only in general and writable in drafts; fields_get says the former.
    return make(*args, readonly=True, until=16, **more), make(*args, since=17, **more)


MOVE_FIELDS = (
    char("name", "Number"),
    selection("move_type", "Type", *MOVE_TYPES, required=True, readonly=True, default="entry"),
    selection("state", "Status", *STATES, required=True, readonly=True, default="draft"),
    selection(
        "payment_state",
        "Payment Status",
        *PAYMENT_STATES,
        LEGACY,
        readonly=True,
        default="not_paid",
        until=17,
    ),
    selection(
        "payment_state",
        "Payment Status",
        *PAYMENT_STATES,
        ("blocked", "Blocked"),
        LEGACY,
        readonly=True,
        default="not_paid",
        since=18,
    ),
    *_by_state(many2one, "partner_id", "Partner", "res.partner", indexed=True),
    many2one(
        "commercial_partner_id", "Commercial Entity", "res.partner", readonly=True, indexed=True
    ),
    many2one(
        "partner_shipping_id", "Delivery Address", "res.partner", readonly=True, since=16, until=16
    ),
    many2one("partner_shipping_id", "Delivery Address", "res.partner", since=17),
    char("invoice_partner_display_name", "Invoice Partner Display Name", readonly=True),
    *_by_state(date_, "invoice_date", "Invoice/Bill Date"),
    *_by_state(date_, "invoice_date_due", "Due Date"),
    *_by_state(date_, "date", "Date", required=True),
    char("ref", "Reference"),
    char("payment_reference", "Payment Reference"),
    char("invoice_origin", "Origin", readonly=True),
    *_by_state(many2one, "currency_id", "Currency", "res.currency", required=True, restricts=True),
    many2one("company_currency_id", "Company Currency", "res.currency", readonly=True, store=False),
    *_by_state(many2one, "company_id", "Company", "res.company"),
    *_by_state(many2one, "journal_id", "Journal", "account.journal", required=True, restricts=True),
    *_by_state(
        many2one, "fiscal_position_id", "Fiscal Position", "account.fiscal.position", restricts=True
    ),
    *_by_state(
        many2one, "invoice_payment_term_id", "Payment Terms", "account.payment.term", restricts=True
    ),
    many2one("invoice_user_id", "Salesperson", "res.users"),
    monetary("amount_untaxed", "Untaxed Amount", readonly=True),
    monetary("amount_tax", "Tax", readonly=True),
    monetary("amount_total", "Total", readonly=True),
    monetary("amount_residual", "Amount Due", readonly=True),
    monetary("amount_untaxed_signed", "Untaxed Amount Signed", readonly=True),
    monetary("amount_tax_signed", "Tax Signed", readonly=True),
    monetary("amount_total_signed", "Total Signed", readonly=True),
    monetary("amount_residual_signed", "Amount Due Signed", readonly=True),
    monetary(
        "amount_total_in_currency_signed", "Total in Currency Signed", readonly=True, since=16
    ),
    many2one("reversed_entry_id", "Reversal of", "account.move", readonly=True, indexed=True),
    *_by_state(one2many, "invoice_line_ids", "Invoice lines", "account.move.line", "move_id"),
    *_by_state(one2many, "line_ids", "Journal Items", "account.move.line", "move_id"),
    text("narration", "Terms and Conditions", until=15),
    html("narration", "Terms and Conditions", since=16),
    char("sequence_prefix", "Sequence Prefix", readonly=True, indexed=True),
    integer("sequence_number", "Sequence Number", readonly=True),
    boolean("posted_before", "Posted Before"),
)

LINE_FIELDS = (
    many2one(
        "move_id", "Journal Entry", "account.move", required=True, readonly=True, indexed=True
    ),
    integer("sequence", "Sequence"),
    selection(
        "display_type", "Display Type", ("line_section", "Section"), ("line_note", "Note"), until=15
    ),
    selection("display_type", "Display Type", *LINE_KINDS, required=True, since=16, until=18),
    selection(
        "display_type",
        "Display Type",
        *LINE_KINDS,
        ("line_subsection", "Subsection"),
        required=True,
        since=19,
    ),
    boolean("exclude_from_invoice_tab", "Exclude From Invoice Tab", until=15),
    char("name", "Label"),
    many2one("product_id", "Product", "product.product", until=15),
    many2one("product_id", "Product", "product.product", restricts=True, since=16),
    float_("quantity", "Quantity"),
    many2one("product_uom_id", "Unit of Measure", "uom.uom", until=17),
    many2one("product_uom_id", "Unit", "uom.uom", since=18),
    float_("price_unit", "Unit Price"),
    float_("discount", "Discount (%)"),
    many2many("tax_ids", "Taxes", "account.tax"),
    many2one("tax_line_id", "Originator Tax", "account.tax", readonly=True, restricts=True),
    many2one("account_id", "Account", "account.account"),
    monetary("price_subtotal", "Subtotal", readonly=True),
    monetary("price_total", "Total", readonly=True),
    monetary("debit", "Debit"),
    monetary("credit", "Credit"),
    monetary("balance", "Balance", readonly=True, until=15),
    monetary("balance", "Balance", since=16),
    monetary("amount_currency", "Amount in Currency"),
    monetary("amount_residual", "Residual Amount", readonly=True),
    monetary("amount_residual_currency", "Residual Amount in Currency", readonly=True),
    many2one("currency_id", "Currency", "res.currency", required=True),
    many2one("company_currency_id", "Company Currency", "res.currency", readonly=True),
    many2one("company_id", "Company", "res.company", readonly=True),
    many2one("journal_id", "Journal", "account.journal", readonly=True),
    many2one("partner_id", "Partner", "res.partner", indexed=True),
    date_("date", "Date", readonly=True),
    date_("date_maturity", "Due Date"),
    selection("parent_state", "Status", *STATES, readonly=True),
    char("move_name", "Number", readonly=True),
)


@dataclass(frozen=True, slots=True)
class _Source:
    label: str
    order: str
    fields: tuple[Field, ...]


_active = boolean("active", "Active", default=True)

MODELS: dict[str, _Source] = {
    "res.partner": _Source("Contact", "", PARTNER_FIELDS),
    "account.move": _Source("Journal Entry", "date desc, name desc, id desc", MOVE_FIELDS),
    "account.move.line": _Source("Journal Item", "date desc, move_name desc, id", LINE_FIELDS),
    "res.currency": _Source(
        "Currency",
        "active desc, name",
        (
            char("name", "Currency", required=True),
            char("full_name", "Name", since=16),
            char("symbol", "Symbol", required=True),
            integer("decimal_places", "Decimal Places", readonly=True),
            float_("rounding", "Rounding Factor"),
            # How many of it one unit of the company's currency buys.
            float_("rate", "Current Rate", readonly=True, store=False),
            _active,
        ),
    ),
    "res.country": _Source(
        "Country",
        "name",
        (
            char("name", "Country Name", required=True),
            char("code", "Country Code", until=15),
            char("code", "Country Code", required=True, since=16),
            integer("phone_code", "Country Calling Code"),
        ),
    ),
    "res.country.state": _Source(
        "Country state",
        "code",
        (
            char("name", "State Name", required=True),
            char("code", "State Code", required=True),
            many2one("country_id", "Country", "res.country", required=True),
        ),
    ),
    "res.company": _Source(
        "Companies",
        "name",
        (
            char("name", "Company Name", required=True),
            many2one("currency_id", "Currency", "res.currency", required=True),
            many2one("partner_id", "Partner", "res.partner", required=True),
            boolean("active", "Active", default=True, since=16),
        ),
    ),
    "account.journal": _Source(
        "Journal",
        "type, code",
        (
            char("name", "Journal Name", required=True),
            char("code", "Short Code", required=True, until=16),
            char("code", "Sequence Prefix", required=True, since=17),
            selection("type", "Type", *JOURNAL_TYPES, required=True, until=17),
            selection(
                "type", "Type", *JOURNAL_TYPES, ("credit", "Credit Card"), required=True, since=18
            ),
            many2one("company_id", "Company", "res.company", required=True, readonly=True),
            many2one("currency_id", "Currency", "res.currency"),
            _active,
        ),
    ),
    "account.tax": _Source(
        "Tax",
        "sequence, id",
        (
            char("name", "Tax Name", required=True),
            integer("sequence", "Sequence", required=True, default=1),
            float_("amount", "Amount", required=True),
            selection(
                "amount_type", "Tax Computation", *TAX_KINDS, required=True, default="percent"
            ),
            selection("type_tax_use", "Tax Type", *TAX_USES, required=True, default="sale"),
            many2one("company_id", "Company", "res.company", required=True, readonly=True),
            _active,
        ),
    ),
    "res.partner.category": _Source(
        "Partner Tags",
        "name, id",
        (
            char("name", "Name", required=True),
            integer("color", "Color"),
            many2many("partner_ids", "Partners", "res.partner", inverse="category_id"),
            _active,
        ),
    ),
    "res.users": _Source(
        "User",
        "name, login",
        (
            char("name", "Name", store=False),
            char("login", "Login", required=True),
            char("email", "Email", store=False),
            many2one("partner_id", "Related Partner", "res.partner", required=True, indexed=True),
            many2one("company_id", "Company", "res.company", required=True),
            many2many("company_ids", "Companies", "res.company"),
            boolean("share", "Share User"),
            _active,
        ),
    ),
    "res.users.apikeys": _Source(
        "Users API Keys",
        "id",
        (
            char("name", "Description", required=True, readonly=True),
            many2one("user_id", "User", "res.users", required=True, readonly=True),
            char("scope", "Scope", readonly=True),
            datetime_("expiration_date", "Expiration Date", readonly=True, since=18),
        ),
    ),
    "uom.uom": _Source("Product Unit of Measure", "id", (
        char("name", "Unit Name", required=True), _active,
    )),
    "account.payment.term": _Source("Payment Terms", "id", (
        char("name", "Payment Terms", required=True),
        many2one("company_id", "Company", "res.company"),
        _active,
    )),
    "account.fiscal.position": _Source("Fiscal Position", "id", (
        char("name", "Fiscal Position", required=True),
        many2one("company_id", "Company", "res.company", required=True, readonly=True),
        _active,
    )),
    "account.account": _Source("Account", "id", (
        char("name", "Account Name", required=True),
        char("code", "Code", required=True, until=17),
        char("code", "Code", store=False, since=18),
        boolean("deprecated", "Deprecated", until=18),
        boolean("active", "Active", default=True, since=19),
    )),
    "ir.config_parameter": _Source("System Parameter", "key", (
        char("key", "Key", required=True),
        char("value", "Value", required=True),
    )),
    "ir.model.data": _Source("Model Data", "module, model, name", (
        char("module", "Module", required=True, default=""),
        char("name", "External Identifier", required=True, indexed=True),
        char("model", "Model Name", required=True),
        integer("res_id", "Record ID", indexed=True),
    )),
    "product.template": _Source("Product", "name, id", (
        char("name", "Name", required=True),
        float_("list_price", "Sales Price"),
        _active,
    )),
    "product.product": _Source("Product Variant", "default_code, id", (
        many2one("product_tmpl_id", "Product Template", "product.template", required=True),
        char("name", "Name", store=False, required=True, related="product_tmpl_id.name"),
        char("default_code", "Internal Reference"),
        float_("list_price", "Sales Price", store=False, related="product_tmpl_id.list_price"),
        # From 17 on a change of the template moves the stamp of its variants.
        datetime_(
            "write_date", "Write Date", readonly=True,
            depends=("product_tmpl_id.write_date",), since=17,
        ),
        _active,
    )),
    "res.partner.bank": _Source("Bank Accounts", "sequence, id", (
        char("acc_number", "Account Number", required=True),
        char("acc_holder_name", "Account Holder Name"),
        many2one("partner_id", "Account Holder", "res.partner", required=True, indexed=True),
        many2one("currency_id", "Currency", "res.currency"),
        integer("sequence", "Sequence", default=10),
        _active,
    )),
}  # fmt: skip

PARTNER_ORDER = {True: "complete_name, id desc", False: "display_name, id desc"}


def models_of(major: int) -> dict[str, Model]:
    """Return the models of that version, each with ``id``, its fields and the log fields."""
    answer = {}
    for name, source in MODELS.items():
        fields = [integer("id", "ID", readonly=True), *LOG_FIELDS, *source.fields]
        own = {each.name: each for each in fields if each.since <= major <= each.until}
        own.setdefault(
            "display_name", char("display_name", "Display Name", readonly=True, store=False)
        )
        order = source.order or PARTNER_ORDER["complete_name" in own]
        answer[name] = Model(name, source.label, order, own)
    return answer
