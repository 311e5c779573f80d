"""``restart_feeds``: run it after the bridge's database was restored from a backup."""

from typing import Any

from odoo_bridge.management.commands._output import BridgeCommand
from odoo_bridge.models import SyncState, new_feed


class Command(BridgeCommand):
    help = (
        "Makes all clients of the changes feeds read everything again. Run it after the bridge's "
        "database was restored from a backup: clients have seen changes that the backup lacks."
    )
    examples = """
        manage.py restart_feeds    after the bridge's database was restored from a backup
    """

    def handle(self, *args: Any, **options: Any) -> None:
        for state in SyncState.objects.all():
            # An UPDATE, because it waits for the lock of a run that is storing rows.
            SyncState.objects.filter(pk=state.pk).update(feed=new_feed())
            self.stdout.write(f"{state.stream}: feed restarted")
