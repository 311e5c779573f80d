"""What all pages of the admin share."""

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

RECORDS, SYNC, ACCESS = "Records", "Sync", "Access"


class BridgeAdmin(ModelAdmin):
    """A page of the admin. ``section`` puts it into the navigation; without one it is reached
    only through other pages. ``icon`` is a name of Material Symbols."""

    section: str | None = None
    icon = "database"

    # Counting a whole large table for "1 result (of 1,000,000)" costs more than the page.
    show_full_result_count = False
    list_fullwidth = True


class ReadOnlyAdmin(BridgeAdmin):
    """Looking only: what is here is decided in Odoo, or by the runs."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
