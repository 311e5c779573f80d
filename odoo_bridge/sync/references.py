"""The small Odoo tables behind ids: read whole, kept in ``Reference``, looked up by the mappers."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models.functions import Now

from odoo_bridge.models import Reference
from odoo_bridge.odoo import values
from odoo_bridge.odoo.errors import OdooForbidden, OdooMissing, OdooRejected, RecordRejected
from odoo_bridge.odoo.gateway import Gateway, Record

# Where a kind keeps its code; decimal places, currency and type are named alike everywhere.
_CODE = {
    "res.currency": "name",
    "res.country": "code",
    "res.country.state": "code",
    "account.journal": "code",
}
# By kind the records of the whole table; None where we may not read it.
Found = dict[str, list[Record] | None]
_FIELDS = ("name", "code", "active", "decimal_places", "currency_id", "type")


class UnknownReference(RecordRejected):
    """A record names a currency, country or company that was not there at the last look."""


class References:
    """What ``Reference`` says, in memory for the length of a run."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, int], str] = {}
        self._places: dict[int, int] = {}
        self._company_currencies: dict[int, int] = {}
        self.load()

    def load(self) -> None:
        for row in Reference.objects.filter(
            kind__in=["res.currency", "res.country", "res.company"]
        ):
            self._codes[row.kind, row.odoo_id] = row.code
            if row.decimal_places is not None:
                self._places[row.odoo_id] = row.decimal_places
            if row.currency_id is not None:
                self._company_currencies[row.odoo_id] = row.currency_id

    def code(self, kind: str, odoo_id: int) -> str:
        try:
            return self._codes[kind, odoo_id]
        except KeyError:
            raise UnknownReference(f"{kind} {odoo_id} is not known") from None

    def decimal_places(self, currency_id: int | None) -> int:
        if currency_id is None:
            raise ValueError("an amount without a currency")
        try:
            return self._places[currency_id]
        except KeyError:
            raise UnknownReference(f"res.currency {currency_id} is not known") from None

    def company_currency(self, company_id: int | None) -> int | None:
        if company_id is None:
            return None
        try:
            return self._company_currencies[company_id]
        except KeyError:
            raise UnknownReference(f"res.company {company_id} is not known") from None


def read(gateway: Gateway, kinds: Iterable[str]) -> Found:
    """Read the tables ``kinds``, whole."""
    found: Found = {}
    for kind in kinds:
        try:
            fields = [name for name in _FIELDS if name in gateway.fields(kind)]
            found[kind] = [
                record for page in gateway.search_read(kind, [], fields) for record in page
            ]
        except (OdooForbidden, OdooMissing, OdooRejected):
            found[kind] = None
    return found


def save(found: Found, since: datetime) -> None:
    """Keep what was read after ``since``, a moment on the database's clock."""
    for kind, records in found.items():
        if records is not None:
            _save(kind, [_to_reference(kind, record) for record in records])
            # What was stored meanwhile may be newer than the list.
            vanished = Reference.objects.filter(kind=kind, gone_at=None, stored_at__lt=since)
            vanished.exclude(odoo_id__in=[record["id"] for record in records]).update(
                gone_at=Now(), stored_at=Now()
            )


def _to_reference(kind: str, record: Record) -> Reference:
    code = record.get(_CODE.get(kind, ""), False)
    return Reference(
        kind=kind,
        odoo_id=record["id"],
        name=values.text(record.get("name", False)),
        code=values.text(code),
        active=bool(record.get("active", True)),
        decimal_places=record.get("decimal_places") if kind == "res.currency" else None,
        currency_id=values.many2one(record.get("currency_id", False))
        if kind == "res.company"
        else None,
        type=values.text(record.get("type", False)) if kind == "account.journal" else "",
    )


def _save(kind: str, rows: list[Reference]) -> None:
    """Write what differs. One that Odoo no longer shows is marked gone: rows may still name it."""
    kept = ["name", "code", "active", "decimal_places", "currency_id", "type", "gone_at"]
    known = {
        row.odoo_id: tuple(getattr(row, name) for name in kept)
        for row in Reference.objects.filter(kind=kind)
    }
    # By id: two streams may write the same kind at once, and must meet its rows in one order.
    rows = sorted(rows, key=lambda row: row.odoo_id)
    different = [
        row for row in rows if known.get(row.odoo_id) != tuple(getattr(row, name) for name in kept)
    ]
    Reference.objects.bulk_create(
        different,
        update_conflicts=True,
        unique_fields=["kind", "odoo_id"],
        update_fields=[*kept, "stored_at"],
    )
