"""A limit on guessing, per address."""

from rest_framework.throttling import AnonRateThrottle

from odoo_bridge.throttles import WhileTheCacheAnswers


class AuthThrottle(WhileTheCacheAnswers, AnonRateThrottle):
    """The lockout after wrong passwords is kept in the database and still holds without the cache;
    a limit that failed closed would let nobody log in at all."""

    scope = "anonymous-auth"
