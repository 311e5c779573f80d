"""A stream: one Odoo model copied into one Django model, column by column."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from operator import itemgetter
from typing import Any

from django.apps import apps
from django.conf import settings

from odoo_bridge.models import MirroredModel
from odoo_bridge.odoo import values
from odoo_bridge.odoo.errors import RecordRejected
from odoo_bridge.sync.extras import chosen
from odoo_bridge.sync.references import References, UnknownReference

Record = dict[str, Any]
Row = Sequence[Any]


class Records:
    """A page of records, a field at a time: ``records["name"]`` is the list of all their names.

    A field that this Odoo lacks is ``False`` in every record. Working on whole columns makes mapping
    cheap: a loop over one column with one conversion costs a third of a loop over records.
    """

    def __init__(
        self,
        records: Sequence[Record],
        fields: Sequence[str],
        absent: Iterable[str],
        references: References,
    ) -> None:
        """Raises KeyError for a field that is missing in a record."""
        self.references = references
        self._columns: dict[str, Sequence[Any]] = dict.fromkeys(absent, [False] * len(records))
        # The id twice: with one key itemgetter would not return a tuple.
        taken = zip(*map(itemgetter("id", "id", *fields), records), strict=True)
        self._columns.update(zip(("id", "id", *fields), taken, strict=True))

    def __getitem__(self, field: str) -> Sequence[Any]:
        return self._columns[field]

    def ids(self, field: str) -> Sequence[int | None]:
        return values.each(values.many2one, self[field])


@dataclass(frozen=True)
class Column:
    """One column: ``convert`` applied to the first of the Odoo fields ``sources`` that exists."""

    sources: tuple[str, ...]
    convert: Callable[[Any], Any]


@dataclass(frozen=True)
class Derived:
    """One column computed from several Odoo fields and the references: a value per record."""

    sources: tuple[str, ...]
    compute: Callable[[Records], list[Any]]


def copy(convert: Callable[[Any], Any], *sources: str) -> Column:
    return Column(sources, convert)


def code(kind: str, source: str) -> Derived:
    """The code (ISO code of a country or currency) behind the id in ``source``."""

    def compute(records: Records) -> list[str]:
        ids = records.ids(source)
        found = records.references.code
        known = {odoo_id: "" if odoo_id is None else found(kind, odoo_id) for odoo_id in set(ids)}
        return [known[odoo_id] for odoo_id in ids]

    return Derived((source,), compute)


def _everything(_fields: Mapping[str, Any]) -> list[Any]:
    return []


@dataclass(frozen=True)
class Stream:
    """``columns``: Django column (``parent_id``, not ``parent``) -> where it comes from.

    ``domain``: a function from the fields that Odoo has to the domain of the stream's records.
    ``references``: the kinds of Reference that its rows need or name.
    ``points_to``: stream -> our columns with its ids. When one of its rows is gone (or was merged, which
    rewrites references without a new stamp), the rows that reference it are read again. Each
    ``reconcile`` also reads the rows that reference a row that is not here.
    ``owns``: stream -> (our column with the ids of its rows, its column with our id). A row of
    that stream that its owner no longer lists is read again.
    ``revision``: increase it when a column converts the same value differently: then the next
    ``reconcile`` reads every row again.
    """

    name: str
    model_label: str
    odoo_model: str
    columns: Mapping[str, Column | Derived]
    domain: Callable[[Mapping[str, Any]], list[Any]] = _everything
    references: Sequence[str] = ()
    points_to: Mapping[str, Sequence[str]] = field(default_factory=dict)
    owns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    revision: int = 1

    @property
    def model(self) -> type[MirroredModel]:
        return apps.get_model(self.model_label)

    def bind(self, available: Mapping[str, Mapping[str, Any]], references: References) -> "Mapper":
        """Fit the columns to the fields that this Odoo has and our user may read."""
        return Mapper(self, available, references)


class Mapper:
    """Turns the records of one Odoo into rows.

    ``fields``: the fields to request from Odoo. ``columns``: the names of a row's values, in order.
    ``unavailable``: Odoo fields that are missing, so that their column stays empty. ``copies``: which
    fields it copies, and how; rows that another mapper copied must be read again. ``refused``: extra
    fields that cannot be copied, ``left_out``: fields that Odoo fails to read in this run, each with
    the reason.
    """

    def __init__(
        self, stream: Stream, available: Mapping[str, Mapping[str, Any]], references: References
    ) -> None:
        self._odoo_model = stream.odoo_model
        self._references = references
        self._plain: list[tuple[str, str, Callable[[Any], Any]]] = []
        self._derived: list[tuple[str, Callable[[Records], list[Any]]]] = []
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
        self._sources = {
            **{name: source for name, source, _convert in self._plain},
            **{
                name: column.sources[0]
                for name, column in stream.columns.items()
                if isinstance(column, Derived)
            },
        }
        columns = {source: name for name, source in reversed(self._sources.items())}
        extras = chosen(settings.ODOO_EXTRA_FIELDS.get(stream.odoo_model, []), available, columns)
        self._extra = extras.copied
        self.refused = extras.refused
        self.left_out: dict[str, str] = {}
        unavailable |= {name for name in extras.refused if name not in available}
        fields |= extras.copied.keys()
        self._available = available
        self.fields = sorted(fields)
        self._revised = [f"revision {stream.revision}"] if stream.revision > 1 else []
        self.unavailable = sorted(unavailable)
        self.columns = (
            ["odoo_id"]
            + [name for name, _source, _convert in self._plain]
            + [name for name, _compute in self._derived]
            + ["extra"]
        )

    def copied(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield what is copied one for one: our column (``extra__x_plan`` for an extra), the Odoo
        field, and what ``fields_get`` returned about the field."""
        for column, source, _convert in self._plain:
            if source in self._available:
                yield column, source, self._available[source]
        for source in self._extra:
            yield f"extra__{source}", source, self._available[source]

    @property
    def copies(self) -> list[str]:
        return [*self.fields, *self._revised]

    @property
    def extra_fields(self) -> Collection[str]:
        return self._extra.keys()

    def leave_out(self, fields: Mapping[str, str]) -> None:
        """Stop copying those of ``fields`` (field -> reason) that are extra fields.

        Only extra fields: a row without one of its columns would not equal Odoo's record.
        """
        for name, why in fields.items():
            if self._extra.pop(name, None):
                self.fields.remove(name)
                self.left_out[name] = why

    def column_of(self, source: str) -> str:
        """Our column that the field ``source`` fills."""
        if source in self._extra:
            return f"extra.{source}"
        return next((name for name, from_ in self._sources.items() if from_ == source), source)

    def to_rows(self, records: Sequence[Record]) -> list[Row]:
        """Return the values of ``columns`` for each of ``records``.

        Raises RecordRejected if one of them cannot be mapped, for whatever reason; for a single record,
        the error names the record and the field. UnknownReference may pass: read the references anew.
        """
        if not records:
            return []
        done: list[Sequence[Any]] = []
        try:
            page = Records(records, self.fields, self._absent, self._references)
            done.append(page["id"])
            for _name, source, convert in self._plain:
                done.append(values.each(convert, page[source]))
            for _name, compute in self._derived:
                done.append(compute(page))
            done.append(self._extras(page, len(records)))
        except KeyError as exc:
            raise RecordRejected(f"{self._named(records)}: no {exc} in it") from exc
        except Exception as exc:
            column = getattr(exc, "column", "") or self.columns[len(done)]
            kind = UnknownReference if isinstance(exc, UnknownReference) else RecordRejected
            sentence = self.sentence(self._named(records), column, exc)
            raise kind(sentence, column) from exc
        return list(zip(*done, strict=True))

    def sentence(self, record: str, column: str, error: Exception) -> str:
        """``res.partner 7: tag_ids (category_id): -1 is not a list of ids``."""
        source = self._sources.get(column, column)
        named = f"{column} ({source})" if source != column else column
        message = getattr(error, "message", "") or str(error).strip()
        reason = (message or type(error).__name__).splitlines()[0]
        return ": ".join(part for part in (record, named, reason) if part)

    def to_row(self, record: Record) -> Row:
        """Return the values of ``columns``. Raises RecordRejected naming record and field."""
        return self.to_rows([record])[0]

    def _extras(self, page: Records, count: int) -> list[dict[str, Any]]:
        if not self._extra:
            return [{}] * count
        extras: list[dict[str, Any]] = [{} for _ in range(count)]
        for name, kind in self._extra.items():
            try:
                for extra, value in zip(extras, page[name], strict=True):
                    extra[name] = values.extra(kind, value)
            except Exception as exc:
                raise RecordRejected(str(exc), f"extra.{name}") from exc
        return extras

    def _named(self, records: Sequence[Record]) -> str:
        if len(records) == 1:
            return f"{self._odoo_model} {records[0]['id']}"
        return f"one of {len(records)} records of {self._odoo_model}"


@cache
def all_streams() -> dict[str, Stream]:
    """The streams of ``settings.NOUNS`` by name, in the order they are copied."""
    streams = [stream for noun in settings.NOUNS for stream in streams_of(noun)]
    return {stream.name: stream for stream in streams}


def streams_of(noun: str) -> Sequence[Stream]:
    """What the app ``noun`` copies. Raises ImportError or AttributeError if it is no noun."""
    found: Sequence[Stream] = import_module(f"{noun}.mapping").STREAMS
    return found
