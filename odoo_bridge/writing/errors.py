"""Errors of a write, besides those that Odoo itself raises."""

from odoo_bridge.odoo.errors import BridgeError

RETRY_SECONDS = 10


class WriteError(BridgeError):
    """A request cannot get the response it asked for. ``status`` is the HTTP status."""

    status = 409
    retry_after: int | None = None


class KeyReused(WriteError):
    """The key belongs to another request."""

    code = "idempotency_key_reused"
    status = 422


class InProgress(WriteError):
    """A request with this key is in progress."""

    code = "in_progress"
    retry_after = 2


class OutcomeUnknown(WriteError):
    """Odoo was called and did not respond."""

    code = "outcome_unknown"
    status = 503
    retry_after = RETRY_SECONDS


class Unfinished(WriteError):
    """The record is in Odoo, but a later step, in Odoo or in the mirror, is not done yet."""

    code = "unfinished"
    status = 503
    retry_after = RETRY_SECONDS


class NotAsRequested(WriteError):
    """The record is in Odoo but differs from the request, and trying again will not change that."""

    status = 422

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code
