"""Limits on how often, which hold while the cache does."""

import logging
from typing import Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle, UserRateThrottle

from odoo_bridge.client_address import client_network

logger = logging.getLogger(__name__)


class WhileTheCacheAnswers(SimpleRateThrottle):
    """No limit while the cache is down. Whoever uses it says why that is no hole."""

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            return bool(super().allow_request(request, view))
        except RedisError as exc:
            logger.warning("No limit on %s: no cache (%s)", self.scope, type(exc).__name__)
            return True

    def get_ident(self, request: Request) -> str:
        return client_network(request)


class SyncThrottle(WhileTheCacheAnswers, UserRateThrottle):
    """Starting runs. Without it a stream still runs once at a time."""

    scope = "sync"


class RefreshThrottle(WhileTheCacheAnswers, UserRateThrottle):
    """Rows that ``max_age`` has read from Odoo. Those that are young enough do not count."""

    scope = "refreshes"

    def allow_request(self, request: Request, view: Any) -> bool:
        return not view.is_too_old or super().allow_request(request, view)


class ExportThrottle(WhileTheCacheAnswers, UserRateThrottle):
    """Files of whole tables. Each keeps one of the server's threads busy until it is sent."""

    scope = "exports"
