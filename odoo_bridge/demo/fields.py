"""What a field and a model of the demo Odoo are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

OLDEST, NEWEST = 14, 99


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one model; ``since`` and ``until`` are the versions that have it."""

    type: str
    name: str
    string: str
    relation: str = ""
    # Of a one2many the many2one of ``relation`` that points back; of a many2many that is the other
    # side of another one, that one.
    inverse: str = ""
    store: bool = True
    required: bool = False
    readonly: bool = False
    selection: tuple[tuple[str, str], ...] = ()
    default: Any = None
    # Kept in an index because deletes, merges or one2many fields look rows up by it.
    indexed: bool = False
    # A record that such a many2one names cannot be deleted. The other fields are emptied then.
    restricts: bool = False
    # The parent's field that Odoo shows as the record's own.
    related: str = ""
    depends: tuple[str, ...] = ()
    since: int = OLDEST
    until: int = NEWEST

    @property
    def has_column(self) -> bool:
        """Whether its values are in the record's own row."""
        return not self.inverse

    def attributes(self) -> dict[str, Any]:
        """What ``fields_get`` says of this field."""
        answer: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "string": self.string,
            "store": self.store,
            "required": self.required,
            "readonly": self.readonly,
            "manual": False,
            "searchable": True,
            "sortable": self.store,
            "groupable": self.store,
            "company_dependent": False,
            "depends": [*self.depends],
        }
        if self.related:
            answer |= {"related": self.related, "depends": [self.related]}
        if self.relation:
            answer["relation"] = self.relation
        if self.type == "one2many":
            answer["relation_field"] = self.inverse
        if self.type == "selection":
            answer["selection"] = [list(option) for option in self.selection]
        if self.type == "monetary":
            answer["currency_field"] = "currency_id"
        return answer


@dataclass(frozen=True, slots=True)
class Model:
    """One model as one version has it."""

    name: str
    label: str
    order: str
    fields: dict[str, Field] = field(default_factory=dict)


char = partial(Field, "char")
text = partial(Field, "text")
html = partial(Field, "html")
boolean = partial(Field, "boolean")
integer = partial(Field, "integer")
float_ = partial(Field, "float")
monetary = partial(Field, "monetary")
date_ = partial(Field, "date")
datetime_ = partial(Field, "datetime")


def many2one(name: str, string: str, relation: str, **more: Any) -> Field:
    return Field("many2one", name, string, relation, **more)


def many2many(name: str, string: str, relation: str, **more: Any) -> Field:
    return Field("many2many", name, string, relation, **more)


def one2many(name: str, string: str, relation: str, inverse: str, **more: Any) -> Field:
    return Field("one2many", name, string, relation, inverse, **more)


def selection(name: str, string: str, *options: tuple[str, str], **more: Any) -> Field:
    return Field("selection", name, string, selection=options, **more)
