"""What the API may do in Odoo."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.module_loading import import_string

from odoo_bridge.mirror.noun import all_nouns
from odoo_bridge.models import OdooWrite
from odoo_bridge.odoo.gateway import Gateway


@dataclass(frozen=True)
class Action:
    """One thing that the API may do in Odoo.

    ``send`` makes the call and returns the record's id; it is not retried. ``find`` returns the id
    of the record if an earlier ``send`` succeeded. ``complete`` does the remaining work in Odoo once
    the record exists; it can be repeated, and raises NotAsRequested if the record differs from the
    request. ``mirror`` copies the record here and stores its creator. ``row`` is the API's response,
    as the user may see it; ``related_names`` are its fields whose text comes from other rows.

    ``check`` raises the error that a new, equal request would get, if the user may no longer make
    this request or see its result. It runs before anything is sent, completed or returned.

    ``repeatable``: a second ``send`` changes nothing, even while the first one is still running.
    """

    name: str
    # The stream that mirrors the record, and the API route that shows it.
    stream: str
    route: str
    status: int
    send: Callable[[Gateway, OdooWrite], int]
    find: Callable[[Gateway, OdooWrite], int | None]
    complete: Callable[[Gateway, OdooWrite, int], None]
    mirror: Callable[[OdooWrite, int], None]
    row: Callable[[int, Any], Mapping[str, Any]]
    check: Callable[[Any, OdooWrite], None]
    related_names: tuple[str, ...]
    repeatable: bool = False


@cache
def all_actions() -> dict[str, Action]:
    """What the API may do in Odoo, and nothing else: the actions of the nouns, by name."""
    paths = [path for noun in all_nouns().values() for path in noun.actions]
    return {action.name: action for action in map(import_string, paths)}
