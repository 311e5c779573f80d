"""Secondary indexes, out of the way while an empty table is filled.

Keeping ten of them up to date row by row costs more than all else that storing a row takes; built
afterwards they cost a tenth of it. Their definitions are in the stream's state row from the moment
they are dropped, so a run that is killed in between leaves them to the next one.
"""

import logging

from django.db import DatabaseError, OperationalError, connection, transaction
from psycopg import sql

from odoo_bridge.models import MirroredModel, SyncState
from odoo_bridge.sync import stopping
from odoo_bridge.sync.lease import Lease, LeaseLost

logger = logging.getLogger(__name__)

# Fewer rows are stored before the indexes would be built.
WORTH_IT_ROWS = 10_000
_PATIENCE = "2s"


def set_aside(model: type[MirroredModel], lease: Lease) -> None:
    """Drop the secondary indexes of an empty table, on PostgreSQL; unique ones stay."""
    if connection.vendor != "postgresql":
        return
    try:
        with lease.held() as state, connection.cursor() as cursor:
            # Dropping needs the table for itself. Nobody reads an empty one for long, but a backup
            # may: then the copy is slower, not stuck.
            cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_PATIENCE)))
            cursor.execute(
                "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
                " WHERE indrelid = %s::regclass AND indisvalid AND NOT indisunique",
                [f'"{model._meta.db_table}"'],
            )
            found = cursor.fetchall()
            for name, _definition in found:
                # As regclass spells it: quoted where it must be.
                cursor.execute(f"DROP INDEX {name}")
            # A run that was killed before it stored a row left some aside already.
            state.indexes_aside += [definition for _name, definition in found]
    except OperationalError as exc:
        logger.info("%s keeps its indexes while it is filled: %s", model._meta.db_table, exc)


def restore(model: type[MirroredModel], lease: Lease) -> None:
    """Build what is set aside, an index a transaction: each is a sign of life to the lease.

    Not when the program was told to stop: the next run needs them as little.
    """
    state = SyncState.objects.get(stream=lease.stream)
    if not state.indexes_aside:
        return
    try:
        for definition in state.indexes_aside:
            if stopping.is_told():
                return
            with lease.held() as state, connection.cursor() as cursor:
                cursor.execute(definition.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1))
                state.indexes_aside = [d for d in state.indexes_aside if d != definition]
        with transaction.atomic(), connection.cursor() as cursor:
            # The planner believes the table empty until somebody counts it.
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(model._meta.db_table)))
    except (LeaseLost, DatabaseError) as exc:
        logger.warning("%s: indexes are left to the next run: %s", lease.stream, exc)
