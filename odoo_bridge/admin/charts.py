"""Charts of the overview: those of the nouns, then those that ``settings.DASHBOARD_CHARTS`` names.

Each process calculates a chart at most once a minute, however many people open the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db.models import DurationField, F, Max, Sum
from django.db.models.functions import TruncHour
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from odoo_bridge.mirror.noun import all_nouns
from odoo_bridge.models import SyncRun
from odoo_bridge.sync.streams import all_streams

KEPT_SECONDS = 60
HOURS = 48


@dataclass(frozen=True)
class Series:
    """One colour of a chart: a value for each label. ``tone`` is a colour's name in charts.js."""

    name: str
    values: Sequence[float]
    tone: str


@dataclass(frozen=True)
class Chart:
    """``shape``: bar, stacked or line. ``links``: the link of each label. ``summary`` describes the
    chart in words, for people who cannot see it."""

    title: str
    shape: str
    labels: Sequence[str]
    series: Sequence[Series]
    link: str
    summary: str
    unit: str = ""
    links: Sequence[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not any(any(one.values) for one in self.series)

    @property
    def data(self) -> dict[str, Any]:
        """The data for charts.js."""
        whole = asdict(self)
        return {name: whole[name] for name in ("shape", "labels", "series", "unit", "links")}


Make = Callable[[], Chart]


def chart(permission: str) -> Callable[[Make], Make]:
    """Decorates a function that returns a chart, for users with ``permission``."""

    def decorate(make: Make) -> Make:
        make.permission = permission  # type: ignore[attr-defined]
        return make

    return decorate


def charts_for(request: HttpRequest) -> list[Chart]:
    """The charts that this user may see."""
    found: list[Any] = []
    for path in all_charts():
        make = import_string(path)
        if request.user.has_perm(make.permission):
            found.append(_kept(f"chart:{path}", make))
    return found


def all_charts() -> list[str]:
    """The paths of all charts, in the order in which they are drawn."""
    of_nouns = [path for noun in all_nouns().values() for path in noun.charts]
    return [*of_nouns, *settings.DASHBOARD_CHARTS]


def _kept(key: str, make: Make) -> Any:
    # Cached in this process's memory, so that no other program can write what the page shows.
    return caches["charts"].get_or_set(key, make, KEPT_SECONDS)


def _hours(now: datetime) -> list[datetime]:
    last = now.replace(minute=0, second=0, microsecond=0)
    return [last - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]


def _runs_of(hour: datetime, **filters: str) -> str:
    """The list of the runs of that day."""
    day = {f"queued_at__{part}": getattr(hour, part) for part in ("year", "month", "day")}
    words = "&".join(f"{name}={value}" for name, value in {**filters, **day}.items())
    return f"{reverse('admin:odoo_bridge_syncrun_changelist')}?{words}"


def _labels(hours: Sequence[datetime]) -> list[str]:
    return [f"{hour:%a %H:%M}" for hour in hours]


@chart("odoo_bridge.view_syncrun")
def changed_rows() -> Chart:
    """Rows changed per hour, in the last two days."""
    hours = _hours(timezone.now())
    kinds = {
        "created": ("New", "good"),
        "updated": ("Changed", "primary"),
        "restored": ("Restored", "info"),
        "gone": ("Gone", "bad"),
    }
    sums: dict[datetime, Any] = {
        row["hour"]: row
        for row in SyncRun.objects.filter(started_at__gte=hours[0])
        .order_by()
        .values(hour=TruncHour("started_at"))
        .annotate(**{name: Sum(f"{name}_count") for name in kinds})
    }
    series = [
        Series(word, [sums.get(hour, {}).get(name, 0) for hour in hours], tone)
        for name, (word, tone) in kinds.items()
    ]
    total = sum(sum(one.values) for one in series)
    return Chart(
        "Rows changed per hour",
        "stacked",
        _labels(hours),
        [one for one in series if any(one.values)] or series[:2],
        f"{reverse('admin:odoo_bridge_syncrun_changelist')}?did=something",
        f"{total:,} rows changed in the last {HOURS} hours.",
        links=[_runs_of(hour, did="something") for hour in hours],
    )


@chart("odoo_bridge.view_syncrun")
def run_durations() -> Chart:
    """The longest run of each stream, per hour, in the last two days."""
    hours = _hours(timezone.now())
    longest = {
        (row["hour"], row["stream"]): row["longest"].total_seconds()
        for row in SyncRun.objects.filter(started_at__gte=hours[0], finished_at__isnull=False)
        .exclude(status=SyncRun.Status.SKIPPED)
        .order_by()
        .values("stream", hour=TruncHour("started_at"))
        .annotate(longest=Max(F("finished_at") - F("started_at"), output_field=DurationField()))
    }
    tones = ("primary", "good", "warning", "info", "bad")
    series = [
        Series(
            name.replace("_", " "),
            [round(longest.get((hour, name), 0), 1) for hour in hours],
            tones[number % len(tones)],
        )
        for number, name in enumerate(all_streams())
    ]
    slowest = max((max(one.values) for one in series), default=0)
    return Chart(
        "Longest run per hour",
        "line",
        _labels(hours),
        series,
        reverse("admin:odoo_bridge_syncrun_changelist"),
        f"The longest run of the last {HOURS} hours took {slowest:,.1f} seconds.",
        unit="s",
        links=[_runs_of(hour) for hour in hours],
    )
