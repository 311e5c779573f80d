"""Rate limits: on guessing passwords, per client; on live reads and writes, per user."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle

from odoo_bridge.api.throttles import RateThrottle


class AuthThrottle(RateThrottle, AnonRateThrottle):
    """Limits guessing, per client. The lockout after wrong passwords is separate, in the database."""

    scope = "anonymous-auth"

    def get_cache_key(self, request: Request, view: Any) -> str:
        # Logged-in users are counted per client too: an account must not lift the limit on guessing the
        # password of another one.
        return str(self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)})


class LiveThrottle(RateThrottle, UserRateThrottle):
    """Limits live reads from Odoo."""

    scope = "live"

    def allow_request(self, request: Request, view: Any) -> bool:
        return request.method not in SAFE_METHODS or super().allow_request(request, view)


class WriteThrottle(RateThrottle, UserRateThrottle):
    """Limits writes to Odoo."""

    scope = "writes"

    def allow_request(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS or super().allow_request(request, view)
