"""Query parameters of the lists. An unknown or impossible parameter is an error: if it were ignored, the
response would contain rows that the client did not request."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import django_filters
from django import forms
from django.db.models import OrderBy, Q, QuerySet, Value
from django.db.models.lookups import Exact
from drf_spectacular.drainage import set_override
from rest_framework.exceptions import ErrorDetail

from odoo_bridge.api.strict import unknown
from odoo_bridge.models import MirroredQuerySet, Reference
from odoo_bridge.models.fields import FRACTION_DIGITS, WHOLE_DIGITS
from odoo_bridge.models.indexes import folded

MAX_SECONDS = 10**9
YES = {"1", "true", "yes"}
NO = {"0", "false", "no"}


class _YesNoField(forms.Field):
    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        word = str(value).lower()
        if word not in YES | NO:
            raise forms.ValidationError("Must be true or false.", code="invalid")
        return word in YES


class _MomentField(django_filters.fields.IsoDateTimeField):
    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        if moment is not None:
            try:
                moment = moment.astimezone(UTC)
            except OverflowError as exc:
                raise forms.ValidationError("Out of range.", code="invalid") from exc
        return moment


class YesNo(django_filters.BooleanFilter):
    field_class = _YesNoField


class Moment(django_filters.IsoDateTimeFilter):
    field_class = _MomentField


class WholeNumber(django_filters.NumberFilter):
    field_class = forms.IntegerField

    def __init__(self, *args: Any, max_value: int, min_value: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, min_value=min_value, max_value=max_value, **kwargs)
        _describe(self, type="integer", format="int64", minimum=min_value)


class Since(Moment):
    """Then or later. Rows without a moment match too: nobody knows that they are older."""

    def filter(self, rows: QuerySet, moment: Any) -> QuerySet:
        if moment is None:
            return rows
        since, absent = Q(**{f"{self.field_name}__gte": moment}), Q(**{self.field_name: None})
        # There are hardly ever any, and an index answers a range alone faster.
        any_absent = rows.model._default_manager.filter(absent).exists()
        return rows.filter(since | absent if any_absent else since)


class OdooId(WholeNumber):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=2**63 - 1, **kwargs)


class Day(django_filters.DateFilter):
    """A date, as 2026-02-01."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, input_formats=["%Y-%m-%d"], **kwargs)


class SameText(django_filters.CharFilter):
    """The whole text, in capitals or not. Answers from an index on ``folded`` of the column."""

    def filter(self, rows: QuerySet, text: str) -> QuerySet:
        if not text:
            return rows
        start = Exact(folded(self.field_name), folded(Value(text)))
        # The index leaves out rows without a text, and wants to hear that they are not asked for.
        return rows.filter(
            ~Q(**{self.field_name: ""}), start, **{f"{self.field_name}__iexact": text}
        )


class _SeveralField(forms.CharField):
    """A list of texts, separated by commas."""

    def __init__(self, *, check: Callable[[list[str]], list[str]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._check = check

    def clean(self, value: Any) -> list[str] | None:
        text = super().clean(value)
        if not text:
            return None
        words = text.split(",")
        if "" in words:
            raise forms.ValidationError("A value between the commas is empty.", code="blank")
        return self._check(words)


class OneOf(django_filters.BaseInFilter, django_filters.CharFilter):
    """One value or several, separated by commas. Others than ``choices``, where there are any, are
    refused: they can match nothing."""

    def __init__(self, *args: Any, choices: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, check=self.checked, **kwargs)
        self.field_class = _SeveralField
        self.choices = choices
        if choices:
            _describe(self, type="string", enum=list(choices))
        else:
            _describe(self, type="string", pattern="^[^,]+$")

    def checked(self, words: list[str]) -> list[str]:
        """``words`` as they are stored. Raises forms.ValidationError."""
        for word in words if self.choices else ():
            if word not in self.choices:
                known = ", ".join(self.choices)
                raise forms.ValidationError(
                    f"{word[:50]!r} is not one of {known}.", code="invalid_choice"
                )
        return words


class Codes(OneOf):
    """ISO codes of ``length`` letters, which are stored in capitals, of references of ``kind``."""

    def __init__(self, *args: Any, kind: str, length: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kind, self._length = kind, length
        _describe(self, type="string", pattern=f"^[A-Za-z]{{{length}}}$")

    def checked(self, words: list[str]) -> list[str]:
        for word in words:
            if not (len(word) == self._length and word.isascii() and word.isalpha()):
                raise forms.ValidationError(
                    f"{word[:50]!r} is not an ISO code of {self._length} letters.", code="invalid"
                )
        codes = [word.upper() for word in words]
        references = Reference.objects.filter(kind=self._kind)
        known = references.filter(code__in=codes).values_list("code", flat=True)
        unknown = sorted(set(codes) - set(known))
        # Before the first copy nothing is known.
        if unknown and references.exists():
            raise forms.ValidationError(f"Odoo does not have {unknown[0]}.", code="does_not_exist")
        return codes


class Amount(django_filters.NumberFilter):
    """A number with at most the digits that a float can have."""

    field_class = forms.DecimalField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        digits = WHOLE_DIGITS + FRACTION_DIGITS
        super().__init__(*args, max_digits=digits, decimal_places=FRACTION_DIGITS, **kwargs)

    def get_max_validator(self) -> None:
        """The digits are the limit."""


class Me(django_filters.ChoiceFilter):
    """Only ``me``: the user who asks. Nobody need know who else there is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[("me", "me")], null_value=None, **kwargs)
        _describe(self, type="string", enum=["me"])

    def filter(self, rows: QuerySet, name: str) -> QuerySet:
        return rows.filter(**{self.field_name: self.parent.request.user.pk}) if name else rows


class Ordering(django_filters.ChoiceFilter):
    """By one field, ``-`` before it for descending; rows that are equal there by id.

    ``keys``: by name, what the database orders by. Absent values count as the greatest, which is
    how PostgreSQL's indexes lie.
    """

    def __init__(self, keys: Mapping[str, Any]) -> None:
        self._keys = keys
        choices = [name for key in ("odoo_id", *keys) for name in (key, f"-{key}")]
        super().__init__(
            choices=[(name, name) for name in choices],
            null_value=None,
            help_text="Order by one field, `-` for descending. Missing values come last, in descending "
            "order first. By default rows are ordered by id, or with a range filter by its field.",
        )
        _describe(self, type="string", enum=choices)

    def filter(self, rows: QuerySet, name: str) -> QuerySet:
        key = self._keys.get(name.removeprefix("-"))
        if key is None:
            return rows.order_by(name) if name else rows
        if name.startswith("-"):
            return rows.order_by(OrderBy(key, descending=True, nulls_first=True), "-odoo_id")
        return rows.order_by(OrderBy(key, nulls_last=True), "odoo_id")


def _describe(one: django_filters.Filter, **schema: Any) -> None:
    """Say in OpenAPI what the form field does not."""
    description = one.extra.get("help_text", "")
    set_override(one, "field", {**schema, "description": description})


class StrictFilters(django_filters.FilterSet):
    """A parameter that is no filter is an error."""

    # Those that are none, but known.
    also_known: frozenset[str] = frozenset()
    # Parameters that are the two ends of a range: turned around it can hold nothing.
    ranges: ClassVar[Collection[tuple[str, str]]] = ()

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        # Only what is asked for: filters and their form fields are copied for each request, and
        # two dozen of them cost more than the query.
        known: Any = type(self)
        asked = data or ()
        self.base_filters: dict[str, Any] = {
            name: one for name, one in known.base_filters.items() if name in asked
        }
        super().__init__(data, *args, **kwargs)

    def is_valid(self) -> bool:
        valid = super().is_valid()
        said = unknown(set(self.data) - set(self.filters) - self.also_known)
        for name, one in self.filters.items():
            # An empty text is a text. An empty date, number or choice is a value left out.
            is_text = isinstance(one, django_filters.CharFilter) and not isinstance(one, OneOf)
            if self.data.get(name) == "" and not is_text:
                said[name] = [ErrorDetail("This may not be empty.", code="blank")]
        for low, high in self.ranges:
            ends: list[Any] = [self.form.cleaned_data.get(name) for name in (low, high)] * valid
            if None not in ends and ends != sorted(ends):
                said[high] = [ErrorDetail(f"Must not be below {low}.", code="invalid")]
        for name, details in said.items():
            self.form.errors[name] = self.form.error_class(
                [forms.ValidationError(str(detail), code=detail.code) for detail in details]
            )
        return valid and not said


class _Mirrored(StrictFilters):
    """What lists and single rows can be asked with."""

    also_known = frozenset({"fields", "expand"})

    include_gone = YesNo(
        method="leave_as_it_is", help_text="Include rows that are gone from Odoo (`gone_at`)."
    )

    def leave_as_it_is(self, rows: QuerySet, _name: str, _value: bool) -> QuerySet:
        return rows

    def filter_queryset(self, queryset: MirroredQuerySet) -> QuerySet:
        if not self.form.cleaned_data.get("include_gone"):
            queryset = queryset.present()
        return super().filter_queryset(queryset)


class RowFilters(_Mirrored):
    """What a single row can be asked with."""

    max_age = WholeNumber(method="leave_as_it_is", max_value=MAX_SECONDS)


class MirrorFilters(_Mirrored):
    """What all mirrored rows can be filtered by."""

    also_known = _Mirrored.also_known | {"page", "per_page", "cursor"}
    # The order that a range has where none is asked for: the one of its index. By id the database
    # would read all that was there before a range of late rows.
    ordered_like: ClassVar[Mapping[str, str]] = {"updated_since": "write_date"}

    updated_since = Since(
        field_name="write_date",
        help_text="Rows that Odoo wrote at this time or later, or without a write date.",
    )
    created_by = Me(help_text="Only records that the requesting user created through this bridge.")
    search = django_filters.CharFilter(
        method="by_words",
        help_text="Rows that contain all of these words or parts of words, ignoring case. One or two "
        "letters match only the beginning of a word.",
    )

    @classmethod
    def get_filters(cls) -> dict[str, Any]:
        """Those that the rows can answer."""
        filters: dict[str, Any] = super().get_filters()
        model = cls._meta.model
        if model and not hasattr(model, "created_by"):
            filters.pop("created_by", None)
        if model and not model._default_manager.all().searched:
            filters.pop("search", None)
        return filters

    def by_words(self, rows: MirroredQuerySet, _name: str, text: str) -> QuerySet:
        return rows.search(text)

    def filter_queryset(self, queryset: MirroredQuerySet) -> QuerySet:
        rows = super().filter_queryset(queryset)
        known: Any = type(self)
        ordering = known.base_filters.get("ordering")
        if ordering is None or self.form.cleaned_data.get("ordering"):
            return rows
        asked = self.form.cleaned_data
        ranges = (like for name, like in self.ordered_like.items() if asked.get(name) is not None)
        return ordering.filter(rows, next(ranges, "odoo_id"))
