"""Contacts straight from Odoo."""

from typing import Any

from odoo_bridge import live

FIELDS = (
    "name",
    "email",
    "phone",
    "is_company",
    "parent_id",
    "vat",
    "ref",
    "street",
    "city",
    "zip",
    "country_id",
    "company_id",
    "active",
    "write_date",
)


def contacts(*, limit: int, after: int, search: str) -> list[dict[str, Any]]:
    return live.read("res.partner", FIELDS, [], limit=limit, after=after, search=search)
