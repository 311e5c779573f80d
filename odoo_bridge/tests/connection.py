"""How the bridge reaches the Odoo of a test: its settings, and the waits between attempts."""

from collections.abc import Callable
from typing import Any

from odoo_bridge.odoo.connect import disconnect


def settings_for(odoo: Any, url: str, transport: str = "jsonrpc") -> dict[str, str]:
    """The settings that connect the bridge to ``odoo``, a demo or a real one, at ``url``.

    ``transport``: jsonrpc or json2.
    """
    return {
        "ODOO_URL": url,
        "ODOO_DB": odoo.database,
        "ODOO_USERNAME": odoo.username,
        "ODOO_PASSWORD": odoo.password,
        "ODOO_API_KEY": odoo.api_key if transport == "json2" else "",
    }


def point_at(settings: Any, odoo: Any, url: str, transport: str = "jsonrpc") -> None:
    """Connect the bridge to ``odoo``. ``settings`` is pytest-django's fixture, which undoes it."""
    for name, value in settings_for(odoo, url, transport).items():
        setattr(settings, name, value)
    disconnect()


def short_wait(**_options: Any) -> Callable[[Any], float]:
    """Replaces ``tenacity.wait_exponential_jitter``. By name, so that it can be sent to a process."""
    return _a_moment


def _a_moment(_state: Any) -> float:
    return 0.01
