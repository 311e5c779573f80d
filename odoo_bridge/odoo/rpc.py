"""Odoo 14 and later through OdooRPC: ``/jsonrpc`` with database, user and password in each call.

The only importer of odoorpc. It uses the connector, which builds the envelope, and never the model
proxies, which read every field of every record.
"""

import io
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request

from odoorpc.rpc import ConnectorJSONRPC

from odoo_bridge.odoo.errors import (
    OdooForbidden,
    OdooMissing,
    OdooRefused,
    OdooUnavailable,
    OdooUnreachable,
    OdooWithoutRpc,
    from_exception_name,
)
from odoo_bridge.odoo.http import Client, json_value
from odoo_bridge.odoo.patience import at_most

# The names of these parameters changed over the versions, so they are passed by position.
_POSITIONAL = {
    "search": ("domain",),
    "search_read": ("domain",),
    "search_count": ("domain",),
    "read_group": ("domain", "fields", "groupby"),
    "formatted_read_group": ("domain",),
    "create": ("vals_list",),
    "write": ("vals",),
}

_SECONDS_BETWEEN_BAD_LOGINS = 600.0


class _Opener:
    """Makes OdooRPC use our HTTP client instead of urllib."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def open(self, request: Request, timeout: float | None = None) -> io.BytesIO:
        path = urlsplit(request.full_url).path
        body = request.data if isinstance(request.data, bytes) else None
        answer = self._client.call(request.get_method(), path, body, dict(request.header_items()))
        if answer.status == 404:
            raise OdooMissing(f"{self._client.host} has no {path}")
        if answer.status >= 400:
            raise OdooRefused(f"{self._client.host} responded to {path} with {answer.status}")
        return io.BytesIO(answer.body)


class RpcTransport:
    name = "jsonrpc"

    def __init__(
        self, client: Client, version: str, database: str, username: str, password: str
    ) -> None:
        self._client = client
        self._database, self._username, self._password = database, username, password
        # The host does not matter here: the opener puts its own base URL in front of the path.
        self._post = ConnectorJSONRPC(
            client.host, version=version, opener=_Opener(client), deserialize=False
        ).proxy_json
        self._uid: int | None = None
        self._login = threading.Lock()
        self._refused: tuple[OdooRefused, float] | None = None

    def invoke(
        self, model: str, method: str, *, ids: Sequence[int] | None, **arguments: Any
    ) -> Any:
        args = [] if ids is None else [list(ids)]
        args += [arguments.pop(name) for name in _POSITIONAL.get(method, ()) if name in arguments]
        where = f"{model}.{method} at {self._client.host}"
        try:
            return self._json(
                "object",
                "execute_kw",
                [self._database, self.user_id(), self._password, model, method, args, arguments],
                where,
            )
        except OdooRefused as exc:
            if not isinstance(exc, OdooForbidden):
                self._uid = None  # Log in again next time: the password may have changed.
            raise

    def user_id(self) -> int:
        if not self._login.acquire(timeout=at_most(threading.TIMEOUT_MAX)):
            raise OdooUnreachable(f"{self._client.host}: the login did not finish in time")
        try:
            if self._uid is None:
                if self._refused and time.monotonic() < self._refused[1]:
                    # Odoo blocks our address after five failed logins, so one failure is enough: it
                    # is repeated here for a while without calling Odoo.
                    raise self._refused[0]
                uid = self._json(
                    "common",
                    "login",
                    [self._database, self._username, self._password],
                    f"login at {self._client.host}",
                )
                if uid is not False and (not isinstance(uid, int) or uid is True or uid < 1):
                    raise OdooUnavailable(f"login at {self._client.host} did not return a user id")
                if not uid:
                    refused = OdooRefused(
                        f"{self._client.host} refused the login of {self._username} "
                        f"to database {self._database}"
                    )
                    self._refused = refused, time.monotonic() + _SECONDS_BETWEEN_BAD_LOGINS
                    raise refused
                self._uid = uid
            return self._uid
        finally:
            self._login.release()

    def _json(self, service: str, method: str, args: list[Any], where: str) -> Any:
        """Send one JSON-RPC call and return its ``result``, None if there is none."""
        try:
            answer = self._post("/jsonrpc", {"service": service, "method": method, "args": args})
        except OdooMissing as exc:
            raise OdooWithoutRpc(
                f"{self._client.host} has no /jsonrpc: RPC is disabled there"
            ) from exc
        try:
            envelope = json_value(answer.read())
            error = envelope.get("error")
            if error:
                details = error.get("data") or {}
                reason = str(details.get("message") or error.get("message") or "")
                name = str(details.get("name", ""))
            elif "jsonrpc" not in envelope:
                raise ValueError("no envelope")
        except (ValueError, TypeError, AttributeError) as exc:
            # A page instead of JSON, or an error that is not an object.
            raise OdooUnavailable(f"{where}: the response is not JSON-RPC") from exc
        if error:
            raise from_exception_name(name, reason, where)
        # Odoo omits the result if its method returned nothing. Callers that expect a list check it.
        return envelope.get("result")
