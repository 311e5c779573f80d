"""Streams: the status of each one."""

from django.contrib import admin

from odoo_bridge.admin.base import SYNC, ReadOnlyAdmin
from odoo_bridge.models import SyncState


@admin.register(SyncState)
class SyncStateAdmin(ReadOnlyAdmin):
    section, icon, rank = SYNC, "water", 4
    list_display = (
        "stream",
        "watermark",
        "lease_holder",
        "lease_until",
        "unavailable_fields",
        "left_out_fields",
    )
