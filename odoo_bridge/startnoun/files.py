"""The files of a noun's folder, as text, in the style of the nouns that are here."""

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from odoo_bridge.models import Reference
from odoo_bridge.startnoun.fields import Chosen
from odoo_bridge.startnoun.mapping_test import mapping_test
from odoo_bridge.startnoun.plan import CODES, SEARCHED, Plan

# Parameters that every list has: no filter may be called so.
_TAKEN = (
    *("page", "per_page", "cursor", "fields", "expand", "format", "search", "ordering", "max_age"),
    *("include_gone", "updated_since", "created_by", "data", "form", "filters", "qs", "queryset"),
    *("errors", "request", "prefix", "ranges"),
)
_MAX_INDEX_NAME = 30
_COLUMNS_SHOWN = 5


def files(plan: Plan) -> dict[str, str]:
    """The text of each file, by its path in the folder. The migration is Django's to write."""
    return {
        "__init__.py": "",
        "models.py": _models(plan),
        "mapping.py": _mapping(plan),
        "noun.py": _noun(plan),
        "filters.py": _filters(plan),
        "urls.py": _urls(plan),
        "admin.py": _admin(plan),
        "migrations/__init__.py": "",
        "tests/__init__.py": "",
        "tests/test_mapping.py": mapping_test(plan),
    }


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _tuple(texts: Iterable[str]) -> str:
    return _several([_quoted(text) for text in texts])


def _several(parts: Sequence[str]) -> str:
    """A tuple of expressions. Without a comma at its end, which would set each on its own line."""
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


def _kind(kind: str) -> str:
    return f"Reference.Kind.{Reference.Kind(kind).name}"


def _imports(module: str, *names: str) -> str:
    return f"from {module} import {', '.join(sorted(names, key=_import_order))}\n" if names else ""


def _import_order(name: str) -> tuple[bool, str]:
    return (not name[0].isupper(), name)


# models.py -----------------------------------------------------------------------------------------
_FIELDS = {
    "text": "models.TextField(blank=True{about})",
    "integer": "models.IntegerField(default=0{about})",
    "decimal": "ExactDecimalField(null=True{about})",
    "money": "MoneyField(null=True{about})",
    "company money": "MoneyField(null=True, company=True{about})",
    "day": "models.DateField(null=True{about})",
    "moment": "models.DateTimeField(null=True{about})",
    "id": "models.BigIntegerField(null=True{about})",
    "reference": "ReferenceField({kind}, null=True{about})",
    "noun": 'mirrored_key({target}, "+"{about})',
    "ids": "IdsField({kind_first}default=list, blank=True{about})",
    "boolean": "models.BooleanField(default={default}{about})",
}


def _models(plan: Plan) -> str:
    kinds = {one.kind for one in plan.choice.fields}
    named = [
        name
        for name, used in (
            ("ExactDecimalField", "decimal" in kinds),
            ("IdsField", "ids" in kinds),
            ("MoneyField", kinds & {"money", "company money"}),
            ("ReferenceField", "reference" in kinds),
        )
        if used
    ]
    bridge = ["MirroredModel", "MirroredQuerySet"]
    if any(one.target for one in plan.of("reference", "ids")):
        bridge.append("Reference")
    if "noun" in kinds:
        bridge.append("mirrored_key")
    index_names = ["by_parts"] * bool(plan.searched) + ["folded"] * bool(plan.codes)
    index_names += ["start_of"] * bool(plan.called_by)
    fields = "".join(f"    {one.attribute} = {_field(plan, one)}\n" for one in plan.choice.fields)
    called = f"self.{plan.called_by} or " if plan.called_by else ""
    queryset = (
        f"class {plan.model}QuerySet(MirroredQuerySet):\n    searched = SEARCHED\n\n\n"
        if plan.searched
        else ""
    )
    manager = (
        f"    objects = {plan.model}QuerySet.as_manager()"
        "  # type: ignore[misc]  # a ClassVar in the stubs\n\n"
        if plan.searched
        else ""
    )
    return (
        f'"""Mirrored {plan.plural}: Odoo\'s ``{plan.odoo_model}``."""\n\n'
        "from django.db import models\n\n"
        + _imports("odoo_bridge.models", *bridge)
        + _imports("odoo_bridge.models.fields", *named)
        + _imports("odoo_bridge.models.indexes", *index_names)
        + (f"\nSEARCHED = {_tuple(plan.searched)}\n" if plan.searched else "")
        + f"\n\n{queryset}class {plan.model}(MirroredModel):\n"
        f'    """One ``{plan.odoo_model}``. Fields keep Odoo\'s names; ``*_id`` without a relation are '
        'Odoo\'s ids."""\n\n'
        f"{fields}\n{manager}    class Meta:\n"
        '        ordering = ["odoo_id"]\n'
        f"        verbose_name = {_quoted(plan.singular)}\n"
        f"        verbose_name_plural = {_quoted(plan.plural)}\n"
        "        indexes = [\n"
        + "".join(f"            {index},\n" for index in _indexes(plan))
        + "        ]\n\n"
        "    def __str__(self) -> str:\n"
        f'        return {called}f"{plan.singular} {{self.odoo_id}}"\n'
    )


def _field(plan: Plan, one: Chosen) -> str:
    words = one.attribute.removesuffix("_ids").removesuffix("_id").replace("_", " ")
    # Where Odoo calls it otherwise than the column does. ASCII: letters that look alike confuse.
    tells = one.label.isascii() and one.label and one.label.lower() != words
    own = f"{plan.name}.{plan.model}"
    return _FIELDS[one.kind].format(
        about=f", help_text={_quoted(one.label + '.')}" if tells else "",
        kind=_kind(one.target) if one.kind == "reference" else "",
        kind_first=f"{_kind(one.target)}, " if one.target and one.kind == "ids" else "",
        target=_quoted("self" if one.target == own else one.target),
        default=one.column == "active",
    )


def _indexes(plan: Plan) -> list[str]:
    """With the id behind it an index also gives the order of a list."""
    found = []
    if plan.called_by:
        name = _index_name(plan, plan.called_by)
        found.append(f'models.Index(start_of("{plan.called_by}"), "odoo_id", name="{name}")')
    for code in plan.codes:
        name = _index_name(plan, f"{code}_folded")
        condition = f'models.Q({code}="")'
        found.append(f'models.Index(folded("{code}"), name="{name}", condition=~{condition})')
    listed = [*plan.of("reference"), *_choices(plan), *_days(plan)]
    for column in (*(one.column for one in listed), "write_date"):
        name = _index_name(plan, column)
        found.append(f'models.Index(fields=["{column}", "odoo_id"], name="{name}")')
    if plan.searched:
        found.append(f'by_parts("{_index_name(plan, "search")}", *SEARCHED)')
    return found


def _index_name(plan: Plan, column: str) -> str:
    name = f"{plan.singular.replace(' ', '_')}_{column}"
    if len(name) <= _MAX_INDEX_NAME:
        return name
    return f"{name[: _MAX_INDEX_NAME - 7]}_{blake2b(name.encode(), digest_size=3).hexdigest()}"


def _choices(plan: Plan) -> list[Chosen]:
    return [one for one in plan.of("text") if one.choices and one.column not in _TAKEN]


def _days(plan: Plan) -> list[Chosen]:
    return [one for one in plan.of("day") if one.column not in _TAKEN]


# mapping.py ----------------------------------------------------------------------------------------
def _mapping(plan: Plan) -> str:
    columns = "".join(
        f'        "{one.column}": copy(values.{one.convert}, "{one.source}"),\n'
        for one in plan.choice.fields
    )
    kinds = {one.target for one in plan.of("reference", "ids") if one.target}
    if plan.of("money", "company money"):
        kinds |= {"res.currency", "res.company"}
    points: dict[str, list[str]] = {}
    for one in plan.of("noun"):
        stream = plan.name if one.target == f"{plan.name}.{plan.model}" else None
        points.setdefault(stream or plan.streams[one.target], []).append(one.column)
    pointing = "".join(f'"{name}": {_tuple(columns)}, ' for name, columns in points.items())
    return (
        f'"""``{plan.odoo_model}`` into {plan.model}."""\n\n'
        "from odoo_bridge.odoo import values\n"
        "from odoo_bridge.sync.streams import Stream, copy\n\n"
        f"{plan.constant} = Stream(\n"
        f'    name="{plan.name}",\n'
        f'    model_label="{plan.name}.{plan.model}",\n'
        f'    odoo_model="{plan.odoo_model}",\n'
        f"    columns={{\n{columns}"
        '        "create_date": copy(values.moment, "create_date"),\n'
        '        "write_date": copy(values.moment, "write_date"),\n'
        "    },\n"
        + (f"    references={_tuple(sorted(kinds))},\n" if kinds else "")
        + (f"    points_to={{{pointing}}},\n" if points else "")
        + f")\nSTREAMS = ({plan.constant},)\n"
    )


# noun.py, urls.py ----------------------------------------------------------------------------------
def _noun(plan: Plan) -> str:
    names: dict[str, str] = {}
    for one in plan.of("reference"):
        usual = f"{one.column.removesuffix('_id')}_name"
        if usual in plan.columns:
            names[one.column] = f"odoo_{usual}"
    spelled, imports, lent = "", "", ""
    contact = plan.contact
    if contact and f"{contact.attribute}_name" not in plan.columns:
        field = f"{contact.attribute}_name"
        names[contact.column] = field
        spelled = f', spelled={{"{field}": contact_name("{contact.attribute}")}}'
        lent = f', lent=partial(names_within, via="{contact.attribute}")'
        imports = (
            "from contacts.models import names_within\nfrom contacts.noun import contact_name\n"
        )
    named = ", ".join(f'"{column}": "{field}"' for column, field in names.items())
    return (
        f'"""{plan.plural.capitalize()}: what does not follow from the mapping and the model."""\n\n'
        + ("from functools import partial\n\n" if lent else "")
        + imports
        + "from odoo_bridge.mirror.noun import Noun\n"
        f"from {plan.name}.mapping import {plan.constant} as STREAM\n\n"
        f"{plan.constant} = Noun(STREAM"
        + (f", names={{{named}}}" if names else "")
        + spelled
        + lent
        + f")\nNOUNS = ({plan.constant},)\n"
    )


def _urls(plan: Plan) -> str:
    return (
        "from odoo_bridge.api.nouns import noun_routes, view_of\n"
        f"from {plan.name}.filters import {plan.model}Filters\n"
        f"from {plan.name}.noun import {plan.constant}\n\n"
        f"urlpatterns = noun_routes(view_of({plan.constant}, {plan.model}Filters))\n"
    )


# filters.py ----------------------------------------------------------------------------------------
def _filters(plan: Plan) -> str:
    lines: list[str] = []
    used = {"MirrorFilters", "Ordering"}
    names: set[str] = set(_TAKEN)

    def add(name: str, kind: str, arguments: str = "") -> None:
        if name not in names:
            names.add(name)
            used.add(kind)
            lines.append(f"    {name} = {kind}({arguments})\n")

    for one in plan.of("boolean"):
        about = 'help_text="False: archived in Odoo."' if one.column == "active" else ""
        add(one.column, "YesNo", about)
    for one in _choices(plan):
        known = ", ".join(value for value, _words in one.choices[:3])
        add(one.column, "OneOf", f"help_text={_quoted(f'{known} ...; several: with commas.')}")
    for code in plan.codes:
        add(code, "SameText")
    for one in plan.of("noun", "reference"):
        add(one.column.removesuffix("_id"), "OdooId", f'field_name="{one.column}"')
    ranges = []
    for one in _days(plan):
        low, high = f"{one.column}_from", f"{one.column}_to"
        add(low, "Day", f'field_name="{one.column}", lookup_expr="gte"')
        add(
            high,
            "Day",
            f'field_name="{one.column}", lookup_expr="lte", help_text="Included."',
        )
        ranges.append((low, high))
    keys = {}
    if plan.called_by:
        keys[plan.called_by] = f'start_of("{plan.called_by}")'
    keys |= {one.column: f'F("{one.column}")' for one in _days(plan)}
    keys["write_date"] = 'F("write_date")'
    ordering = ", ".join(f'"{name}": {key}' for name, key in keys.items())
    ordered = "".join(
        f'"{end}": "{end.removesuffix("_from").removesuffix("_to")}", '
        for pair in ranges
        for end in pair
    )
    return (
        f'"""What {plan.plural} can be filtered and ordered by."""\n\n'
        + ("from typing import ClassVar\n\n" if ranges else "")
        + "from django.db.models import F\n\n"
        + _imports("odoo_bridge.api.filters", *used)
        + ("from odoo_bridge.models.indexes import start_of\n" if plan.called_by else "")
        + f"from {plan.name}.models import {plan.model}\n\n\n"
        f"class {plan.model}Filters(MirrorFilters):\n"
        + (
            f"    ordered_like: ClassVar = {{**MirrorFilters.ordered_like, {ordered}}}\n"
            f"    ranges = {_several([_tuple(pair) for pair in ranges])}\n\n"
            if ranges
            else ""
        )
        + "".join(lines)
        + f"    ordering = Ordering({{{ordering}}})\n\n"
        "    class Meta:\n"
        f"        model = {plan.model}\n"
        "        fields: list[str] = []\n"
    )


# admin.py ------------------------------------------------------------------------------------------
def _admin(plan: Plan) -> str:
    columns = _shown(plan)
    filters: list[str] = []
    constants: list[str] = []
    lists = {"InOdoo"}
    for one in _choices(plan):
        constant = one.column.upper()
        known = "".join(f"    {_quoted(v)}: {_quoted(_ascii(w, v))},\n" for v, w in one.choices)
        constants.append(f"{constant} = {{\n{known}}}\n")
        title = one.column.replace("_", " ")
        filters.append(f'one_of("{title}", "{one.column}", {constant})')
        lists.add("one_of")
    for one in plan.of("reference"):
        title = one.column.removesuffix("_id").replace("_", " ")
        filters.append(f'by_reference("{title}", "{one.column}", {_kind(one.target)})')
        lists.add("by_reference")
    if any(one.column == "active" for one in plan.of("boolean")):
        filters.append("Archived")
        lists.add("Archived")
    filters.append("InOdoo")
    searched = ", ".join(name.replace("_", " ") for name in plan.searched)
    said = f"{searched.capitalize()} or Odoo id" if searched else "Odoo id"
    return (
        f'"""{plan.plural.capitalize()} as people read them."""\n\n'
        "from django.contrib import admin\n\n"
        + _imports("odoo_bridge.admin.lists", *lists)
        + "from odoo_bridge.admin.records import RecordAdmin\n"
        + ("from odoo_bridge.models import Reference\n" if "by_reference" in lists else "")
        + f"from {plan.name}.models import {plan.model}\n"
        f"from {plan.name}.noun import {plan.constant}\n\n"
        + "".join(constants)
        + f"\n\n@admin.register({plan.model})\nclass {plan.model}Admin(RecordAdmin):\n"
        f"    noun = {plan.constant}\n"
        f"    search_help_text = {_quoted(said)}\n"
        f"    list_display = {_tuple(['record', *columns, 'changed_at'])}\n"
        f"    list_filter = {_several(filters)}\n"
    )


def _ascii(words: str, value: str) -> str:
    return words if words.isascii() else value


def _shown(plan: Plan) -> list[str]:
    """The columns of the list, besides what a row is called by."""
    kinds = ("noun", "money", "company money", "day", "reference", "text", "decimal")
    found: list[str] = []
    for kind in kinds:
        for one in plan.of(kind):
            is_long = kind == "text" and one.column not in (*CODES, *SEARCHED) and not one.choices
            if one.column != plan.called_by and one.column != "currency_id" and not is_long:
                found.append(one.column)
    return found[:_COLUMNS_SHOWN]
