"""What the API may do in Odoo."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from odoo_bridge.models import OdooWrite
from odoo_bridge.odoo.gateway import Gateway


@dataclass(frozen=True)
class Action:
    """One thing that the API may do in Odoo.

    ``send`` does it and returns the record's id; not retried. ``find`` returns the id of the record
    if an earlier ``send`` got that far. ``complete`` does what is left to do in Odoo once the record
    is there; it can be repeated, and raises NotAsAsked when the record is not what was wished for.
    ``mirror`` brings the record here, with who made it. ``row`` is the answer to the API, as the user
    may see it; the fields ``lent`` of it are texts that come from other rows.

    ``check`` raises what a new request for the same would be answered with, when the user may no
    longer ask for it, or see what came of it. Nothing is sent, completed or answered before that.

    ``harmless_twice``: a second ``send`` beside a first one that is still at work changes nothing.
    """

    name: str
    # Which stream mirrors the record, and which route of the API shows it.
    stream: str
    route: str
    status: int
    send: Callable[[Gateway, OdooWrite], int]
    find: Callable[[Gateway, OdooWrite], int | None]
    complete: Callable[[Gateway, OdooWrite, int], None]
    mirror: Callable[[OdooWrite, int], None]
    row: Callable[[int, Any], Mapping[str, Any]]
    check: Callable[[Any, OdooWrite], None]
    lent: tuple[str, ...]
    harmless_twice: bool = False


@cache
def all_actions() -> dict[str, Action]:
    """The actions of ``settings.ODOO_ACTIONS`` by name."""
    return {action.name: action for action in map(import_string, settings.ODOO_ACTIONS)}
