"""A limit on guessing, per address."""

import logging
from typing import Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle

logger = logging.getLogger(__name__)


class AuthThrottle(AnonRateThrottle):
    scope = "anonymous-auth"

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            return bool(super().allow_request(request, view))
        except RedisError as exc:
            # The lockout after wrong passwords is kept in the database and still holds; without
            # the cache nobody could log in at all.
            logger.warning("No limit on logins: the cache does not answer (%s)", type(exc).__name__)
            return True
