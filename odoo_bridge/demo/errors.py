"""What the demo Odoo refuses, under the names Odoo gives it."""

from __future__ import annotations

# JSON-2 spells an exception's class as an HTTP status; whatever is not here is a 500.
STATUS = {
    "odoo.exceptions.AccessDenied": 403,
    "odoo.exceptions.AccessError": 403,
    "odoo.exceptions.MissingError": 404,
    "odoo.exceptions.UserError": 422,
    "odoo.exceptions.ValidationError": 422,
    "werkzeug.exceptions.BadRequest": 400,
    "werkzeug.exceptions.Unauthorized": 401,
    "werkzeug.exceptions.NotFound": 404,
    "werkzeug.exceptions.UnprocessableEntity": 422,
}


class OdooError(Exception):
    """An exception as Odoo would raise it: ``name`` is the Python path of its class there."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message

    @property
    def status(self) -> int:
        return STATUS.get(self.name, 500)

    @property
    def arguments(self) -> list[str | int]:
        if self.name.startswith("werkzeug."):
            return [self.message, self.status]
        return [self.message]


def access_denied() -> OdooError:
    return OdooError("odoo.exceptions.AccessDenied", "Access Denied")


def access_error(message: str) -> OdooError:
    return OdooError("odoo.exceptions.AccessError", message)


def missing_error(model: str, record_id: int, uid: int) -> OdooError:
    return OdooError(
        "odoo.exceptions.MissingError",
        f"Record does not exist or has been deleted.\n(Record: {model}({record_id},), User: {uid})",
    )


def user_error(message: str) -> OdooError:
    return OdooError("odoo.exceptions.UserError", message)


def validation_error(message: str) -> OdooError:
    return OdooError("odoo.exceptions.ValidationError", message)


def value_error(message: str) -> OdooError:
    return OdooError("builtins.ValueError", message)


def type_error(message: str) -> OdooError:
    return OdooError("builtins.TypeError", message)


def http_error(name: str, message: str) -> OdooError:
    return OdooError(f"werkzeug.exceptions.{name}", message)
