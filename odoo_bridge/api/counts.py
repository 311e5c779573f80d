"""How many rows a list has, counted once for each state of the mirror.

PostgreSQL counts by looking at each row: a tenth of a second for a million, many times what a page
costs. The number is the same until some content changes, and every change moves a ``change_seq``.
"""

from hashlib import blake2b
from typing import Any

from django.core.cache import caches
from django.core.exceptions import EmptyResultSet
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

# Columns that move without a change_seq. Lists that depend on them are counted each time.
_NOT_CONTENT = ("write_date", "stored_at", "created_by_id")


class CountedOnce(Paginator):
    """Pages of ``rows``, whose number holds for as long as ``content`` is the same.

    ``content``: see freshness.Marks, read before. Empty: rows are counted each time.
    """

    def __init__(self, rows: QuerySet, per_page: int, content: tuple[Any, ...]) -> None:
        super().__init__(rows, per_page)
        self._content = content

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        key = _key(rows, self._content)
        if key is None:
            return rows.count()
        # Of this process: a number is not worth a journey.
        known = caches["counts"]
        number: int | None = known.get(key)
        if number is None:
            number = rows.count()
            known.set(key, number)
        return number


def _key(rows: QuerySet, content: tuple[Any, ...]) -> str | None:
    """What the number of ``rows`` depends on; None if that is not only content."""
    if not content:
        return None
    try:
        sql, values = rows.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return None
    if any(column in sql for column in _NOT_CONTENT):
        return None
    return blake2b(repr((content, sql, values)).encode(), digest_size=16).hexdigest()
