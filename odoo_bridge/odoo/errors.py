"""The errors of calls to Odoo. There is a class wherever callers act differently."""

import re

from odoo_bridge.odoo.redaction import redact


class BridgeError(Exception):
    """An error that the bridge reports in a sentence. The sentence never contains a password, a key or
    a traceback: text quoted from elsewhere is redacted here.

    ``code`` identifies the kind of error for programs; ``odoo_bridge.odoo.remedies`` has the advice.
    """

    code = "internal"

    def __init__(self, message: str = "") -> None:
        super().__init__(redact(message))


class OdooUnavailable(BridgeError):
    """Odoo gave no usable response (network, timeout, 5xx, truncated or unexpected body): try later."""

    code = "odoo_unavailable"


class OdooUnreachable(OdooUnavailable):
    """No connection was made: the call did not reach Odoo."""


class OdooUntrusted(OdooUnavailable):
    """The TLS connection failed: an untrusted certificate, or a server without TLS."""

    code = "odoo_tls"


class OdooForeign(OdooUnavailable):
    """The response is not from an Odoo. It may be a proxy's page while Odoo restarts."""

    code = "not_odoo"


class OdooTimeout(OdooUnavailable):
    """No complete response within ODOO_TIMEOUT_SECONDS: a smaller request may succeed."""

    code = "odoo_timeout"


class OdooTooLarge(OdooTimeout):
    """The response exceeds the limit of bytes or values: a smaller request may succeed."""

    code = "odoo_too_large"


class OdooBusy(OdooUnavailable):
    """Odoo asked us to wait, for ``retry_after`` seconds if it said how long.

    ``turned_away``: Odoo refused without processing the call (429).
    """

    code = "odoo_busy"

    def __init__(
        self, message: str, retry_after: float | None = None, *, turned_away: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.turned_away = turned_away


class OdooRefused(BridgeError):
    """Odoo refused the login, key or rights, or RPC is disabled: a person must act. Never retried,
    because Odoo blocks our address for a minute after five failed logins."""

    code = "odoo_refused"


class OdooForbidden(OdooRefused):
    """The login is valid, but may not read this model or one of these records."""

    code = "odoo_forbidden"


class OdooMoved(OdooRefused):
    """The server redirects. Following it would send the password to another address."""

    code = "odoo_moved"


class OdooTooOld(OdooRefused):
    """An Odoo before 14."""

    code = "odoo_too_old"


class OdooWithoutRpc(OdooRefused):
    """The server has no /jsonrpc."""

    code = "no_rpc"


class OdooWrongDatabase(OdooRefused):
    """The database in ODOO_DB does not exist, or ODOO_DB is empty and there are several databases."""

    code = "wrong_database"


class OdooRejected(BridgeError):
    """Odoo itself raised an error. ``reason`` is its message, ``exception`` its class name."""

    code = "odoo_rejected"

    def __init__(self, message: str, *, reason: str = "", exception: str = "") -> None:
        super().__init__(message)
        self.reason = redact(reason or message)
        self.exception = exception


class OdooMissing(BridgeError):
    """The record, model or method does not exist."""

    code = "odoo_missing"


class RecordRejected(BridgeError):
    """One record cannot be mapped. It is stored as an issue, and the run continues. ``column`` is the
    column that cannot hold the value, if that is the reason."""

    code = "record_rejected"

    def __init__(self, message: str, column: str = "") -> None:
        super().__init__(message)
        self.column = column


class FieldUnreadable(RecordRejected):
    """Odoo fails to read one field of one record. ``field`` is the field's name in Odoo."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def changed_nothing(exc: BridgeError) -> bool:
    """Whether the call that failed with ``exc`` certainly changed nothing in Odoo.

    An error in Odoo rolls back the call's transaction. After a timeout or a lost response, Odoo may
    have carried out the whole call.
    """
    if isinstance(exc, OdooBusy):
        return exc.turned_away
    return isinstance(exc, OdooUnreachable) or not isinstance(exc, OdooUnavailable)


# PostgreSQL's message, which Odoo passes on when the database of a login does not exist.
_NO_DATABASE = re.compile(r'database ".*" does not exist')


def from_exception_name(name: str, reason: str, where: str) -> BridgeError:
    """The error for an exception raised inside Odoo.

    ``name`` is the exception's class with its module (``odoo.exceptions.AccessError``), ``reason``
    Odoo's message, ``where`` the call (``res.partner.read at https://odoo.example.com``).
    Source: ``serialize_exception`` in ``odoo/http.py``, 14 to 19.
    """
    reason = reason.strip()
    sentence = f"{where}: {reason or name}"
    match name.rpartition(".")[2]:
        case "AccessDenied":
            return OdooRefused(f"{where}: Odoo refused the login")
        case "SessionExpiredException":
            return OdooRefused(sentence)
        case "AccessError":
            return OdooForbidden(sentence)
        case "MissingError" | "NotFound":
            return OdooMissing(sentence)
        case "OperationalError" if _NO_DATABASE.search(reason):
            return OdooWrongDatabase(sentence)
        case "SerializationFailure" | "OperationalError" | "LockError" | "LockNotAvailable":
            return OdooUnavailable(sentence)
        case "PoolError" | "InterfaceError":
            return OdooUnavailable(sentence)
    return OdooRejected(sentence, reason=reason, exception=name)
