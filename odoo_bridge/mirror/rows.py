"""Rows of the mirror in the form that the API returns: from a query set to dicts, a page at a time.

Serializers describe these rows to OpenAPI. Asking them for the values, field by field of a model
instance made for the purpose, takes several times as long (docs/performance.md).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from odoo_bridge.mirror.names import Names

Row = dict[str, Any]


@dataclass(frozen=True)
class Spelled:
    """A field that is not just the column with the same name.

    ``spell(names, *columns)`` gets the values of ``columns`` for a whole page, one sequence a
    column, and returns the field's. ``refers``: which of the columns are ids of references, for
    ``names`` to know them by then. ``about``: what the API's documentation says of a field that is
    the name of another row.
    """

    columns: tuple[str, ...]
    spell: Callable[..., Sequence[Any]]
    refers: Mapping[str, str] = field(default_factory=dict)
    about: str = "Empty without an id, and while its name is not known."


def name_of(column: str, kind: str) -> Spelled:
    """A field with the name of the record whose id is in ``column``."""

    def spell(names: Names, ids: Sequence[int | None]) -> list[str]:
        known = {odoo_id: names.name(kind, odoo_id) for odoo_id in set(ids)}
        return [known[odoo_id] for odoo_id in ids]

    return Spelled((column,), spell, {column: kind})


def _makers(names: Names, ids: Sequence[int | None]) -> list[str | None]:
    return [one and ("me" if one == names.viewer else "other") for one in ids]  # type: ignore[misc]


# Who created the record through this bridge. Only the admin shows which other user it was.
MADE_BY = Spelled(("created_by_id",), _makers)


class Rows:
    """Makes the dicts of one mirrored model.

    ``fields`` are the API's names, in its order; those not in ``spelled`` are columns. Moments and
    dates stay Python's, for the format of the answer to write. ``lent`` returns, for the access of
    a scoped viewer, what to read in place of columns that other rows lend.
    """

    def __init__(
        self,
        fields: Sequence[str],
        spelled: Mapping[str, Spelled],
        lent: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> None:
        self.fields = tuple(fields)
        self._spelled = spelled
        self._lent = lent

    def about(self, field: str) -> str:
        """What the API's documentation says of a field that is no column."""
        return self._spelled[field].about

    def of(self, rows: QuerySet) -> QuerySet:
        """``rows`` with the columns of all fields selected. Lists start from it: selecting them in each
        request would take as long as reading them."""
        return rows.values_list(*self._columns(self.fields))

    def page(
        self,
        rows: QuerySet,
        only: Collection[str] | None = None,
        names: Names | None = None,
    ) -> list[Row]:
        """Return all of ``rows``, in their order, with the fields in ``only``, or with all fields.

        Two queries at most: the rows, and the names that ``names`` does not know yet.
        """
        fields = self._chosen(only)
        columns = self._columns(fields)
        chosen = self._within_scope(rows, columns)
        if chosen != columns or rows.query.values_select != tuple(columns):
            rows = rows.values_list(*chosen)
        found = list(rows)
        return self._rows(found, fields, columns, _for(rows, names))

    def stream(
        self, rows: QuerySet, only: Collection[str] | None = None, page_size: int = 2000
    ) -> Iterator[Row]:
        """Yield the same for any number of rows; only ``page_size`` of them are in memory at a time."""
        fields, names = self._chosen(only), _for(rows, None)
        columns = self._columns(fields)
        found = rows.values_list(*self._within_scope(rows, columns)).iterator(page_size)
        while page := list(islice(found, page_size)):
            yield from self._rows(page, fields, columns, names)

    def _chosen(self, only: Collection[str] | None) -> list[str]:
        return [name for name in self.fields if only is None or name in only]

    def _columns(self, fields: Sequence[str]) -> list[str]:
        """The columns from which ``fields`` are computed, without duplicates."""
        columns: dict[str, None] = {}
        for name in fields:
            spelled = self._spelled.get(name)
            columns |= dict.fromkeys(spelled.columns if spelled else (name,))
        return list(columns)

    def _within_scope(self, rows: Any, columns: list[str]) -> list[Any]:
        """``columns``, with an expression for each that would show more than the viewer may see."""
        if self._lent is None or rows.scope is None:
            return columns
        lent = self._lent(rows.scope)
        return [lent.get(column, column) for column in columns]

    def _rows(
        self,
        found: Sequence[tuple[Any, ...]],
        fields: Sequence[str],
        columns: Sequence[str],
        names: Names,
    ) -> list[Row]:
        if not found:
            return []
        # Column by column, not row by row: each field is looked up once for the whole page.
        table = dict(zip(columns, zip(*found, strict=True), strict=True))
        spelled = [self._spelled[name] for name in fields if name in self._spelled]
        ids: dict[str, set[int | None]] = {}
        for one in spelled:
            for column, kind in one.refers.items():
                ids.setdefault(kind, set()).update(table[column])
        names.learn(ids)
        values = []
        for name in fields:
            made = self._spelled.get(name)
            values.append(
                made.spell(names, *(table[column] for column in made.columns))
                if made
                else table[name]
            )
        return [dict(zip(fields, row, strict=True)) for row in zip(*values, strict=True)]


def _for(rows: Any, names: Names | None) -> Names:
    """``names`` for the viewer of ``rows``."""
    names = names or Names()
    names.viewer = rows.viewer and rows.viewer.pk
    return names
