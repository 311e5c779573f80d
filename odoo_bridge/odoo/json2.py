"""Odoo 19 and later: ``POST /json/2/<model>/<method>`` with an API key.

Source: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
"""

import json
from collections.abc import Sequence
from typing import Any

from odoo_bridge.odoo.errors import (
    OdooMissing,
    OdooRefused,
    OdooRejected,
    OdooUnavailable,
    OdooWrongDatabase,
    from_exception_name,
)
from odoo_bridge.odoo.http import Answer, Client, json_value


class Json2Transport:
    name = "json2"

    def __init__(self, client: Client, api_key: str, database: str) -> None:
        self._client = client
        self._headers = {
            "Authorization": f"bearer {api_key}",
            "Content-Type": "application/json",
        }
        # Needed if one host serves several databases; Odoo Online responds to it with 404.
        if database and not client.online:
            self._headers["X-Odoo-Database"] = database

    def user_id(self) -> int:
        return int(self.invoke("res.users", "context_get", ids=None)["uid"])

    def invoke(
        self, model: str, method: str, *, ids: Sequence[int] | None, **arguments: Any
    ) -> Any:
        if ids is not None:
            arguments["ids"] = list(ids)
        answer = self._client.call(
            "POST", f"/json/2/{model}/{method}", json.dumps(arguments).encode(), self._headers
        )
        where = f"{model}.{method} at {self._client.host}"
        try:
            value = json_value(answer.body)
        except ValueError as exc:
            raise _foreign_body(answer, where) from exc
        if answer.status < 300:
            return value
        return _raise(answer.status, value, where)


def _foreign_body(answer: Answer, where: str) -> Exception:
    if answer.status == 404 and b"No database is selected" in answer.body:
        return OdooWrongDatabase(f"{where}: Odoo could not tell which database to use")
    if answer.status == 404:
        return OdooRefused(f"{where}: no such page; check ODOO_URL and ODOO_DB")
    if answer.status in (401, 403):
        return OdooRefused(f"{where}: access refused ({answer.status})")
    return OdooUnavailable(f"{where}: the response ({answer.status}) is not JSON")


def _raise(status: int, body: Any, where: str) -> Any:
    if not isinstance(body, dict):
        raise OdooUnavailable(f"{where}: the response ({status}) is not an error from Odoo")
    name, message = str(body.get("name", "")), str(body.get("message", ""))
    if status == 401:
        raise OdooRefused(f"{where}: Odoo refused the API key; it may have expired")
    if name:
        raise from_exception_name(name, message, where)
    if status == 404:
        raise OdooMissing(f"{where}: {message}")
    if status == 403:
        raise OdooRefused(f"{where}: {message}")
    raise OdooRejected(f"{where}: {message}", reason=message)
