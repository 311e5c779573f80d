"""How a call travels to Odoo, whatever it asks: with which context, and how its answer is checked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from odoo_bridge.odoo.errors import OdooUnavailable
from odoo_bridge.odoo.http import Client
from odoo_bridge.odoo.retry import retrying
from odoo_bridge.odoo.version import Version

Record = dict[str, Any]
Domain = Sequence[Any]
Company = int | None  # the id of the company to act for; None: the settings', or the user's own


class Transport(Protocol):
    """One way for a call to reach Odoo."""

    name: str

    def invoke(
        self, model: str, method: str, *, ids: Sequence[int] | None, **arguments: Any
    ) -> Any:
        """Return what Odoo's method returned. ``arguments`` carry Odoo's own parameter names."""

    def user_id(self) -> int:
        """The id of our user in ``res.users``."""


@dataclass
class Calls:
    """What the parts of ``Gateway`` ask through."""

    url: str
    client: Client
    _transport: Transport
    _version: Version
    company_ids: Sequence[int] = ()
    # By model, what ``fields_get`` returned.
    _fields: dict[str, dict[str, Record]] = field(default_factory=dict, init=False)

    @property
    def transport(self) -> str:
        """The name of the way that calls travel: jsonrpc or json2."""
        return self._transport.name

    def _context(self, company: Company = None) -> Record:
        # Archived records are records. Without a language names come as they were typed.
        context: Record = {"active_test": False}
        if company is not None:
            context["allowed_company_ids"] = [company]
        elif self.company_ids:
            context["allowed_company_ids"] = list(self.company_ids)
        return context

    def _ask(
        self,
        model: str,
        method: str,
        kind: type,
        ids: Sequence[int] | None = None,
        **arguments: Any,
    ) -> Any:
        def question() -> Any:
            answer = self._transport.invoke(
                model,
                method,
                ids=None if ids is None else list(ids),
                context=self._context(),
                **arguments,
            )
            if not isinstance(answer, kind):
                # An answer of the wrong type read as an empty list would look like "all gone".
                raise OdooUnavailable(
                    f"{model}.{method} at {self.url}: {type(answer).__name__} where "
                    f"{kind.__name__} belongs"
                )
            return answer

        return retrying(question)
