"""The API with two plain views beside it: a page of contacts or invoices from one SQL query, written
by hand."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.ROOT_URLCONF = "plain"
application = get_wsgi_application()

import orjson  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

from odoo_bridge.api.keyset import Position  # noqa: E402
from odoo_bridge.urls import handler400, handler404, handler500  # noqa: E402
from odoo_bridge.urls import urlpatterns as api  # noqa: E402

__all__ = ["application", "handler400", "handler404", "handler500", "urlpatterns"]

AMOUNTS = ("amount_untaxed", "amount_tax", "amount_total", "amount_residual")
# With the decimals of the currency, or with all that the value has if these are more.
AMOUNT = "round(i.{0}, greatest({1}.decimal_places, scale(trim_scale(i.{0}))))::text AS {0}"
SPELLED = ", ".join(
    [AMOUNT.format(name, "c") for name in AMOUNTS]
    + [AMOUNT.format(f"{name}_signed", "cc") for name in AMOUNTS]
)
STAMP = """'YYYY-MM-DD"T"HH24:MI:SS"Z"'"""
# The benchmark's user created none of the records.
STAMPS = f"""
CASE WHEN i.created_by_id IS NOT NULL THEN 'other' END AS created_by,
  to_char(i.create_date, {STAMP}) AS create_date, to_char(i.write_date, {STAMP}) AS write_date,
  to_char(i.gone_at, {STAMP}) AS gone_at, i.change_seq, to_char(i.stored_at, {STAMP}) AS stored_at
  {{count}}
"""
BEHIND = "WHERE i.gone_at IS NULL AND i.odoo_id > %s ORDER BY i.odoo_id LIMIT %s"
INVOICES = f"""
SELECT i.odoo_id, i.name, i.move_type, i.state, i.payment_state, i.contact_id,
  coalesce(nullif(p.complete_name, ''), p.name, '') AS contact_name, i.commercial_contact_id,
  i.shipping_contact_id, i.invoice_date::text, i.invoice_date_due::text, i.date::text, i.ref,
  i.payment_reference, i.invoice_origin, i.currency_id, i.currency_code, i.company_id,
  coalesce(k.name, '') AS company_name, i.journal_id, coalesce(j.name, '') AS journal_name,
  i.fiscal_position_id, i.payment_term_id, i.salesperson_id,
  coalesce(u.name, '') AS salesperson_name, {SPELLED}, i.reversed_entry_id, i.line_ids, i.extra,
  {STAMPS}
FROM invoices_invoice i
LEFT JOIN contacts_contact p ON p.odoo_id = i.contact_id
LEFT JOIN odoo_bridge_reference k ON k.kind = 'res.company' AND k.odoo_id = i.company_id
LEFT JOIN odoo_bridge_reference j ON j.kind = 'account.journal' AND j.odoo_id = i.journal_id
LEFT JOIN odoo_bridge_reference u ON u.kind = 'res.users' AND u.odoo_id = i.salesperson_id
LEFT JOIN odoo_bridge_reference c ON c.kind = 'res.currency' AND c.odoo_id = i.currency_id
LEFT JOIN odoo_bridge_reference cc ON cc.kind = 'res.currency' AND cc.odoo_id = k.currency_id
{BEHIND}
"""
CONTACTS = f"""
SELECT i.odoo_id, i.name, i.complete_name, i.email, i.phone, i.mobile, i.is_company, i.type,
  i.parent_id, i.commercial_contact_id, i.company_name, i.function, i.vat, i.ref,
  i.company_registry, i.website, i.street, i.street2, i.city, i.zip, i.state_id,
  coalesce(s.name, '') AS state_name, i.country_id, i.country_code,
  coalesce(l.name, '') AS country_name, i.lang, i.tz, i.active, i.company_id,
  coalesce(k.name, '') AS odoo_company_name, i.tag_ids, i.salesperson_id,
  coalesce(u.name, '') AS salesperson_name, i.customer_rank, i.supplier_rank, i.extra, {STAMPS}
FROM contacts_contact i
LEFT JOIN odoo_bridge_reference s ON s.kind = 'res.country.state' AND s.odoo_id = i.state_id
LEFT JOIN odoo_bridge_reference l ON l.kind = 'res.country' AND l.odoo_id = i.country_id
LEFT JOIN odoo_bridge_reference k ON k.kind = 'res.company' AND k.odoo_id = i.company_id
LEFT JOIN odoo_bridge_reference u ON u.kind = 'res.users' AND u.odoo_id = i.salesperson_id
{BEHIND}
"""
COUNT = ", (SELECT count(*) FROM {table} WHERE gone_at IS NULL) AS count"


def invoices(request: HttpRequest) -> HttpResponse:
    return _page(request, INVOICES, "invoices_invoice", ("line_ids", "extra"))


def contacts(request: HttpRequest) -> HttpResponse:
    return _page(request, CONTACTS, "contacts_contact", ("tag_ids", "extra"))


def _page(request: HttpRequest, query: str, table: str, of_json: tuple[str, ...]) -> HttpResponse:
    cursor, last = request.GET.get("cursor"), 0
    if cursor:
        last = orjson.loads(_unpacked(cursor))[2]
    address = request.build_absolute_uri(request.path)
    with connection.cursor() as database:
        count_too = COUNT.format(table=table) if cursor is None else ""
        database.execute(query.format(count=count_too), [last, 101])
        names = [column.name for column in database.description]
        rows: list[dict[str, Any]] = [
            dict(zip(names, row, strict=True)) for row in database.fetchall()
        ]
    count = rows[0].pop("count") if cursor is None else None
    page = rows[:100]
    for row in page:
        row.pop("count", None)
        for name in of_json:
            row[name] = orjson.loads(row[name])
    links: dict[str, str | None] = {"next": None, "previous": None}
    if cursor is None and len(rows) > 100:
        links["next"] = f"{address}?page=2"
    elif len(rows) > 100:
        links["next"] = f"{address}?cursor={_place(page[-1])}"
    if cursor:
        links["previous"] = f"{address}?cursor={_place(page[0], back=True)}"
    body = orjson.dumps({"count": count, **links, "results": page})
    return HttpResponse(body, content_type="application/json")


def _place(row: dict[str, Any], *, back: bool = False) -> Position:
    return Position("odoo_id", row["odoo_id"], row["odoo_id"], back)


def _unpacked(cursor: str) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


urlpatterns = [path("plain/invoices", invoices), path("plain/contacts", contacts), *api]
