"""Rows and records of any noun, made of what its columns and fields are."""

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any

from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver

from odoo_bridge.demo import schema
from odoo_bridge.demo.fields import Field, Model, char, integer
from odoo_bridge.mirror.noun import Noun, all_nouns
from odoo_bridge.models.fields import ExactDecimalField, ExtraField, IdsField
from odoo_bridge.models.mirrored import MirroredModel
from odoo_bridge.odoo import values
from odoo_bridge.sync.streams import Column, Derived

NOUNS = list(all_nouns().values())
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


# Rows ------------------------------------------------------------------------------------------------
def row(noun: Noun, odoo_id: int, **given: Any) -> MirroredModel:
    """A row whose every column says something, and something else for each id."""
    named = {name: value(column, odoo_id) for name, column in noun.columns.items()}
    # ISO codes have letters only, and few of them.
    named |= {
        name: chr(64 + odoo_id) * 3
        for name, source in noun.stream.columns.items()
        if isinstance(source, Derived)
    }
    at = NOON + timedelta(days=odoo_id)
    always = {
        "odoo_id": odoo_id,
        "change_seq": odoo_id,
        "create_date": at,
        "write_date": at,
        "stored_at": at,
        "gone_at": None,
        "created_by_id": None,
        "extra": {},
    }
    known = {name: one for name, one in {**named, **always}.items() if name in noun.columns}
    return noun.model._default_manager.create(**{**known, **given})


def value(column: models.Field, odoo_id: int) -> Any:
    if isinstance(column, models.ForeignKey):
        return None
    if isinstance(column, models.BooleanField):
        return True
    if isinstance(column, IdsField):
        return [odoo_id, odoo_id + 100]
    if isinstance(column, ExtraField):
        return {}
    if isinstance(column, ExactDecimalField):
        return f"{odoo_id}.5"
    if isinstance(column, models.IntegerField):
        return odoo_id
    if isinstance(column, models.DateTimeField):
        return NOON + timedelta(days=odoo_id)
    if isinstance(column, models.DateField):
        return date(2026, 2, 1) + timedelta(days=odoo_id)
    return f"{column.attname}{odoo_id}"


# Routes ----------------------------------------------------------------------------------------------
def patterns(resolver: Any = None, prefix: str = "/") -> list[tuple[str, URLPattern]]:
    """All routes of the project, each with its path."""
    found: list[tuple[str, URLPattern]] = []
    for pattern in (resolver or get_resolver()).url_patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            found += patterns(pattern, path)
        else:
            found.append((path, pattern))
    return found


def paths(noun: Noun) -> dict[str, str]:
    """The ordinary routes of ``noun``: action -> path, with <int:odoo_id> where an id is needed."""
    found: dict[str, str] = {}
    for path, pattern in patterns():
        if getattr(getattr(pattern.callback, "cls", None), "noun", None) is noun:
            action: str = getattr(pattern.callback, "actions", {}).get("get", "")
            if action in ("list", "retrieve", "changes", "export") and not path.endswith("/"):
                found.setdefault(action, path)
    return found


def view_of(noun: Noun) -> Any:
    """The view class of the list of ``noun``."""
    path = paths(noun)["list"]
    callback: Any = next(one.callback for known, one in patterns() if known == path)
    return callback.cls


LISTED = [noun for noun in NOUNS if "list" in paths(noun)]


# Records of the demo Odoo ----------------------------------------------------------------------------
_TYPES: dict[Any, str] = {
    values.text: "char",
    values.boolean: "boolean",
    values.integer: "integer",
    values.decimal: "float",
    values.day: "date",
    values.moment: "datetime",
    values.many2one: "many2one",
    values.ids: "many2many",
}


def add_model(demo: Any, noun: Noun) -> None:
    """Give the demo Odoo the model of ``noun`` if it has none, with the fields of the mapping."""
    name = noun.stream.odoo_model
    if name in demo.models:
        return
    fields = {one.name: one for one in (integer("id", "ID", readonly=True), *schema.LOG_FIELDS)}
    for column, source in noun.stream.columns.items():
        if isinstance(source, Column) and source.sources[0] not in fields:
            kind, field = _TYPES[source.convert], source.sources[0]
            # Of which model an id is does not matter to a copy.
            relation = noun.refers.get(column, "res.company") if kind.startswith("many2") else ""
            default = True if field == "active" else None
            fields[field] = Field(kind, field, field, relation, default=default)
    fields["display_name"] = char("display_name", "Display Name", readonly=True, store=False)
    demo.add_model(Model(name, name, "id", fields))


def make_record(demo: Any, noun: Noun) -> int:
    """Create a record of ``noun`` in the demo Odoo, as ``tests/records.py`` of its app says, or with
    what the model requires."""
    app = noun.model._meta.app_label
    try:
        makers = import_module(f"{app}.tests.records").MAKE
    except ModuleNotFoundError:
        makers = {}
    if noun.stream.name in makers:
        made: int = makers[noun.stream.name](demo)
        return made
    return int(demo.add(noun.stream.odoo_model, **required(demo, noun.stream.odoo_model)))


def required(demo: Any, model: str) -> dict[str, Any]:
    """Values for the fields that a record of ``model`` must have, and a name."""
    found: dict[str, Any] = {}
    fields = demo.models[model].fields
    for name, field in fields.items():
        wanted = field.required or name == "name"
        # A record brings its parent along.
        is_parent = any(one.related.startswith(f"{name}.") for one in fields.values())
        if not wanted or field.default is not None or not field.has_column or is_parent:
            continue
        if field.type == "many2one":
            found[name] = min(demo.rows(field.relation))
        elif field.type == "selection":
            found[name] = field.selection[0][0]
        else:
            found[name] = {"char": "Made", "text": "Made"}.get(field.type, 1)
    return found


def written_text(demo: Any, noun: Noun) -> tuple[str, str]:
    """A text of ``noun`` that a person may write in Odoo: the field's name there, and our column."""
    fields = demo.models[noun.stream.odoo_model].fields
    for column, source in noun.stream.columns.items():
        if isinstance(source, Column) and source.convert is values.text:
            field = next((fields[name] for name in source.sources if name in fields), None)
            if field and field.type == "char" and not field.readonly:
                return field.name, column
    raise LookupError(f"{noun.stream.name} has no text that can be written")
