"""Version and databases of the Odoo at a URL, without a login."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from odoo_bridge.odoo.errors import BridgeError, OdooForeign
from odoo_bridge.odoo.http import MAX_SMALL_BODY_BYTES, Client, json_value


class Version(NamedTuple):
    """``text`` is Odoo's own (``19.0``, ``saas~18.4``), ``major`` is for comparisons."""

    major: int
    text: str


def ask_version(client: Client) -> Version:
    """Return Odoo's version, without a login. ``/web/version`` exists from 19 on."""
    answer = client.call("GET", "/web/version", most_bytes=MAX_SMALL_BODY_BYTES)
    if answer.status == 200:
        with suppress(ValueError, KeyError, TypeError):
            return _version(json_value(answer.body), "version_info", "version")
    answer = client.call(
        "POST",
        "/web/webclient/version_info",
        b'{"jsonrpc": "2.0", "method": "call", "params": {}}',
        {"Content-Type": "application/json"},
        MAX_SMALL_BODY_BYTES,
    )
    try:
        return _version(json_value(answer.body)["result"], "server_version_info", "server_version")
    except (ValueError, KeyError, TypeError) as exc:
        raise OdooForeign(
            f"{client.base_url} does not respond like an Odoo ({answer.status}{_title(answer.body)})"
        ) from exc


def ask_databases(client: Client) -> list[str]:
    """The databases that this URL serves; empty if Odoo does not list them (``list_db``).

    Source: ``/web/database/list``, which needs no login, 14 to 19.
    """
    with suppress(BridgeError, ValueError, KeyError, TypeError):
        answer = client.call(
            "POST",
            "/web/database/list",
            b'{"jsonrpc": "2.0", "method": "call", "params": {}}',
            {"Content-Type": "application/json"},
        )
        return [str(name) for name in json_value(answer.body)["result"]]
    return []


def _title(page: bytes) -> str:
    found = re.search(rb"<title>\s*(.{1,80}?)\s*</title>", page, re.IGNORECASE | re.DOTALL)
    text = found[1].decode(errors="replace") if found else ""
    return f", {text}" if text.isprintable() and text else ""


def _version(answer: Mapping[str, Any], info: str, text: str) -> Version:
    # In saas~18.4 the major number follows a word.
    major = str(answer[info][0]).rpartition("~")[2]
    return Version(int(float(major)), str(answer[text]))
