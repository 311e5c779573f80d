"""How a write can fail, beside what Odoo itself refuses."""

from odoo_bridge.odoo.errors import BridgeError

LOOK_AGAIN_SECONDS = 10


class WriteError(BridgeError):
    """A wish cannot be answered with what was wished for. ``status`` is HTTP's."""

    status = 409
    retry_after: int | None = None


class KeyReused(WriteError):
    """The key belongs to another request."""

    code = "idempotency_key_reused"
    status = 422


class InProgress(WriteError):
    """A request with this key is being worked on."""

    code = "in_progress"
    retry_after = 2


class OutcomeUnknown(WriteError):
    """Odoo was asked and did not answer."""

    code = "outcome_unknown"
    status = 503
    retry_after = LOOK_AGAIN_SECONDS


class Unfinished(WriteError):
    """The record is in Odoo; what belongs to it there and here is not complete yet."""

    code = "unfinished"
    status = 503
    retry_after = LOOK_AGAIN_SECONDS


class NotAsAsked(WriteError):
    """The record is in Odoo, but not as it was wished for, and will not be by trying again."""

    status = 422

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code
