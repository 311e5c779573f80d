"""The small Odoo tables that ids refer to: read whole, kept in ``Reference``, used by the mappers."""

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from odoo_bridge.models import Reference
from odoo_bridge.odoo import values
from odoo_bridge.odoo.calls import Record
from odoo_bridge.odoo.errors import OdooForbidden, OdooMissing, OdooRejected, RecordRejected
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.sync.faults import is_of_a_row

logger = logging.getLogger(__name__)

# The field with a kind's code. Decimal places, currency and type have the same name in every kind.
_CODE = {
    "res.currency": "name",
    "res.country": "code",
    "res.country.state": "code",
    "account.journal": "code",
}
# Kind -> the records of the whole table; None if our user may not read it.
Found = dict[str, list[Record] | None]
_FIELDS = ("name", "code", "active", "decimal_places", "currency_id", "type")


class UnknownReference(RecordRejected):
    """A record names a currency or country that was not there when the references were read."""


class References:
    """The codes in ``Reference``, in memory for the length of a run."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, int], str] = {}
        self.load()

    def load(self) -> None:
        rows = Reference.objects.filter(kind__in=["res.currency", "res.country"]).order_by()
        for kind, odoo_id, code in rows.values_list("kind", "odoo_id", "code"):
            self._codes[kind, odoo_id] = code

    def code(self, kind: str, odoo_id: int) -> str:
        try:
            return self._codes[kind, odoo_id]
        except KeyError:
            raise UnknownReference(f"{kind} {odoo_id} is not known") from None


def read(gateway: Gateway, kinds: Iterable[str]) -> Found:
    """Read the whole tables of ``kinds``."""
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
    """Store what was read after ``since``, a moment on the database's clock.

    If a reference cannot be stored, its last copy stays. If there is none, rows that need its code
    become issues.
    """
    for kind, records in found.items():
        if records is not None:
            rows = (_converted(kind, record) for record in records)
            _save(kind, [row for row in rows if row is not None])
            # References that were stored meanwhile may be newer than the list.
            vanished = Reference.objects.filter(kind=kind, gone_at=None, stored_at__lt=since)
            vanished.exclude(odoo_id__in=[record["id"] for record in records]).update(
                gone_at=Now(), stored_at=Now()
            )


def _converted(kind: str, record: Record) -> Reference | None:
    try:
        return _to_reference(kind, record)
    except Exception as exc:
        logger.warning("%s %s cannot be stored: %s", kind, record.get("id"), exc)
        return None


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
    """Write the rows that differ. What Odoo no longer shows is marked gone: rows may still name it."""
    kept = ["name", "code", "active", "decimal_places", "currency_id", "type", "gone_at"]
    known = {
        row.odoo_id: tuple(getattr(row, name) for name in kept)
        for row in Reference.objects.filter(kind=kind)
    }
    # By id: two streams may write the same kind at once, and must lock its rows in the same order.
    rows = sorted(rows, key=lambda row: row.odoo_id)
    different = [
        row for row in rows if known.get(row.odoo_id) != tuple(getattr(row, name) for name in kept)
    ]
    _upsert(different, [*kept, "stored_at"])


def _upsert(rows: list[Reference], fields: list[str]) -> None:
    """Write ``rows``; if the database refuses some of them, all others."""
    try:
        with transaction.atomic():
            Reference.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["kind", "odoo_id"],
                update_fields=fields,
            )
    except Exception as exc:
        if not is_of_a_row(exc):
            raise
        if len(rows) == 1:
            logger.warning("%s %s cannot be stored: %s", rows[0].kind, rows[0].odoo_id, exc)
            return
        middle = len(rows) // 2
        _upsert(rows[:middle], fields)
        _upsert(rows[middle:], fields)
