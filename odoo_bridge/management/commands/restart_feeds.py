"""``restart_feeds``: what to run after the bridge's database was restored from a backup."""

from typing import Any

from odoo_bridge.management.commands._output import BridgeCommand
from odoo_bridge.models import SyncState, new_feed


class Command(BridgeCommand):
    help = (
        "Tells the clients of the changes feeds to read everything again. For a database that was "
        "restored from a backup: clients have seen changes that it does not know of."
    )
    examples = """
        manage.py restart_feeds    after the bridge's database was restored from a backup
    """

    def handle(self, *args: Any, **options: Any) -> None:
        for state in SyncState.objects.all():
            # An update, which waits for a run that is storing.
            SyncState.objects.filter(pk=state.pk).update(feed=new_feed())
            self.stdout.write(f"{state.stream}: a new feed")
