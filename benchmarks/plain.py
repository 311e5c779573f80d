"""The API with a plain view beside it: a page of invoices from one SQL query, written by hand."""

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
SPELLED = ", ".join(
    [f"round(i.{name}, c.decimal_places)::text AS {name}" for name in AMOUNTS]
    + [f"round(i.{name}_signed, cc.decimal_places)::text AS {name}_signed" for name in AMOUNTS]
)
STAMP = """'YYYY-MM-DD"T"HH24:MI:SS"Z"'"""
PAGE = f"""
SELECT i.odoo_id, i.name, i.move_type, i.state, i.payment_state, i.contact_id,
  coalesce(nullif(p.complete_name, ''), p.name, '') AS contact_name, i.commercial_contact_id,
  i.shipping_contact_id, i.invoice_date::text, i.invoice_date_due::text, i.date::text, i.ref,
  i.payment_reference, i.invoice_origin, i.currency_id, i.currency_code, i.company_id,
  coalesce(k.name, '') AS company_name, i.journal_id, coalesce(j.name, '') AS journal_name,
  i.fiscal_position_id, i.payment_term_id, i.salesperson_id,
  coalesce(u.name, '') AS salesperson_name, {SPELLED}, i.reversed_entry_id, i.line_ids, i.extra,
  to_char(i.create_date, {STAMP}) AS create_date, to_char(i.write_date, {STAMP}) AS write_date,
  to_char(i.gone_at, {STAMP}) AS gone_at, i.change_seq, to_char(i.stored_at, {STAMP}) AS stored_at
  {{count}}
FROM invoices_invoice i
LEFT JOIN contacts_contact p ON p.odoo_id = i.contact_id
LEFT JOIN odoo_bridge_reference k ON k.kind = 'res.company' AND k.odoo_id = i.company_id
LEFT JOIN odoo_bridge_reference j ON j.kind = 'account.journal' AND j.odoo_id = i.journal_id
LEFT JOIN odoo_bridge_reference u ON u.kind = 'res.users' AND u.odoo_id = i.salesperson_id
LEFT JOIN odoo_bridge_reference c ON c.kind = 'res.currency' AND c.odoo_id = i.currency_id
LEFT JOIN odoo_bridge_reference cc ON cc.kind = 'res.currency' AND cc.odoo_id = k.currency_id
WHERE i.gone_at IS NULL AND i.odoo_id > %s ORDER BY i.odoo_id LIMIT %s
"""
COUNT = ", (SELECT count(*) FROM invoices_invoice WHERE gone_at IS NULL) AS count"
JSON = ("line_ids", "extra")


def invoices(request: HttpRequest) -> HttpResponse:
    cursor, last = request.GET.get("cursor"), 0
    if cursor:
        last = orjson.loads(_unpacked(cursor))[2]
    address = request.build_absolute_uri(request.path)
    with connection.cursor() as database:
        database.execute(PAGE.format(count=COUNT if cursor is None else ""), [last, 101])
        names = [column.name for column in database.description]
        rows: list[dict[str, Any]] = [
            dict(zip(names, row, strict=True)) for row in database.fetchall()
        ]
    count = rows[0].pop("count") if cursor is None else None
    page = rows[:100]
    for row in page:
        row.pop("count", None)
        for name in JSON:
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


urlpatterns = [path("plain/invoices", invoices), *api]
