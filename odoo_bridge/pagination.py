"""Pages of a list: ``?page=2&per_page=100``."""

from typing import Any

from django.core.paginator import InvalidPage
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request


class Pages(PageNumberPagination):
    page_size = 100
    page_size_query_param = "per_page"
    max_page_size = 1000

    def get_page_size(self, request: Request) -> int:
        """Raises ValidationError for what is no number: ignored, it would be a wrong answer."""
        given = request.query_params.get("per_page")
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdigit() and len(given) < 10 and int(given) > 0):
            raise ValidationError({"per_page": ["Must be a whole number from 1 to 1000."]})
        return min(int(given), self.max_page_size)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """A slice of ``queryset``, not asked for yet: whoever spells the rows chooses columns."""
        self.request = request
        paginator = self.django_paginator_class(queryset, self.get_page_size(request))
        number = self.get_page_number(request, paginator)
        try:
            self.page = paginator.page(number)
        except InvalidPage as exc:
            raise NotFound(f"There is no page {str(number)[:20]!r}.") from exc
        return self.page.object_list
