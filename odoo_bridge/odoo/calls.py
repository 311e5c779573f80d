"""How a call reaches Odoo: the transport, the context, and the check of the response's type."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from odoo_bridge.odoo.errors import OdooUnavailable
from odoo_bridge.odoo.http import Client
from odoo_bridge.odoo.retry import retrying
from odoo_bridge.odoo.version import Version

Record = dict[str, Any]
Domain = Sequence[Any]
Company = int | None  # the id of the company to act for; None: that of the settings or of the user


class Transport(Protocol):
    """One way for a call to reach Odoo."""

    name: str

    def invoke(
        self, model: str, method: str, *, ids: Sequence[int] | None, **arguments: Any
    ) -> Any:
        """Return the result of Odoo's method. ``arguments`` use Odoo's own parameter names."""

    def user_id(self) -> int:
        """The id of our user in ``res.users``."""


@dataclass
class Calls:
    """The base of all parts of ``Gateway``: makes a call and checks the type of its result."""

    url: str
    client: Client
    _transport: Transport
    _version: Version
    company_ids: Sequence[int] = ()
    # The results of ``fields_get`` by model.
    _fields: dict[str, dict[str, Record]] = field(default_factory=dict, init=False)

    @property
    def transport(self) -> str:
        """The name of the transport: jsonrpc or json2."""
        return self._transport.name

    def _context(self, company: Company = None) -> Record:
        # Archived records are records too. Without a language, Odoo returns untranslated names.
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
        def call() -> Any:
            answer = self._transport.invoke(
                model,
                method,
                ids=None if ids is None else list(ids),
                context=self._context(),
                **arguments,
            )
            if not isinstance(answer, kind):
                # If it were treated as an empty list, all rows would be marked gone.
                raise OdooUnavailable(
                    f"{model}.{method} at {self.url} returned {type(answer).__name__} instead of "
                    f"{kind.__name__}"
                )
            return answer

        return retrying(call)
