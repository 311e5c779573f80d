"""Rows of the mirror as the API spells them: from a query set to dicts, a page at a time.

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
    """A field that is not simply the column of its name.

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
    """The name behind the id in ``column``."""

    def spell(names: Names, ids: Sequence[int | None]) -> list[str]:
        known = {odoo_id: names.name(kind, odoo_id) for odoo_id in set(ids)}
        return [known[odoo_id] for odoo_id in ids]

    return Spelled((column,), spell, {column: kind})


def _makers(names: Names, ids: Sequence[int | None]) -> list[str | None]:
    return [one and ("me" if one == names.viewer else "other") for one in ids]  # type: ignore[misc]


# Who made the record through this bridge. Which other user it was is for the admin to show.
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
        """``rows`` with the columns of all fields chosen, for lists to begin with: choosing them in
        each request would take as long as reading them."""
        return rows.values_list(*self._columns(self.fields))

    def page(
        self,
        rows: QuerySet,
        only: Collection[str] | None = None,
        names: Names | None = None,
    ) -> list[Row]:
        """All of ``rows``, in their order, with the fields in ``only`` or all fields.

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
        """The same for any number of rows, in memory for ``page_size`` of them."""
        fields, names = self._chosen(only), _for(rows, None)
        columns = self._columns(fields)
        found = rows.values_list(*self._within_scope(rows, columns)).iterator(page_size)
        while page := list(islice(found, page_size)):
            yield from self._rows(page, fields, columns, names)

    def _chosen(self, only: Collection[str] | None) -> list[str]:
        return [name for name in self.fields if only is None or name in only]

    def _columns(self, fields: Sequence[str]) -> list[str]:
        """The columns that ``fields`` are made of, each once."""
        columns: dict[str, None] = {}
        for name in fields:
            spelled = self._spelled.get(name)
            columns |= dict.fromkeys(spelled.columns if spelled else (name,))
        return list(columns)

    def _within_scope(self, rows: Any, columns: list[str]) -> list[Any]:
        """``columns``, with expressions in place of those that show more than the viewer's scope."""
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
        # By column, not by row: one look at what a field is made of serves the whole page.
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
