"""A stream: one Odoo model copied into one Django model, column by column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from odoo_bridge.models import MirroredModel
from odoo_bridge.odoo import values
from odoo_bridge.odoo.errors import RecordRejected
from odoo_bridge.sync.references import References, UnknownReference

Record = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One column: ``convert`` applied to the first of the Odoo fields ``sources`` that is there."""

    sources: tuple[str, ...]
    convert: Callable[[Any], Any]


@dataclass(frozen=True)
class Derived:
    """One column computed from several Odoo fields and the references.

    ``compute(record, references)`` sees ``False`` for a field that is not available.
    """

    sources: tuple[str, ...]
    compute: Callable[[Record, References], Any]


def copy(convert: Callable[[Any], Any], *sources: str) -> Column:
    return Column(sources, convert)


def code(kind: str, source: str) -> Derived:
    """The code (ISO code of a country or currency) behind the id in ``source``."""

    def compute(record: Record, references: References) -> str:
        odoo_id = values.many2one(record[source])
        return "" if odoo_id is None else references.code(kind, odoo_id)

    return Derived((source,), compute)


def money(source: str) -> Derived:
    """An amount in the record's own currency."""

    def compute(record: Record, references: References) -> Any:
        places = references.decimal_places(
            values.many2one(record["currency_id"])
            or references.company_currency(values.many2one(record["company_id"]))
        )
        return values.money(record[source], places)

    return Derived((source, "currency_id", "company_id"), compute)


def company_money(source: str) -> Derived:
    """An amount in the currency of the record's company."""

    def compute(record: Record, references: References) -> Any:
        currency = references.company_currency(values.many2one(record["company_id"]))
        return values.money(record[source], references.decimal_places(currency))

    return Derived((source, "company_id"), compute)


def _everything(_fields: Mapping[str, Any]) -> list[Any]:
    return []


@dataclass(frozen=True)
class Stream:
    """``columns``: Django column (``parent_id``, not ``parent``) -> where it comes from.

    ``domain``: from the fields Odoo has to the records that belong to the stream.
    ``references``: the kinds of Reference that its rows need or name.
    ``points_to``: stream -> our columns with its ids. When one of those goes (or is merged away,
    which rewrites references without a stamp), the rows pointing to it are read again.
    ``owns``: stream -> (our column with the ids of its rows, its column with our id). A row of
    that stream that its owner no longer lists is read again.
    """

    name: str
    model_label: str
    odoo_model: str
    columns: Mapping[str, Column | Derived]
    domain: Callable[[Mapping[str, Any]], list[Any]] = _everything
    references: Sequence[str] = ()
    points_to: Mapping[str, Sequence[str]] = field(default_factory=dict)
    owns: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def model(self) -> type[MirroredModel]:
        return apps.get_model(self.model_label)

    def bind(self, available: Mapping[str, Mapping[str, Any]], references: References) -> "Mapper":
        """Fit the columns to the fields this Odoo has and our user may read."""
        return Mapper(self, available, references)


class Mapper:
    """Turns the records of one Odoo into rows.

    ``fields`` are what to ask Odoo for, ``columns`` the names of a row's values, in order,
    ``unavailable`` the Odoo fields that leave a column empty.
    """

    def __init__(
        self, stream: Stream, available: Mapping[str, Mapping[str, Any]], references: References
    ) -> None:
        self._odoo_model = stream.odoo_model
        self._references = references
        self._plain: list[tuple[str, str, Callable[[Any], Any]]] = []
        self._derived: list[tuple[str, Callable[[Record, References], Any]]] = []
        fields: set[str] = set()
        unavailable: set[str] = set()
        self._absent: set[str] = set()
        for name, column in stream.columns.items():
            if isinstance(column, Derived):
                here = {source for source in column.sources if source in available}
                fields |= here
                self._absent |= set(column.sources) - here
                if column.sources[0] not in available:
                    unavailable.add(column.sources[0])
                self._derived.append((name, column.compute))
                continue
            source = next((s for s in column.sources if s in available), None)
            if source is None:
                unavailable.add(column.sources[0])
                self._absent.add(column.sources[0])
                source = column.sources[0]
            else:
                fields.add(source)
            self._plain.append((name, source, column.convert))
        self._extra = [
            (name, str(available[name]["type"]))
            for name in settings.ODOO_EXTRA_FIELDS.get(stream.odoo_model, [])
            if name in available
        ]
        unavailable |= set(settings.ODOO_EXTRA_FIELDS.get(stream.odoo_model, [])) - set(available)
        fields |= {name for name, _type in self._extra}
        self.fields = sorted(fields)
        self.unavailable = sorted(unavailable)
        self.columns = (
            ["odoo_id"]
            + [name for name, _source, _convert in self._plain]
            + [name for name, _compute in self._derived]
            + ["extra"]
        )
        self._defaults = dict.fromkeys(self._absent, False)

    def to_row(self, record: Record) -> list[Any]:
        """Return the values of ``columns``. Raises RecordRejected naming record and field."""
        if self._defaults:
            record = {**self._defaults, **record}
        row: list[Any] = [record["id"]]
        try:
            for _name, source, convert in self._plain:
                row.append(convert(record[source]))
            for _name, compute in self._derived:
                row.append(compute(record, self._references))
            row.append({key: values.extra(kind, record[key]) for key, kind in self._extra})
        except KeyError as exc:
            raise RecordRejected(f"{self._odoo_model} {record['id']}: no {exc} in it") from exc
        except UnknownReference:
            raise
        except (ValueError, ArithmeticError) as exc:
            name = self.columns[len(row)]
            raise RecordRejected(f"{self._odoo_model} {record['id']}: {name}: {exc}", name) from exc
        return row


@cache
def all_streams() -> dict[str, Stream]:
    """The streams of ``settings.ODOO_STREAMS`` by name, in the order they are copied."""
    streams = [import_string(path) for path in settings.ODOO_STREAMS]
    return {stream.name: stream for stream in streams}
