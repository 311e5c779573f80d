"""The names of the ids in a page of rows, without a query per row."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from odoo_bridge.models import Reference

# For a currency that is not copied yet. Most currencies have two decimal places.
USUAL_PLACES = 2


class _Known(NamedTuple):
    name: str
    decimal_places: int | None
    currency_id: int | None
    stored_at: datetime
    gone_at: datetime | None


class Names:
    """Names of references and decimal places of currencies. Each is looked up once.

    An object serves one response, be it a page or an export of many pages. ``names_at`` returns one
    that lives longer.
    ``viewer``: the id of the user who reads the response, if it is known.
    """

    viewer: int | None = None

    def __init__(self, known: dict[tuple[str, int], _Known | None] | None = None) -> None:
        self._known = {} if known is None else known

    def learn(self, ids: Mapping[str, Iterable[int | None]]) -> None:
        """Look up those of ``ids`` (kind -> ids) that are not known yet, in one query at most.

        A company brings its currency.
        """
        asked, missing = Q(), set()
        for kind, some in ids.items():
            new = {i for i in some if i is not None and (kind, i) not in self._known}
            if not new:
                continue
            missing |= {(kind, i) for i in new}
            asked |= Q(kind=kind, odoo_id__in=new)
            if kind == Reference.Kind.COMPANY:
                currencies = Reference.objects.filter(kind=kind, odoo_id__in=new)
                asked |= Q(
                    kind=Reference.Kind.CURRENCY, odoo_id__in=currencies.values("currency_id")
                )
        if not missing:
            return
        rows = Reference.objects.filter(asked).order_by()
        for kind, odoo_id, *rest in rows.values_list("kind", "odoo_id", *_Known._fields):
            self._known[kind, odoo_id] = _Known(*rest)
        for reference in missing:
            # Do not look up an id without a row again.
            self._known.setdefault(reference, None)

    def name(self, kind: str, odoo_id: int | None) -> str:
        """The name; empty if there is no id, if its row is not here, or if the row is gone."""
        known = self._known.get((kind, odoo_id or 0))
        return known.name if known and known.gone_at is None else ""

    @property
    def stored_at(self) -> datetime | None:
        """When the newest reference that was looked up was stored."""
        known = list(self._known.values())  # other threads may be learning
        return max((one.stored_at for one in known if one), default=None)

    def places(self, currency_id: int | None) -> int:
        known = self._known.get((Reference.Kind.CURRENCY, currency_id or 0))
        if known is None or known.decimal_places is None:
            return USUAL_PLACES
        return known.decimal_places

    def company_places(self, company_id: int | None) -> int:
        known = self._known.get((Reference.Kind.COMPANY, company_id or 0))
        return self.places(known.currency_id if known else None)


_REST = timedelta(minutes=1)
_remembered: tuple[datetime | None, dict[tuple[str, int], _Known | None]] = (None, {})


def names_at(newest: datetime | None, now: datetime) -> Names:
    """Return names that this process keeps until a reference changes.

    ``newest``: the latest stored_at of all references. Two transactions may commit in another order
    than they are stamped, so only what has rested for a minute is remembered.
    """
    global _remembered
    if newest is None or now - newest < _REST:
        return Names()
    remembered = _remembered
    if remembered[0] != newest:
        _remembered = remembered = (newest, {})
    return Names(remembered[1])
