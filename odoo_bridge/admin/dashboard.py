"""The overview: whether the mirror is fresh and correct, and whether a person must act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import capfirst

from odoo_bridge.admin.base import BAD, GOOD, INFO, QUIET, WARNING
from odoo_bridge.admin.charts import charts_for
from odoo_bridge.admin.runs import KIND_WORDS, lasted
from odoo_bridge.admin.statuses import TONES
from odoo_bridge.api.health import STALE_SECONDS
from odoo_bridge.checks import COLLECT_THEM, NO_STATIC_FILES, static_files_are_there
from odoo_bridge.mirror.words import duration
from odoo_bridge.models import GoneReview, SyncRun, SyncState
from odoo_bridge.odoo.remedies import remedy
from odoo_bridge.operations.heartbeat import silences
from odoo_bridge.operations.stream_status import StreamStatus, all_statuses
from odoo_bridge.runtime.client_address import proxy_mismatch
from odoo_bridge.sync import identity
from odoo_bridge.sync.streams import Stream, all_streams

Kind, Status = SyncRun.Kind, SyncRun.Status
# Seconds between two refreshes of the page: during a run, and otherwise.
BUSY_SECONDS, IDLE_SECONDS = 2, 15
_DAY = 86_400
# Enough time to create a new key and to install it.
KEY_WARNING = timedelta(days=14)
_ENDS = {
    Status.SUCCEEDED_WITH_ISSUES: "succeeded with issues",
    Status.NEEDS_CONFIRMATION: "needs confirmation",
    Status.CANCELLED: "was cancelled",
    Status.INTERRUPTED: "was interrupted",
}


@dataclass(frozen=True)
class Banner:
    """A problem that a person must solve, with the remedy and a link."""

    tone: str
    text: str
    remedy: str = ""
    link: str = ""
    words: str = ""


@dataclass(frozen=True)
class Card:
    """The status of one stream."""

    name: str
    status: StreamStatus
    verdict: str
    tone: str
    age: str
    records_url: str
    last_words: str
    last_tone: str
    next_run: str
    schedules_url: str
    issues_url: str

    @property
    def percent(self) -> int | None:
        """The progress of the current run; None until the number of records is known."""
        run = self.status.current_run
        if run is None or not run.planned_count or run.phase == SyncRun.Phase.INVENTORY:
            return None
        return min(100, round(100 * run.read_count / run.planned_count))


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the admin's first page, for unfold's ``DASHBOARD_CALLBACK``."""
    return context | _now(request)


def live(request: HttpRequest) -> HttpResponse:
    """The part of the overview that the page refreshes regularly.

    ``?busy=1``: a run was in progress at the last refresh. When it has ended, the charts are refreshed.
    """
    context = _now(request)
    response = render(request, "odoo_bridge/overview_live.html", context)
    if request.GET.get("busy") and not context["busy"]:
        response["HX-Trigger"] = "runs-ended"
    return response


def charts(request: HttpRequest) -> HttpResponse:
    return render(request, "odoo_bridge/overview_charts.html", {"charts": charts_for(request)})


def urls() -> list[URLPattern]:
    return [
        path("overview/", admin.site.admin_view(live), name="overview-live"),
        path("overview/charts/", admin.site.admin_view(charts), name="overview-charts"),
    ]


def _now(request: HttpRequest) -> dict[str, Any]:
    if not request.user.has_perm("odoo_bridge.view_syncstate"):
        return {"cards": [], "banners": [], "odoo": "", "busy": False, "look_again_seconds": None}
    now = timezone.now()
    cards = _cards(now)
    busy = any(card.status.current_run for card in cards)
    return {
        "cards": cards,
        "banners": _banners(cards, now),
        "odoo": _odoo(cards),
        "busy": busy,
        "look_again_seconds": BUSY_SECONDS if busy else IDLE_SECONDS,
    }


def _odoo(cards: Sequence[Card]) -> str:
    """The mirrored Odoo: name, database, version. Empty before the first run."""
    known = identity.recorded()
    if known is None:
        return ""
    versions = [card.status.odoo_version for card in cards if card.status.odoo_version]
    return ", ".join(filter(None, [known.company, identity.place(known), *versions[:1]]))


# Streams ---------------------------------------------------------------------------------------------


def _cards(now: datetime) -> list[Card]:
    return [_card(status, now) for status in all_statuses()]


def _card(status: StreamStatus, now: datetime) -> Card:
    name, last, running = status.stream, status.last_run, status.current_run
    age = status.lag_seconds
    if age is None:
        verdict, tone = ("First copy under way", INFO) if running else ("Never copied", BAD)
    else:
        verdict, tone = ("Fresh", GOOD) if age <= STALE_SECONDS else ("Stale", BAD)
    ends = _ENDS.get(Status(last.status), last.status) if last else ""
    return Card(
        name=name.replace("_", " "),
        status=status,
        verdict=verdict,
        tone=tone,
        age="" if age is None else duration(age),
        records_url=_list_of(all_streams()[name]),
        last_words=(
            f"{capfirst(KIND_WORDS[Kind(last.kind)])} {ends} "
            f"{duration((now - last.finished_at).total_seconds())} ago ({lasted(last, now)})"
            if last and last.finished_at
            else "none yet"
        ),
        last_tone=TONES[last.status] if last else QUIET,
        next_run=_in_words(status, now),
        schedules_url=reverse("admin:odoo_bridge_schedule_changelist"),
        issues_url=f"{reverse('admin:odoo_bridge_syncissue_changelist')}?stream={name}",
    )


def _in_words(status: StreamStatus, now: datetime) -> str:
    """``Check for changes in 40 s``: the next run that a schedule will start."""
    if not status.next_runs:
        return "paused"
    kind, at = min(status.next_runs.items(), key=lambda planned: planned[1])
    words = capfirst(KIND_WORDS[Kind(kind)])
    return f"{words} in {duration((at - now).total_seconds())}" if at > now else f"{words}, due now"


def _list_of(stream: Stream) -> str:
    """The URL of the list of the stream's records; empty for lines, which have no list."""
    meta = stream.model._meta
    if not admin.site.is_registered(stream.model):
        return ""
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")


# Banners ---------------------------------------------------------------------------------


def _banners(cards: Sequence[Card], now: datetime) -> list[Banner]:
    return [
        *_questions(),
        *_failures(cards),
        *(Banner(BAD, silence.message, silence.remedy) for silence in silences(now)),
        *_key(now),
        *_proxies(),
        *_styles(),
        *_one_process(),
    ]


def _questions() -> list[Banner]:
    return [
        Banner(
            BAD,
            f"{review.gone_count:,} of {review.present_count:,} {review.stream.replace('_', ' ')} "
            "vanished from Odoo. None was marked gone.",
            "Review them, then confirm or reject.",
            reverse("admin:odoo_bridge_gonereview_change", args=[review.pk]),
            "Review",
        )
        for review in GoneReview.objects.filter(status=GoneReview.Status.OPEN).defer("ids")
    ]


def _failures(cards: Sequence[Card]) -> list[Banner]:
    """One banner for all streams that failed for the same reason, usually because Odoo is down."""
    failed: dict[str, list[tuple[str, SyncRun]]] = {}
    for card in cards:
        run = card.status.last_run
        if run and run.status == Status.FAILED:
            failed.setdefault(run.error_code or run.error, []).append((card.name, run))
    banners = []
    for together in failed.values():
        names = ", ".join(name for name, _run in together)
        _name, run = together[0]
        banners.append(
            Banner(
                BAD,
                f"{names[:1].upper()}{names[1:]}: the last run failed. {run.error}",
                run.remedy,
                reverse("admin:odoo_bridge_syncrun_change", args=[run.pk]),
                f"Run #{run.pk}",
            )
        )
    return banners


def _key(now: datetime) -> list[Banner]:
    expires_at = SyncState.objects.aggregate(first=Min("key_expires_at"))["first"]
    if expires_at is None or expires_at > now + KEY_WARNING:
        return []
    past = expires_at <= now
    return [
        Banner(
            BAD if past else WARNING,
            "An API key of the bridge's Odoo user "
            f"{'expired' if past else 'expires'} on {expires_at:%d %b %Y, %H:%M} UTC.",
            remedy("key_expires"),
        )
    ]


def _proxies() -> list[Banner]:
    wrong = proxy_mismatch()
    return [Banner(WARNING, *wrong)] if wrong else []


def _styles() -> list[Banner]:
    return [] if static_files_are_there() else [Banner(WARNING, NO_STATIC_FILES, COLLECT_THEM)]


def _one_process() -> list[Banner]:
    if not settings.ONE_PROCESS:
        return []
    return [
        Banner(
            INFO,
            "One-process mode: web, worker and beat share one process, for trying the bridge out.",
            "To run it in production, see the README.",
        )
    ]
