"""A real Odoo, changed the way its other clients change it, for tests marked ``odoo``.

Nothing here uses the bridge's own gateway: what a test writes and what the bridge reads must not share
a mistake. Calls go over OdooRPC as the administrator; what no call can do, over SQL to Odoo's database.
"""

import base64
import datetime
import hashlib
import os
import secrets
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import odoorpc
import psycopg

BIN_ODOO = Path(__file__).resolve().parents[3] / "bin" / "odoo"

Values = dict[str, Any]
Domain = list[Any]


@dataclass(frozen=True)
class RealOdoo:
    """One database of a running Odoo, and one of its users."""

    url: str
    database: str
    username: str
    password: str
    # As OdooRPC's password and, from Odoo 19 on, as the bearer key of JSON-2.
    api_key: str
    # The server's PostgreSQL, without a database: postgresql://user:password@host:port/
    database_url: str
    # Odoo's major version: 14 or 19.
    version: int

    # --- any model --------------------------------------------------------------------------------

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a public method; for one that works on records the first argument is their ids."""
        return self._client.execute_kw(model, method, list(args), kwargs)

    def create(self, model: str, **values: Any) -> int:
        return self.create_many(model, [values])[0]

    def create_many(self, model: str, rows: Sequence[Values]) -> list[int]:
        """Create all of ``rows`` in one transaction: one ``write_date`` for all of them."""
        return list(self.call(model, "create", list(rows)))

    def write(self, model: str, ids: int | Sequence[int], **values: Any) -> None:
        self.call(model, "write", _ids(ids), values)

    def unlink(self, model: str, ids: int | Sequence[int]) -> None:
        self.call(model, "unlink", _ids(ids))

    def search(self, model: str, domain: Domain | None = None, **options: Any) -> list[int]:
        """Return ids by id, archived records included. Options: ``limit``, ``order``, ``offset``."""
        options = {"order": "id", "context": {"active_test": False}} | options
        return list(self.call(model, "search", domain or [], **options))

    def count(self, model: str, domain: Domain | None = None) -> int:
        return int(self.call(model, "search_count", domain or [], context={"active_test": False}))

    def read(self, model: str, ids: int | Sequence[int], *fields: str) -> list[Values]:
        """Return one dict per record that exists, many2one fields as plain ids."""
        return list(self.call(model, "read", _ids(ids), list(fields), load=""))

    # --- contacts ---------------------------------------------------------------------------------

    def archive(self, ids: int | Sequence[int]) -> None:
        self.write("res.partner", ids, active=False)

    def restore(self, ids: int | Sequence[int]) -> None:
        self.write("res.partner", ids, active=True)

    def merge(self, sources: int | Sequence[int], into: int) -> None:
        """Merge contacts with the wizard that people use: the sources are deleted."""
        sources = _ids(sources)
        # The wizard refuses more than three contacts at a time, to the administrator as well.
        for start in range(0, len(sources), 2):
            wizard = self.create(
                "base.partner.merge.automatic.wizard",
                state="selection",
                partner_ids=[(6, 0, [*sources[start : start + 2], into])],
                dst_partner_id=into,
            )
            self.call("base.partner.merge.automatic.wizard", "action_merge", [wizard])

    # --- invoices ---------------------------------------------------------------------------------

    def invoice(
        self,
        contact_id: int,
        lines: Sequence[Values] = ({"name": "Consulting", "quantity": 1, "price_unit": 100.0},),
        move_type: str = "out_invoice",
        **values: Any,
    ) -> int:
        """Create a draft. ``lines`` are values of ``account.move.line``, taxes and account optional."""
        if move_type.startswith("in_"):
            # Odoo posts a bill of a vendor only with the date that is printed on it.
            values.setdefault("invoice_date", datetime.date.today().isoformat())
        return self.create(
            "account.move",
            move_type=move_type,
            partner_id=contact_id,
            invoice_line_ids=[(0, 0, dict(line)) for line in lines],
            **values,
        )

    def post(self, ids: int | Sequence[int]) -> None:
        self.call("account.move", "action_post", _ids(ids))

    def pay(self, ids: int | Sequence[int], **values: Any) -> None:
        """Register payments for posted invoices, in full unless ``amount`` says otherwise."""
        context = {"active_model": "account.move", "active_ids": _ids(ids)}
        wizard = self.call("account.payment.register", "create", values, context=context)
        self.call("account.payment.register", "action_create_payments", [wizard], context=context)

    def cancel(self, ids: int | Sequence[int]) -> None:
        """Cancel drafts and posted invoices; a posted one goes back to draft first, as Odoo demands."""
        moves = self.read("account.move", ids, "state")
        posted = [move["id"] for move in moves if move["state"] == "posted"]
        if posted:
            self.call("account.move", "button_draft", posted)
        self.call("account.move", "button_cancel", _ids(ids))

    # --- rights -----------------------------------------------------------------------------------

    def as_user(self, username: str, password: str, api_key: str) -> "RealOdoo":
        """Return the same database, seen by another user."""
        return replace(self, username=username, password=password, api_key=api_key)

    def user_without_invoicing(self) -> tuple[str, str, str]:
        """Create an internal user who may edit contacts and see no invoice.

        Returns login, password and API key.
        """
        login, password = f"contacts-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        groups = [self.xml_id("base.group_user"), self.xml_id("base.group_partner_manager")]
        user_id = self.create(
            "res.users",
            name="Contacts only",
            login=login,
            password=password,
            **{"group_ids" if self.version >= 19 else "groups_id": [(6, 0, groups)]},
        )
        return login, password, self._new_api_key(user_id)

    def hide_contacts(self, domain: Domain, username: str | None = None) -> "HiddenContacts":
        """Hide the contacts that match ``domain`` from one user (from all when none is named).

        The rule stays until ``remove()``, or until the end of a ``with`` block.
        """
        leaves = sum(not isinstance(term, str) for term in domain)
        pairs = sum(term in ("&", "|") for term in domain if isinstance(term, str))
        # "Not" negates one operand, so what a domain joins silently is joined in writing.
        visible = ["!", *["&"] * (leaves - pairs - 1), *domain]
        force = repr(visible)
        if username is not None:
            [user_id] = self.search("res.users", [("login", "=", username)])
            # A rule of a group only widens what other groups allow. A rule of nobody's narrows, for
            # all, so it looks at the user itself.
            force = f"{force} if user.id == {user_id} else [(1, '=', 1)]"
        [model_id] = self.search("ir.model", [("model", "=", "res.partner")])
        rule_id = self.create("ir.rule", name="Hidden", model_id=model_id, domain_force=force)
        return HiddenContacts(self, rule_id)

    def xml_id(self, name: str) -> int:
        """Return the id of a record that a module ships: ``base.group_user``."""
        module, _, short = name.partition(".")
        domain = [("module", "=", module), ("name", "=", short)]
        [found] = self.call("ir.model.data", "search_read", domain, ["res_id"])
        return int(found["res_id"])

    def _new_api_key(self, user_id: int) -> str:
        # Odoo makes a key only for whoever types their password into its web page, so this writes the
        # row itself: the key's first 8 characters in clear, the whole hashed by PBKDF2-SHA512 in the
        # notation of passlib. Source: res_users.py, APIKeys._generate.
        key, salt = secrets.token_hex(20), secrets.token_bytes(16)
        hashed = hashlib.pbkdf2_hmac("sha512", key.encode(), salt, 6000)
        encoded = [base64.b64encode(part, b"./").decode().rstrip("=") for part in (salt, hashed)]
        self.sql(
            "insert into res_users_apikeys (name, user_id, scope, index, key) "
            "values ('tests', %s, 'rpc', %s, %s)",
            user_id,
            key[:8],
            "$pbkdf2-sha512$6000$" + "$".join(encoded),
        )
        return key

    # --- the database underneath ------------------------------------------------------------------

    def sql(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own; return its rows, if it has any."""
        with psycopg.connect(self._dsn) as connection:
            cursor = connection.execute(query, args or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def late_transaction(self) -> Iterator[psycopg.Cursor]:
        """Yield a cursor in a transaction that starts now and commits at the end of the block.

        ``now()`` stays at the start, as in Odoo's own transactions, so a ``write_date`` set to
        ``now() at time zone 'utc'`` is older than the moment at which others see the row.
        """
        with psycopg.connect(self._dsn) as connection, connection.cursor() as cursor:
            cursor.execute("select now()")  # psycopg begins with the first statement
            yield cursor

    # --- the server -------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop the server: every client gets its connection refused. The databases stay."""
        self.control("stop-server", str(self.version))

    def start(self) -> None:
        """Start the server again, and return when it answers."""
        self.control("start-server", str(self.version))

    def control(self, *arguments: str) -> None:
        """Run ``bin/odoo`` with these arguments."""
        command = os.environ.get("TEST_ODOO_CONTROL", str(BIN_ODOO))
        subprocess.run([command, *arguments], check=True, timeout=120)

    # --- connections ------------------------------------------------------------------------------

    @property
    def _dsn(self) -> str:
        return urlunsplit(urlsplit(self.database_url)._replace(path=f"/{self.database}"))

    @cached_property
    def _client(self) -> odoorpc.ODOO:
        address = urlsplit(self.url)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
        )
        client = odoorpc.ODOO(
            address.hostname,
            protocol="jsonrpc+ssl" if address.scheme == "https" else "jsonrpc",
            port=address.port or (443 if address.scheme == "https" else 80),
            timeout=300,
            opener=opener,
        )
        client.login(self.database, self.username, self.password)
        return client


@dataclass(frozen=True)
class HiddenContacts:
    """A record rule that hides contacts until it is removed."""

    odoo: RealOdoo
    rule_id: int

    def remove(self) -> None:
        self.odoo.unlink("ir.rule", self.rule_id)

    def __enter__(self) -> "HiddenContacts":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()


@contextmanager
def copy_of_template(url: str, template: str, database: str) -> Iterator[None]:
    """Have PostgreSQL copy Odoo's template database, about half a second, and drop it at the end."""
    with psycopg.connect(url + "postgres", autocommit=True) as connection:
        # PostgreSQL copies only a database that nobody is connected to.
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [template]
        )
        name, source = psycopg.sql.Identifier(database), psycopg.sql.Identifier(template)
        connection.execute(psycopg.sql.SQL("create database {} template {}").format(name, source))
        try:
            yield
        finally:
            # Odoo's workers keep their connections open.
            connection.execute(psycopg.sql.SQL("drop database {} with (force)").format(name))


def _ids(ids: int | Sequence[int]) -> list[int]:
    return [ids] if isinstance(ids, int) else list(ids)
