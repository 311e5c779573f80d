"""A first copy fills its table without most of its secondary indexes.

Updating fifteen indexes row by row costs more than everything else that storing a row takes; building
them afterwards costs a fraction of that. Their definitions are in the stream's state row from the
moment they are dropped, so if a run is killed in between, the next one builds them.
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
from odoo_bridge.sync.fetch import CHECK_SECONDS, HEARTBEAT_SECONDS
from odoo_bridge.sync.lease import Lease, LeaseLost

logger = logging.getLogger(__name__)

# Fewer rows than this are stored sooner than the indexes could be built.
WORTH_IT_ROWS = 10_000
# The trigram index takes as long as all other indexes of its table, and PostgreSQL builds it with one
# process: a second builder makes the others meanwhile.
BUILDERS = 2
_LOCK_TIMEOUT = "2s"


def set_aside(model: type[MirroredModel], lease: Lease) -> None:
    """Drop the secondary indexes of an empty table, on PostgreSQL.

    Unique indexes stay, and so does the one that the changes feed uses: a reader of the feed may be
    ahead of the copy, and would scan the whole table at each request. Rows arrive in the order of that
    index, so keeping it costs little.
    """
    if connection.vendor != "postgresql":
        return
    try:
        with lease.held() as state, connection.cursor() as cursor:
            # Dropping needs an exclusive lock. Nobody reads an empty table for long, except perhaps a
            # backup: then the copy is slower, but does not hang.
            cursor.execute(
                sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_LOCK_TIMEOUT))
            )
            cursor.execute(
                "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
                " LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
                " WHERE indrelid = %s::regclass AND indisvalid AND NOT indisunique"
                " AND attname IS DISTINCT FROM 'change_seq'",
                [f'"{model._meta.db_table}"'],
            )
            found = cursor.fetchall()
            for name, _definition in found:
                # The name comes from regclass: it is quoted where necessary.
                cursor.execute(f"DROP INDEX {name}")
            # A run that was killed before it stored a row left some aside already.
            state.indexes_aside += [definition for _name, definition in found]
    except OperationalError as exc:
        logger.info("%s keeps its indexes while it is filled: %s", model._meta.db_table, exc)


def is_due(stream: str) -> bool:
    """Whether indexes of ``stream`` are set aside, and must be built."""
    return SyncState.objects.filter(stream=stream).exclude(indexes_aside=[]).exists()


def restore(model: type[MirroredModel], lease: Lease) -> None:
    """Build the indexes that are set aside. The next run builds those that fail now, or that were not
    built when the program had to stop."""
    try:
        _build(SyncState.objects.get(stream=lease.stream).indexes_aside, lease)
        if stopping.is_requested():
            return
        with transaction.atomic(), connection.cursor() as cursor:
            # Until the table is analyzed, the planner assumes that it is empty.
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(model._meta.db_table)))
    except (LeaseLost, Error) as exc:
        logger.warning("%s: indexes are left to the next run: %s", lease.stream, exc)


def _build(definitions: list[str], lease: Lease) -> None:
    """Build ``definitions``, several at a time, and extend the lease meanwhile.

    The builders themselves need no lease: building an index twice does nothing, and an index that a
    run builds after it lost its lease is as good as any other.
    """
    # Slow ones first, so that the builders end at about the same time.
    todo = deque(sorted(dict.fromkeys(definitions), key=lambda each: "gin_trgm_ops" not in each))
    work = _Work(todo)
    with ThreadPoolExecutor(BUILDERS, thread_name_prefix="index") as threads:
        for _ in range(BUILDERS):
            threads.submit(work.build_all)
        try:
            builders, last_heartbeat = BUILDERS, time.monotonic()
            while builders and not stopping.is_requested():
                try:
                    report = work.reports.get(timeout=CHECK_SECONDS)
                except Empty:
                    if time.monotonic() - last_heartbeat >= HEARTBEAT_SECONDS:
                        lease.extend()
                        last_heartbeat = time.monotonic()
                    continue
                if isinstance(report, Error):
                    raise report
                if report is None:
                    builders -= 1
                    continue
                with lease.held() as state:
                    state.indexes_aside = [each for each in state.indexes_aside if each != report]
                last_heartbeat = time.monotonic()
        finally:
            work.stop()


class _Work:
    """Definitions of indexes to be built by several threads.

    ``reports``: each definition once it is built, the error that stopped a thread, None when a thread
    ends.
    """

    def __init__(self, todo: deque[str]) -> None:
        self._todo = todo
        self._sessions: set[psycopg.Connection[Any]] = set()
        self.reports: SimpleQueue[str | Error | None] = SimpleQueue()

    def build_all(self) -> None:
        """Build until no definition is left, on a database connection of this thread's own."""
        try:
            with connection.cursor() as cursor, suppress(IndexError):
                self._sessions.add(connection.connection)
                while True:
                    definition = self._todo.popleft()
                    once = definition.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1)
                    cursor.execute(once)
                    self.reports.put(definition)
        except Error as exc:
            self.reports.put(exc)
        finally:
            self._sessions.discard(connection.connection)
            connection.close()
            self.reports.put(None)

    def stop(self) -> None:
        """Start no other index, and cancel those that are being built."""
        self._todo.clear()
        for session in list(self._sessions):
            with suppress(psycopg.Error):
                session.cancel()
