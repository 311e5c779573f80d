"""All calls to Odoo that the rest of the bridge may make.

The transports differ only in how they send a call (``Transport.invoke``). Arguments, context and the
checks of the response are the same for both.
"""

from dataclasses import dataclass, field
from datetime import datetime

from odoo_bridge.odoo import values
from odoo_bridge.odoo.aggregates import Aggregates
from odoo_bridge.odoo.errors import OdooForbidden, OdooMissing, OdooRejected, OdooUnavailable
from odoo_bridge.odoo.retry import retrying
from odoo_bridge.odoo.version import Version, ask_version
from odoo_bridge.odoo.writes import Writes


@dataclass
class Gateway(Aggregates, Writes):
    """The calls to one Odoo, over one transport. Raises only the errors of ``errors.py``.

    Thread-safe; keep one per process.
    """

    _uuid_is_forbidden: bool = field(default=False, init=False)

    def version(self) -> Version:
        return self._version

    def usage(self) -> tuple[int, float]:
        return self.client.usage()

    def server_time(self) -> datetime:
        """Odoo's clock, aware UTC, from the ``Date`` header of a response at most 2 s old."""
        moment = self.client.recent_server_time()
        if moment is None:
            retrying(lambda: ask_version(self.client))
            moment = self.client.recent_server_time()
        if moment is None:
            raise OdooUnavailable(
                f"{self.client.host} sends no Date header, so Odoo's time is unknown"
            )
        return moment

    def key_expires_at(self) -> datetime | None:
        """When our user's first API key expires; None if none expires or Odoo does not say.

        Odoo does not reveal which key a call used: if there are several, this may be another one.
        Source: ``res.users.apikeys``; ``expiration_date`` exists from 18 on.
        """
        model = "res.users.apikeys"
        try:
            if "expiration_date" not in self.fields(model):
                return None
            user = self._ask("res.users", "context_get", dict)["uid"]
            mine = [("user_id", "=", user), ("expiration_date", "!=", False)]
            keys = self.read(model, self.search(model, mine), ["expiration_date"])
        except (OdooForbidden, OdooMissing, OdooRejected):
            return None
        moments = (values.moment(key["expiration_date"]) for key in keys)
        return min((moment for moment in moments if moment), default=None)

    def is_internal_user(self) -> bool:
        """Whether our user is an internal user. A portal user can read only its own records.

        Source: ``share`` of ``res.users``, which users may read for themselves, 14 to 19.
        """
        user = retrying(self._transport.user_id)
        rows = (
            self.read("res.users", [user], ["share"]) if "share" in self.fields("res.users") else []
        )
        return not any(row["share"] for row in rows)

    def database_uuid(self, forbidden_before: bool = False) -> str:
        """Return the UUID that Odoo gave its database; empty if our user may not read it.

        Only administrators may. After a refusal, it is requested again only with ``forbidden_before``.
        Odoo's own "duplicate" gives the copy another UUID; a restored dump keeps the UUID.
        Source: ``ir.config_parameter``, key ``database.uuid``, 14 to 19.
        """
        if self._uuid_is_forbidden and not forbidden_before:
            return ""
        try:
            rows = self._ask(
                "ir.config_parameter",
                "search_read",
                list,
                domain=[("key", "=", "database.uuid")],
                fields=["value"],
                limit=1,
            )
        except (OdooForbidden, OdooMissing, OdooRejected):
            self._uuid_is_forbidden = True
            return ""
        self._uuid_is_forbidden = False
        return str(rows[0].get("value") or "") if rows and isinstance(rows[0], dict) else ""
