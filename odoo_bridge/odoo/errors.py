"""What can go wrong with Odoo: one class per decision of the caller."""

import re

from odoo_bridge.odoo.redaction import redact


class BridgeError(Exception):
    """Anything the bridge says in a sentence. Never holds a password, a key or a traceback: what it
    quotes of others is redacted here.

    ``code`` names the kind for programs; ``odoo_bridge.odoo.remedies`` says what to do about it.
    """

    code = "internal"

    def __init__(self, message: str = "") -> None:
        super().__init__(redact(message))


class OdooUnavailable(BridgeError):
    """Odoo gave no usable answer (network, timeout, 5xx, cut or foreign body): try again later."""

    code = "odoo_unavailable"


class OdooUnreachable(OdooUnavailable):
    """No connection was made: Odoo has not seen the call."""


class OdooUntrusted(OdooUnavailable):
    """The TLS connection failed: a certificate we do not trust, or a server that speaks no TLS."""

    code = "odoo_tls"


class OdooForeign(OdooUnavailable):
    """Something answered that is no Odoo. Perhaps the page of a proxy while Odoo restarts."""

    code = "not_odoo"


class OdooTimeout(OdooUnavailable):
    """No complete answer within ODOO_TIMEOUT_SECONDS: a smaller question may get one."""

    code = "odoo_timeout"


class OdooTooLarge(OdooTimeout):
    """An answer of more bytes or values than are held: a smaller question may get one."""

    code = "odoo_too_large"


class OdooBusy(OdooUnavailable):
    """Odoo asked us to wait: ``retry_after`` seconds, if it said how long.

    ``turned_away``: it said so without looking at the call (429).
    """

    code = "odoo_busy"

    def __init__(
        self, message: str, retry_after: float | None = None, *, turned_away: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.turned_away = turned_away


class OdooRefused(BridgeError):
    """Login, key, rights, or RPC switched off: a person must act. Never retried, because five bad
    logins lock our address out for a minute."""

    code = "odoo_refused"


class OdooForbidden(OdooRefused):
    """The login is good, but may not read this model or one of these records."""

    code = "odoo_forbidden"


class OdooMoved(OdooRefused):
    """The server redirects; followed, a redirect would carry the password to another address."""

    code = "odoo_moved"


class OdooTooOld(OdooRefused):
    """An Odoo before 14."""

    code = "odoo_too_old"


class OdooWithoutRpc(OdooRefused):
    """The server has no /jsonrpc."""

    code = "no_rpc"


class OdooWrongDatabase(OdooRefused):
    """ODOO_DB names a database that is not there, or none where there are several."""

    code = "wrong_database"


class OdooRejected(BridgeError):
    """Odoo's own code said no. ``reason`` is its message, ``exception`` its class name."""

    code = "odoo_rejected"

    def __init__(self, message: str, *, reason: str = "", exception: str = "") -> None:
        super().__init__(message)
        self.reason = redact(reason or message)
        self.exception = exception


class OdooMissing(BridgeError):
    """The record, model or method does not exist."""

    code = "odoo_missing"


class RecordRejected(BridgeError):
    """One record cannot be mapped. Kept as an issue; the run goes on. ``column`` is the one that
    does not take its value, if it is one."""

    code = "record_rejected"

    def __init__(self, message: str, column: str = "") -> None:
        super().__init__(message)
        self.column = column


class FieldUnreadable(RecordRejected):
    """Odoo fails to read one field of one record. ``field`` is Odoo's name of it."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def changed_nothing(exc: BridgeError) -> bool:
    """Whether Odoo has certainly changed nothing because of the call that failed with ``exc``.

    Its errors undo the call's one transaction. After a timeout or a lost answer it may have done
    all it was asked.
    """
    if isinstance(exc, OdooBusy):
        return exc.turned_away
    return isinstance(exc, OdooUnreachable) or not isinstance(exc, OdooUnavailable)


# PostgreSQL's words, which Odoo passes on from the login to a database that is not there.
_NO_DATABASE = re.compile(r'database ".*" does not exist')


def from_exception_name(name: str, reason: str, where: str) -> BridgeError:
    """The error for an exception raised inside Odoo.

    ``name`` is its class with the module (``odoo.exceptions.AccessError``), ``reason`` Odoo's
    message, ``where`` what was called (``res.partner.read at https://odoo.example.com``).
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
