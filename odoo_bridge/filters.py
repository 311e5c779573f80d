"""Query parameters of the lists. A parameter that is unknown or impossible is an error: ignored,
it would answer with rows that were not asked for."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from odoo_bridge.models import MirroredQuerySet
from odoo_bridge.strict import unknown

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


class OdooId(django_filters.NumberFilter):
    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", 0)
        super().__init__(*args, max_value=2**63 - 1, **kwargs)


class Code(django_filters.CharFilter):
    """ISO codes, which are stored in capitals."""

    def filter(self, qs: QuerySet, value: str) -> QuerySet:
        return super().filter(qs, value.upper() if value else value)


class Day(django_filters.DateFilter):
    """A date, as 2026-02-01."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, input_formats=["%Y-%m-%d"], **kwargs)


class StrictFilters(django_filters.FilterSet):
    """A parameter that is no filter is an error."""

    # Those that are none, but known.
    also_known: frozenset[str] = frozenset()

    def is_valid(self) -> bool:
        valid = super().is_valid()
        said = unknown(set(self.data) - set(self.filters) - self.also_known)
        for name, details in said.items():
            self.form.errors[name] = self.form.error_class(
                [forms.ValidationError(str(detail), code=detail.code) for detail in details]
            )
        return valid and not said


class MirrorFilters(StrictFilters):
    """What all mirrored rows can be filtered by."""

    search_fields: tuple[str, ...] = ()
    # Good in every list.
    also_known = frozenset({"page", "per_page"})

    updated_since = Moment(
        field_name="write_date", lookup_expr="gte", help_text="Written in Odoo then or later."
    )
    search = django_filters.CharFilter(method="by_words", help_text="All of these words.")
    include_gone = YesNo(
        method="leave_as_it_is", help_text="Also rows that Odoo no longer shows (gone_at)."
    )

    def by_words(self, rows: QuerySet, _name: str, text: str) -> QuerySet:
        # A handful is enough to find something; each one more makes the query dearer.
        for word in text.split()[:10]:
            found = Q()
            for field in self.search_fields:
                found |= Q(**{f"{field}__icontains": word})
            rows = rows.filter(found)
        return rows

    def leave_as_it_is(self, rows: QuerySet, _name: str, _value: bool) -> QuerySet:
        return rows

    def filter_queryset(self, queryset: MirroredQuerySet) -> QuerySet:
        if not self.form.cleaned_data.get("include_gone"):
            queryset = queryset.present()
        return super().filter_queryset(queryset)
