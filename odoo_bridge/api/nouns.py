"""The routes of a noun and their description in OpenAPI, derived from its declaration."""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, TypeVar

from django.db import models
from django.urls import URLPattern
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers

from odoo_bridge.api.changes import ChangesSerializer, changes_schema
from odoo_bridge.api.export import export_schema
from odoo_bridge.api.filters import MirrorFilters
from odoo_bridge.api.mirror import INCLUDE_GONE, MAX_AGE, MirrorViewSet, fields_parameter
from odoo_bridge.api.routes import both
from odoo_bridge.api.serializers import DecimalText, RowSerializer, ids, made_by, name, odoo_id
from odoo_bridge.api.throttles import ExportThrottle, RefreshThrottle
from odoo_bridge.mirror.noun import Noun
from odoo_bridge.models.fields import ExactDecimalField, ExtraField, IdsField

ROUTES = ("list", "changes", "export", "retrieve")
View = TypeVar("View", bound=MirrorViewSet)


# Rows, described ----------------------------------------------------------------------------------
@cache
def row_serializer(noun: Noun) -> type[RowSerializer]:
    """Describes the rows of ``noun``."""
    fields = list(noun.rows.fields)
    described = {name: _described(noun, name) for name in fields}
    meta = type("Meta", (), {"model": noun.model, "fields": fields, "read_only_fields": fields})
    members: dict[str, Any] = {name: one for name, one in described.items() if one}
    members |= {"__doc__": noun.about_a_row, "Meta": meta}
    return type(f"{noun.model.__name__}Serializer", (RowSerializer,), members)


def expanded_serializer(noun: Noun, **expanded: serializers.Field) -> type[RowSerializer]:
    """Describes the rows of ``noun`` with what ``?expand=`` can put into them."""
    plain: Any = row_serializer(noun)
    fields = [*plain.Meta.fields, *expanded]
    meta = type("Meta", (plain.Meta,), {"fields": fields, "read_only_fields": fields})
    members = {**expanded, "__doc__": plain.__doc__, "Meta": meta}
    return type(f"Expanded{plain.__name__}", (plain,), members)


def _described(noun: Noun, field: str) -> serializers.Field | None:
    """The serializer field of ``field``; None if it follows from the column alone."""
    column = noun.columns.get(field)
    if field == "created_by":
        return made_by()
    if column is None:
        return name(noun.rows.about(field))
    about = {"help_text": column.help_text} if column.help_text else {}
    if isinstance(column, models.ForeignKey):
        return odoo_id(**about)
    if isinstance(column, ExactDecimalField):
        return DecimalText(**about)
    if isinstance(column, IdsField):
        return ids(**about)
    if isinstance(column, ExtraField):
        return serializers.DictField(read_only=True)
    return None


def changes_serializer(noun: Noun) -> type[ChangesSerializer]:
    """Describes a page of the feed of ``noun``."""
    members = {"results": row_serializer(noun)(many=True), "__doc__": ChangesSerializer.__doc__}
    return type(f"{noun.model.__name__}ChangesSerializer", (ChangesSerializer,), members)


# Views --------------------------------------------------------------------------------------------
def mirrors(noun: Noun, **described: Any) -> Callable[[type[View]], type[View]]:
    """Make a view serve the rows of ``noun``, and describe its ordinary routes in OpenAPI.

    ``described``: the schema of a route (``list``, ``retrieve`` ...), in place of the usual one.
    """
    fields = fields_parameter(noun.rows)
    several = noun.plural.capitalize()
    usual = {
        "list": extend_schema(summary=f"Mirrored {noun.plural}", parameters=[fields]),
        "retrieve": extend_schema(
            summary=f"One mirrored {noun.singular}", parameters=[fields, INCLUDE_GONE, MAX_AGE]
        ),
        "export": export_schema(f"{several} as a file", fields),
        "changes": changes_schema(f"{several} that changed", changes_serializer(noun)),
    }

    def of_noun(view: type[View]) -> type[View]:
        view.noun = noun
        # The filters leave out rows that are gone, unless include_gone is set.
        view.queryset = noun.model._default_manager.order_by("odoo_id")
        view.serializer_class = view.serializer_class or row_serializer(noun)
        view.__doc__ = noun.about or f"Mirrored {noun.plural}. Odoo stays the place to write them."
        return extend_schema_view(**{**usual, **described})(view)

    return of_noun


def view_of(noun: Noun, filters: type[MirrorFilters] | None = None) -> type[MirrorViewSet]:
    """The view of a noun that declares none of its own."""
    name = f"{noun.model.__name__}ViewSet"
    view: type[MirrorViewSet] = type(name, (MirrorViewSet,), {"filterset_class": filters})
    return mirrors(noun)(view)


# Routes -------------------------------------------------------------------------------------------
def noun_routes(
    view: type[MirrorViewSet], *, at: str = "", only: Collection[str] = ROUTES
) -> list[URLPattern]:
    """Return the ordinary routes of ``view``, or ``only`` some of them, under the path ``at``.

    ``at`` is the noun's plural by default: ``contacts``.
    """
    one = view.noun.singular.replace(" ", "-")
    several = view.noun.plural.replace(" ", "-")
    at = at or several
    found = {
        "list": both(at, view, several, actions={"get": "list"}),
        "changes": both(f"{at}/changes", view, f"{one}-changes", actions={"get": "changes"}),
        "export": both(
            f"{at}/export",
            view,
            f"{one}-export",
            actions={"get": "export"},
            filterset_class=view.filterset_class and _without_pages(view.filterset_class),
            pagination_class=None,
            throttle_classes=[ExportThrottle],
        ),
        "retrieve": both(
            f"{at}/<int:odoo_id>",
            view,
            one,
            actions={"get": "retrieve"},
            throttle_classes=[RefreshThrottle],
        ),
    }
    return [pattern for name in only for pattern in found[name]]


def _without_pages(filters: type[MirrorFilters]) -> type[MirrorFilters]:
    """The same filters for an export, which has a format but no pages."""
    return type(f"{filters.__name__}OfExport", (filters,), {"also_known": {"format", "fields"}})
