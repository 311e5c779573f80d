"""Changing Odoo: calls that are not repeated, and how what they left is found."""

import re
from collections.abc import Sequence
from typing import Any

from odoo_bridge.odoo.calls import Calls, Company
from odoo_bridge.odoo.errors import BridgeError, OdooForbidden, OdooRejected, OdooUnavailable


class Writes(Calls):
    """Calls that change Odoo. None is retried: an unclear outcome is the caller's."""

    def load(
        self, model: str, columns: Sequence[str], rows: Sequence[Sequence[str]], company: Company
    ) -> int:
        """Create one record, with the lines below it, as an import does; return its id.

        ``columns`` are import paths (``partner_id/.id``, ``invoice_line_ids/name``), values are text
        and empty for nothing; rows after the first hold further lines. The column ``id`` is an
        external id like ``odoo_bridge.7f3a``: made in the record's own transaction and unique in
        Odoo, so two such calls at once cannot leave two records, and ``marked`` finds what a call
        without an answer left. Called again once the record is there, Odoo writes it anew instead.

        Not retried: an unclear outcome is the caller's. Raises OdooRejected with Odoo's messages.
        Source: ``load`` in ``odoo/models.py``, 14 to 19.
        """
        answer = self._transport.invoke(
            model,
            "load",
            ids=None,
            fields=list(columns),
            data=[list(row) for row in rows],
            context=self._context(company),
        )
        where = f"{model}.load at {self.url}"
        match answer:
            case {"ids": [int(odoo_id)]}:
                return odoo_id
            case {"ids": False | [], "messages": [*messages]}:
                raise _refused_import(messages, where)
        raise OdooUnavailable(f"{where}: not the answer of an import")

    def marked(self, model: str, marker: str) -> int | None:
        """Return the id of the record with the external id ``marker``, None if there is none.

        Source: ``check_object_reference`` of ``ir.model.data``, the one way to look an external id
        up that needs no administrator.
        """
        module, _, name = marker.partition(".")
        try:
            answer = self._ask(
                "ir.model.data", "check_object_reference", list, module=module, xml_id=name
            )
        except OdooRejected as exc:
            if exc.exception.endswith("ValueError") and marker in exc.reason:
                return None
            raise
        match answer:
            case [str(found), int(odoo_id)] if found == model and odoo_id > 0:
                return odoo_id
            case [str(found), False] if found == model:
                raise OdooForbidden(f"{model} at {self.url}: {marker} is there, but not for us")
        raise OdooUnavailable(f"ir.model.data at {self.url}: {marker} is no {model}")

    def call(
        self,
        model: str,
        method: str,
        ids: Sequence[int],
        company: Company = None,
        **arguments: Any,
    ) -> Any:
        """Call ``method`` on ``ids`` and return its answer. Not retried."""
        return self._transport.invoke(
            model, method, ids=list(ids), context=self._context(company), **arguments
        )


def _refused_import(messages: Sequence[Any], where: str) -> BridgeError:
    """The error behind the messages of ``load``. Nothing was made: Odoo has undone it all."""
    said = [str(one.get("message", "")) for one in messages if isinstance(one, dict)]
    # What the database says goes on with the whole row, below.
    lines = dict.fromkeys(text.strip().partition("\nDETAIL:")[0].strip() for text in said)
    reason = "\n".join(line for line in lines if line)
    if _CONFLICT.search(reason):
        return OdooUnavailable(f"{where}: {reason}")
    return OdooRejected(f"{where}: {reason}", reason=reason)


# PostgreSQL's words when two transactions want one row. Odoo repeats such calls by itself, except an
# import, whose messages are all that is left of the error.
_CONFLICT = re.compile("could not serialize access|deadlock detected|could not obtain lock")
