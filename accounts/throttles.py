"""Limits: on guessing, per address; on asking and writing to Odoo, per user."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle

from odoo_bridge.api.throttles import RateThrottle


class AuthThrottle(RateThrottle, AnonRateThrottle):
    """Guessing, per address. The lockout after wrong passwords is kept in the database besides."""

    scope = "anonymous-auth"

    def get_cache_key(self, request: Request, view: Any) -> str:
        # Also of who is logged in: one account must not lift the limit on guessing another's password.
        return str(self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)})


class LiveThrottle(RateThrottle, UserRateThrottle):
    """Reads that ask Odoo itself."""

    scope = "live"

    def allow_request(self, request: Request, view: Any) -> bool:
        return request.method not in SAFE_METHODS or super().allow_request(request, view)


class WriteThrottle(RateThrottle, UserRateThrottle):
    """Records made or posted in Odoo."""

    scope = "writes"

    def allow_request(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS or super().allow_request(request, view)
