"""Limits on how often. Their counts are in the cache that all processes share; while Redis is down,
in each process's memory, so that a limit then holds per process."""

import math
from typing import Any, cast

from django.core.cache.backends.base import BaseCache
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle, UserRateThrottle

from odoo_bridge.runtime.client_address import client_network


class RateThrottle(SimpleRateThrottle):
    """DRF's limit, for a cache that others may have written to."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self.cache = cast(BaseCache, _Histories(type(self).cache, self.timer))
        return bool(super().allow_request(request, view))

    def get_ident(self, request: Request) -> str:
        return client_network(request)


class _Histories:
    """A cache whose values are moments, newest first; whatever else it holds is not there.

    A moment that is still to come would shut somebody out until then.
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
    """Everything that names no limit of its own: lists, feeds, sums. Far above what a client needs; it
    keeps one that runs in a circle from taking the server from the others."""

    scope = "requests"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        # Without a user there is nothing to read but whether the bridge is well.
        return super().get_cache_key(request, view) if request.user and request.user.pk else None


class SyncThrottle(RateThrottle, UserRateThrottle):
    """Starting runs. Without it a stream still runs once at a time."""

    scope = "sync"


class RefreshThrottle(RateThrottle, UserRateThrottle):
    """Rows that ``max_age`` has read from Odoo. Those that are young enough do not count."""

    scope = "refreshes"

    def allow_request(self, request: Request, view: Any) -> bool:
        return not view.is_too_old or super().allow_request(request, view)


class ExportThrottle(RateThrottle, UserRateThrottle):
    """Files of whole tables. Each keeps one of the server's threads busy until it is sent."""

    scope = "exports"
