"""A stream's mapping, fitted to what this Odoo has and our user may read."""

import logging
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from odoo_bridge.models import SyncState
from odoo_bridge.odoo.errors import FieldUnreadable
from odoo_bridge.sync import references
from odoo_bridge.sync.fetch import read_page
from odoo_bridge.sync.references import References
from odoo_bridge.sync.session import Session
from odoo_bridge.sync.streams import Mapper

logger = logging.getLogger(__name__)


class Binding:
    """``mapper`` turns Odoo's records into rows, ``domain`` selects them in Odoo, ``references`` has the
    codes of currencies and countries.

    A run that looks at every record also reads the tables of references, on a connection of its own
    while the inventory is taken on another: from here to ``finish_references``.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        stream, gateway = session.stream, session.gateway
        self.references = References()
        # Whether the references here are as new as this run.
        self.has_fresh_references = False
        self._coming: Future[references.Found] | None = None
        if session.compares_all:
            self._coming = session.fetcher.begin(references.read, gateway, stream.references)
        available: Mapping[str, Any] = session.ask(gateway.fields, stream.odoo_model)
        self.mapper: Mapper = stream.bind(available, self.references)
        self.domain = stream.domain(available)
        self.mapper.leave_out(self._still_unreadable(self._left_out_before()))

    # References ---------------------------------------------------------------------------------

    def finish_references(self) -> None:
        """Store the references that were read meanwhile, and note what our user may not read."""
        state = _state(self._session)
        if self._coming is None:
            # Only reconcile and full read references: what the last one found is still valid.
            unreadable = set(self._session.stream.references) & set(state.unavailable_fields)
        else:
            unreadable = self._store_references(self._session.fetcher.answer(self._coming))
        self._save_unavailable(state, sorted({*self.mapper.unavailable, *unreadable}))

    def refresh_references(self) -> None:
        """Read the references once more: a record names one made after the last run read them."""
        session = self._session
        found = session.ask(references.read, session.gateway, session.stream.references)
        self._store_references(found)

    def _store_references(self, found: references.Found) -> set[str]:
        references.save(found, self._session.started_at)
        self.references.load()
        self.has_fresh_references = True
        return {kind for kind, records in found.items() if records is None}

    def _save_unavailable(self, state: SyncState, unavailable: list[str]) -> None:
        if state.unavailable_fields == unavailable:
            return
        SyncState.objects.filter(pk=state.pk).update(unavailable_fields=unavailable)
        if unavailable:
            logger.warning(
                "%s: left empty, missing in %s or not readable by our user: %s",
                self._session.stream.name,
                self._session.stream.odoo_model,
                ", ".join(unavailable),
            )

    # Extra fields that Odoo fails to read -------------------------------------------------------

    def _left_out_before(self) -> dict[str, str]:
        """The extra fields that the last run left out, each with the reason."""
        state = SyncState.objects.filter(stream=self._session.stream.name).first()
        left_out = state.left_out_fields if state else {}
        return {name: why for name, why in left_out.items() if name in self.mapper.extra_fields}

    def _still_unreadable(self, left_out: dict[str, str]) -> dict[str, str]:
        """Those of ``left_out`` to leave out again. A run that looks at every record tries to read
        them; those that Odoo can read by now are read for every row."""
        if not left_out or not self._session.compares_all:
            return left_out
        ask, gateway = self._session.ask, self._session.gateway
        model = self._session.stream.odoo_model
        some = ask(gateway.search, model, self.domain, 1)
        page = ask(read_page, gateway, model, some, list(left_out))
        unreadable = {*page.left_out} | {
            exc.field for exc in page.failed.values() if isinstance(exc, FieldUnreadable)
        }
        return {name: why for name, why in left_out.items() if name in unreadable}

    def report_left_out(self) -> None:
        """Record in the run and the stream which extra fields are not copied, and why."""
        left_out = {**self.mapper.refused, **self.mapper.left_out}
        self._session.row.left_out_fields = left_out
        state = _state(self._session)
        if state.left_out_fields == left_out:
            return
        SyncState.objects.filter(pk=state.pk).update(left_out_fields=left_out)
        for name, why in left_out.items():
            logger.warning("%s: %s is left out: it %s", self._session.stream.name, name, why)


def _state(session: Session) -> SyncState:
    state, _made = SyncState.objects.get_or_create(stream=session.stream.name)
    return state
