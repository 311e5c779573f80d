"""The database models of the bridge, by family."""

from odoo_bridge.models.audit import AuditEntry
from odoo_bridge.models.mirrored import (
    MirroredModel,
    MirroredQuerySet,
    OdooMoment,
    Reference,
    created_here,
    made_here_index,
    mirrored_key,
)
from odoo_bridge.models.runs import GoneReview, SyncIssue, SyncRun
from odoo_bridge.models.schedules import Heartbeat, Schedule
from odoo_bridge.models.streams import OdooIdentity, Reread, SyncState, new_feed
from odoo_bridge.models.writes import OdooWrite

__all__ = [
    "AuditEntry",
    "GoneReview",
    "Heartbeat",
    "MirroredModel",
    "MirroredQuerySet",
    "OdooIdentity",
    "OdooMoment",
    "OdooWrite",
    "Reference",
    "Reread",
    "Schedule",
    "SyncIssue",
    "SyncRun",
    "SyncState",
    "created_here",
    "made_here_index",
    "mirrored_key",
    "new_feed",
]
