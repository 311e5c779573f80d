"""Pages of a list: by number (``?page=2&per_page=100``), or from row to row (``?cursor=``)."""

from typing import Any

from django.core.paginator import InvalidPage
from django.db.models import QuerySet
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from odoo_bridge.api.counts import CountedOnce
from odoo_bridge.api.keyset import Order, Position, after
from odoo_bridge.mirror.rows import Row

USUAL_SIZE, MAX_SIZE = 100, 1000


class Pages(BasePagination):
    """``{"count", "next", "previous", "results"}``. The view spells the rows: it knows what
    was asked for (``view.spelled``), and a page is a list of them."""

    count: int | None
    next: str | None = None
    previous: str | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """Raises ValidationError for parameters that mean nothing, NotFound for an absent page."""
        self._address, asked = request.build_absolute_uri(), request.query_params
        size = _size(asked.get("per_page"))
        if "cursor" not in asked:
            return self._numbered(queryset, asked.get("page", "1"), size, view)
        if "page" in asked:
            raise ValidationError({"cursor": ["Use either page or cursor."]})
        return self._from_row_to_row(queryset, asked["cursor"], size, view)

    def _numbered(self, rows: QuerySet, number: str, size: int, view: Any) -> list[Row]:
        pages = CountedOnce(rows, size, view.content)
        try:
            page = pages.page(number)
        except InvalidPage as exc:
            raise NotFound(f"There is no page {number[:20]!r}.") from exc
        self.count = pages.count
        if page.has_next():
            self.next = self._link(page=page.next_page_number())
        if page.has_previous():
            self.previous = self._link(page=page.previous_page_number())
        found: list[Row] = view.spelled(page.object_list)
        return found

    def _from_row_to_row(self, rows: QuerySet, cursor: str, size: int, view: Any) -> list[Row]:
        # Not counted: on a large table that costs more than the page.
        self.count = None
        order = Order.of(rows)
        position = None
        if cursor:
            try:
                position = Position.read(cursor, order)
            except ValueError as exc:
                raise ValidationError({"cursor": [str(exc)]}) from exc
        back = position is not None and position.back
        parts = after(rows, order, position)
        found: list[Row] = []
        for part in parts:
            # One more than the page: is there a next one?
            found += view.spelled(part[: size + 1 - len(found)], also=order.fields)
            if len(found) > size:
                break
        more, found = len(found) > size, found[:size]
        if back:
            found.reverse()
        if found and (more or back):
            self.next = self._link(cursor=Position.of(found[-1], order))
        if found and (more if back else position):
            self.previous = self._link(cursor=Position.of(found[0], order, back=True))
        return found

    def _link(self, **parameter: Any) -> str:
        ((name, value),) = parameter.items()
        if value == 1:
            return remove_query_param(self._address, name)
        return replace_query_param(self._address, name, str(value))

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {"count": self.count, "next": self.next, "previous": self.previous, "results": data}
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": {
                    "type": "integer",
                    "nullable": True,
                    "description": "The number of rows in the whole list. Null in a page by cursor.",
                },
                "next": link,
                "previous": link,
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("page", "The page number, from 1.", type="integer", minimum=1),
            _parameter(
                "per_page",
                f"Rows per page, at most {MAX_SIZE}.",
                type="integer",
                minimum=1,
                maximum=MAX_SIZE,
                default=USUAL_SIZE,
            ),
            _parameter(
                "cursor",
                "Pages by cursor: start with an empty value, then follow `next` and `previous`. Equally "
                "fast at any depth, and rows that appear or vanish meanwhile shift nothing. Cannot be "
                "combined with `page`.",
                type="string",
            ),
        ]


class NumberedPages(Pages):
    """By number alone, for lists of moderate length."""

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        known = super().get_schema_operation_parameters(view)
        return [parameter for parameter in known if parameter["name"] != "cursor"]


def _size(given: str | None) -> int:
    """Raises ValidationError for what is no number: ignored, it would be a wrong answer."""
    if given is None:
        return USUAL_SIZE
    digits = given.lstrip("0")
    if not (digits.isascii() and digits.isdigit()):
        raise ValidationError({"per_page": [f"Must be a whole number from 1 to {MAX_SIZE}."]})
    # Not all that could be written: turning thousands of digits into a number takes long.
    if int(digits[:9]) > MAX_SIZE:
        raise ValidationError({"per_page": [ErrorDetail(f"At most {MAX_SIZE}.", "max_value")]})
    return int(digits)


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }
