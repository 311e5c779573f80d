"""This process's gateway to the Odoo of the settings."""

import threading
from typing import Any

from django.conf import settings

from odoo_bridge.odoo.calls import Transport
from odoo_bridge.odoo.errors import OdooRefused, OdooTooOld, OdooUnreachable, OdooWrongDatabase
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.odoo.http import Client
from odoo_bridge.odoo.patience import at_most
from odoo_bridge.odoo.retry import retrying
from odoo_bridge.odoo.version import ask_databases, ask_version


def databases() -> list[str]:
    """The databases at ODOO_URL, as ``ask_databases`` finds them."""
    return ask_databases(_client())


_gateways: dict[tuple[Any, ...], Gateway] = {}
_connecting = threading.Lock()


def connect() -> Gateway:
    """Return this process's gateway to the Odoo of the settings, created at the first call.

    Odoo 19 and later with ``ODOO_API_KEY`` uses JSON-2; otherwise JSON-RPC through OdooRPC.
    """
    key = (
        settings.ODOO_URL,
        settings.ODOO_DB,
        settings.ODOO_USERNAME,
        settings.ODOO_PASSWORD,
        settings.ODOO_API_KEY,
        tuple(settings.ODOO_COMPANY_IDS),
        settings.ODOO_CONNECTIONS,
        settings.ODOO_TIMEOUT_SECONDS,
    )
    if not _connecting.acquire(timeout=at_most(threading.TIMEOUT_MAX)):
        raise OdooUnreachable(f"{settings.ODOO_URL}: no connection within the time limit")
    try:
        if key not in _gateways:
            _gateways[key] = _connect()
        return _gateways[key]
    finally:
        _connecting.release()


def disconnect() -> None:
    """Discard this process's gateways: the next ``connect()`` creates a new one."""
    with _connecting:
        _gateways.clear()


def _client() -> Client:
    return Client(
        settings.ODOO_URL,
        connections=settings.ODOO_CONNECTIONS,
        timeout_seconds=settings.ODOO_TIMEOUT_SECONDS,
        user_agent=settings.USER_AGENT,
    )


def _connect() -> Gateway:
    from odoo_bridge.odoo.json2 import Json2Transport
    from odoo_bridge.odoo.rpc import RpcTransport

    client = _client()
    version = retrying(lambda: ask_version(client))
    if version.major < 14:
        raise OdooTooOld(
            f"{settings.ODOO_URL} is Odoo {version.text}; the oldest supported version is 14"
        )
    transport: Transport
    if version.major >= 19 and settings.ODOO_API_KEY:
        transport = Json2Transport(client, settings.ODOO_API_KEY, settings.ODOO_DB)
    else:
        missing = [name for name in ("ODOO_DB", "ODOO_USERNAME") if not getattr(settings, name)]
        if missing:
            error = OdooWrongDatabase if missing == ["ODOO_DB"] else OdooRefused
            raise error(
                f"{settings.ODOO_URL} is Odoo {version.text}. The bridge calls it over JSON-RPC: "
                f"set {' and '.join(missing)}"
            )
        transport = RpcTransport(
            client,
            version.text,
            settings.ODOO_DB,
            settings.ODOO_USERNAME,
            # From 14 on Odoo accepts an API key in place of the password.
            settings.ODOO_API_KEY or settings.ODOO_PASSWORD,
        )
    return Gateway(settings.ODOO_URL, client, transport, version, tuple(settings.ODOO_COMPANY_IDS))
