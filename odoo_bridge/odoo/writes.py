"""Calls that change Odoo, which are not retried, and the lookup of what they created."""

import re
from collections.abc import Sequence
from typing import Any

from odoo_bridge.odoo.calls import Calls, Company
from odoo_bridge.odoo.errors import BridgeError, OdooForbidden, OdooRejected, OdooUnavailable


class Writes(Calls):
    """Calls that change Odoo. None is retried: the caller must resolve an unclear outcome."""

    def load(
        self, model: str, columns: Sequence[str], rows: Sequence[Sequence[str]], company: Company
    ) -> int:
        """Create one record, with its lines, as an import does; return its id.

        ``columns`` are import paths (``partner_id/.id``, ``invoice_line_ids/name``). Values are text,
        empty for none; rows after the first have further lines. The column ``id`` is an external id
        like ``odoo_bridge.7f3a``. Odoo creates it in the record's own transaction and keeps it unique.
        So two such calls at once cannot create two records, and ``marked`` finds the record of a call
        that got no response. If the record already exists, Odoo updates it instead.

        Not retried: the caller must resolve an unclear outcome. Raises OdooRejected with Odoo's
        messages.
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
        raise OdooUnavailable(f"{where}: not the response of an import")

    def marked(self, model: str, marker: str) -> int | None:
        """Return the id of the record with the external id ``marker``, None if there is none.

        Source: ``check_object_reference`` of ``ir.model.data``, the only lookup of an external id that
        does not need an administrator.
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
                raise OdooForbidden(
                    f"{model} at {self.url}: {marker} exists, but our user may not read it"
                )
        raise OdooUnavailable(f"ir.model.data at {self.url}: {marker} is not a {model}")

    def call(
        self,
        model: str,
        method: str,
        ids: Sequence[int],
        company: Company = None,
        **arguments: Any,
    ) -> Any:
        """Call ``method`` on ``ids`` and return its result. Not retried."""
        return self._transport.invoke(
            model, method, ids=list(ids), context=self._context(company), **arguments
        )


def _refused_import(messages: Sequence[Any], where: str) -> BridgeError:
    """The error for the messages of ``load``. Nothing was created: Odoo has rolled everything back."""
    texts = [str(one.get("message", "")) for one in messages if isinstance(one, dict)]
    # An error of the database continues with the whole row as DETAIL.
    lines = dict.fromkeys(text.strip().partition("\nDETAIL:")[0].strip() for text in texts)
    reason = "\n".join(line for line in lines if line)
    if _CONFLICT.search(reason):
        return OdooUnavailable(f"{where}: {reason}")
    return OdooRejected(f"{where}: {reason}", reason=reason)


# PostgreSQL's messages when two transactions change one row. Odoo retries such calls itself, except an
# import, which returns only the messages of the error.
_CONFLICT = re.compile("could not serialize access|deadlock detected|could not obtain lock")
