"""Rate limits. Their counts are in the cache that all processes share. While Redis is down they are in
each process's memory, so a limit then applies per process."""

import math
from typing import Any, cast

from django.core.cache.backends.base import BaseCache
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle, UserRateThrottle

from odoo_bridge.runtime.client_address import client_network


class RateThrottle(SimpleRateThrottle):
    """DRF's rate limit, safe for a cache that others may have written to."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self.cache = cast(BaseCache, _Histories(type(self).cache, self.timer))
        return bool(super().allow_request(request, view))

    def get_ident(self, request: Request) -> str:
        return client_network(request)


class _Histories:
    """A cache whose values are moments, newest first. Anything else in it is ignored.

    A moment in the future would lock a client out until then.
    """

    def __init__(self, cache: Any, timer: Any) -> None:
        self._cache = cache
        self._timer = timer
        self.set = cache.set

    def get(self, key: str, default: list[float]) -> list[float]:
        stored = self._cache.get(key, default)
        if not isinstance(stored, list):
            return list(default)
        # Clocks of several machines differ by a little.
        latest = self._timer() + 1
        moments = [
            float(moment)
            for moment in stored
            if isinstance(moment, int | float)
            and not isinstance(moment, bool)
            and math.isfinite(moment)
            and moment <= latest
        ]
        return sorted(moments, reverse=True)


class RequestThrottle(RateThrottle, UserRateThrottle):
    """The limit of all routes without one of their own: lists, feeds, sums. It is far above what a
    client needs, but stops a client in an endless loop from overloading the server."""

    scope = "requests"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        # Without a user only the health routes can be read.
        return super().get_cache_key(request, view) if request.user and request.user.pk else None


class SyncThrottle(RateThrottle, UserRateThrottle):
    """Limits starting runs. Even without it a stream has only one run at a time."""

    scope = "sync"


class RefreshThrottle(RateThrottle, UserRateThrottle):
    """Limits rows that ``max_age`` reads from Odoo. Rows that are fresh enough do not count."""

    scope = "refreshes"

    def allow_request(self, request: Request, view: Any) -> bool:
        return not view.is_too_old or super().allow_request(request, view)


class ExportThrottle(RateThrottle, UserRateThrottle):
    """Limits exports. Each one occupies one of the server's threads until it is sent."""

    scope = "exports"
