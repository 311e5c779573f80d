"""A first copy fills its table without most of its secondary indexes.

Keeping fifteen of them up to date row by row costs more than all else that storing a row takes; built
afterwards they cost a fraction of it. Their definitions are in the stream's state row from the moment
they are dropped, so a run that is killed in between leaves them to the next one.
"""

import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import psycopg
from django.db import Error, OperationalError, connection, transaction
from psycopg import sql

from odoo_bridge.models import MirroredModel, SyncState
from odoo_bridge.sync import stopping
from odoo_bridge.sync.fetch import ATTEND_SECONDS, HEED_SECONDS
from odoo_bridge.sync.lease import Lease, LeaseLost

logger = logging.getLogger(__name__)

# Fewer rows are stored before the indexes would be built.
WORTH_IT_ROWS = 10_000
# The index of trigrams takes as long as all others of its table, and PostgreSQL builds it with one
# process: a second one builds the others meanwhile.
BUILDERS = 2
_PATIENCE = "2s"


def set_aside(model: type[MirroredModel], lease: Lease) -> None:
    """Drop the secondary indexes of an empty table, on PostgreSQL.

    Unique ones stay, and the one that the changes feed is read by: its reader may be ahead of the
    copy, and would scan the whole table each time it asks. Rows come in its order, so it costs little.
    """
    if connection.vendor != "postgresql":
        return
    try:
        with lease.held() as state, connection.cursor() as cursor:
            # Dropping needs the table for itself. Nobody reads an empty one for long, but a backup
            # may: then the copy is slower, not stuck.
            cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_PATIENCE)))
            cursor.execute(
                "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
                " LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
                " WHERE indrelid = %s::regclass AND indisvalid AND NOT indisunique"
                " AND attname IS DISTINCT FROM 'change_seq'",
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


def is_due(stream: str) -> bool:
    """Whether indexes of ``stream`` are to be built."""
    return SyncState.objects.filter(stream=stream).exclude(indexes_aside=[]).exists()


def restore(model: type[MirroredModel], lease: Lease) -> None:
    """Build what is set aside. What fails, or was not built when the program was told to stop, is
    left to the next run."""
    try:
        _build(SyncState.objects.get(stream=lease.stream).indexes_aside, lease)
        if stopping.is_told():
            return
        with transaction.atomic(), connection.cursor() as cursor:
            # The planner believes the table empty until somebody counts it.
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(model._meta.db_table)))
    except (LeaseLost, Error) as exc:
        logger.warning("%s: indexes are left to the next run: %s", lease.stream, exc)


def _build(definitions: list[str], lease: Lease) -> None:
    """Build ``definitions``, several at a time, extending the lease all the while.

    The builders need none: to build an index twice does nothing, and one that a run built after it
    lost its lease is as good as any.
    """
    # The slow ones first, so that no builder is left alone with one at the end.
    todo = deque(sorted(dict.fromkeys(definitions), key=lambda each: "gin_trgm_ops" not in each))
    work = _Work(todo)
    with ThreadPoolExecutor(BUILDERS, thread_name_prefix="index") as threads:
        for _ in range(BUILDERS):
            threads.submit(work.go_on)
        try:
            builders, attended = BUILDERS, time.monotonic()
            while builders and not stopping.is_told():
                try:
                    said = work.said.get(timeout=HEED_SECONDS)
                except Empty:
                    if time.monotonic() - attended >= ATTEND_SECONDS:
                        lease.extend()
                        attended = time.monotonic()
                    continue
                if isinstance(said, Error):
                    raise said
                if said is None:
                    builders -= 1
                    continue
                with lease.held() as state:
                    state.indexes_aside = [each for each in state.indexes_aside if each != said]
                attended = time.monotonic()
        finally:
            work.stop()


class _Work:
    """Definitions of indexes to be built, by whichever thread comes next.

    ``said``: each definition once it is built, an error where it ended, None by a thread that ends.
    """

    def __init__(self, todo: deque[str]) -> None:
        self._todo = todo
        self._sessions: set[psycopg.Connection[Any]] = set()
        self.said: SimpleQueue[str | Error | None] = SimpleQueue()

    def go_on(self) -> None:
        """Build until nothing is left, on a database connection of this thread's own."""
        try:
            with connection.cursor() as cursor, suppress(IndexError):
                self._sessions.add(connection.connection)
                while True:
                    definition = self._todo.popleft()
                    once = definition.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1)
                    cursor.execute(once)
                    self.said.put(definition)
        except Error as exc:
            self.said.put(exc)
        finally:
            self._sessions.discard(connection.connection)
            connection.close()
            self.said.put(None)

    def stop(self) -> None:
        """Begin no other, and give up what is being built."""
        self._todo.clear()
        for session in list(self._sessions):
            with suppress(psycopg.Error):
                session.cancel()
