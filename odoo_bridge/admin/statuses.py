"""The colour of each status, the same on every page."""

from odoo_bridge.admin.base import BAD, GOOD, INFO, QUIET, WARNING
from odoo_bridge.models import GoneReview, OdooWrite, SyncRun

# Of runs, of reviews of vanished rows, of writes to Odoo. No two of them share a word.
TONES: dict[str, str] = {
    SyncRun.Status.QUEUED: INFO,
    SyncRun.Status.RUNNING: INFO,
    SyncRun.Status.SUCCEEDED: GOOD,
    SyncRun.Status.SUCCEEDED_WITH_ISSUES: WARNING,
    SyncRun.Status.NEEDS_CONFIRMATION: BAD,
    SyncRun.Status.FAILED: BAD,
    SyncRun.Status.SKIPPED: QUIET,
    SyncRun.Status.CANCELLED: WARNING,
    SyncRun.Status.INTERRUPTED: WARNING,
    GoneReview.Status.OPEN: BAD,
    GoneReview.Status.CONFIRMED: INFO,
    GoneReview.Status.REJECTED: WARNING,
    GoneReview.Status.REPLACED: QUIET,
    GoneReview.Status.SETTLED: GOOD,
    OdooWrite.State.REQUESTED: QUIET,
    OdooWrite.State.SENT: WARNING,
    OdooWrite.State.MADE: WARNING,
    OdooWrite.State.DONE: GOOD,
    OdooWrite.State.REFUSED: BAD,
}
_NAMES_OF_UNFOLD = {
    GOOD: "success",
    WARNING: "warning",
    BAD: "danger",
    INFO: "info",
    QUIET: "default",
}
# The same for unfold's labels: ``@display(label=LABELS)``.
LABELS = {status: _NAMES_OF_UNFOLD[tone] for status, tone in TONES.items()}
