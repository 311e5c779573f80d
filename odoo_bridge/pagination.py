"""Pages of a list: ``?page=2&per_page=100``."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    page_size = 100
    page_size_query_param = "per_page"
    max_page_size = 1000
