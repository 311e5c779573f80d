"""A demo Odoo: made-up contacts and invoices that behave as Odoo's do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from odoo_bridge.demo import base, contacts, methods, posting
from odoo_bridge.demo.database import Backup, Clock, Database, Row, Transaction
from odoo_bridge.demo.domain import parse_moment
from odoo_bridge.demo.errors import OdooError, access_error
from odoo_bridge.demo.faults import Faults
from odoo_bridge.demo.fields import Model
from odoo_bridge.demo.records import Environment
from odoo_bridge.demo.schema import models_of
from odoo_bridge.demo.server import Server
from odoo_bridge.demo.views import Rules


@dataclass(frozen=True)
class Call:
    """One call the server answered. ``kwargs`` are by name whatever the protocol.

    ``status`` is the HTTP status, 0 when the connection was dropped. JSON-RPC errors are 200.
    """

    model: str
    method: str
    kwargs: dict[str, Any]
    status: int


class Hidden:
    """A record rule that hides rows until it is removed."""

    def __init__(self, rules: Rules, model: str, test: Callable[[Row], bool]) -> None:
        self._rules = rules
        self._entry = (model, test)
        rules.hidden_rows.append(self._entry)

    def remove(self) -> None:
        if self._entry in self._rules.hidden_rows:
            self._rules.hidden_rows.remove(self._entry)


class Changes:
    """The changes of one open transaction, invisible to readers until it ends."""

    def __init__(self, demo: DemoOdoo, tx: Transaction) -> None:
        self.env = demo.environment(tx)
        self._lock = demo.lock

    @property
    def stamp(self) -> datetime:
        return self.env.tx.stamp

    @contextmanager
    def _stamped(self, values: dict[str, Any]) -> Iterator[None]:
        """Let one change carry a stamp of its own, as if it were made at that moment."""
        moment = parse_moment(values.pop("write_date", None))
        started = self.env.tx.stamp
        self.env.tx.stamp = moment or started
        try:
            with self._lock:
                yield
        finally:
            self.env.tx.stamp = started

    def add(self, model: str, id: int | None = None, **values: Any) -> int:
        """Create one record and return its id; ``write_date`` is its stamp."""
        with self._stamped(values):
            return self.env.create(model, values, id)

    def write(self, model: str, ids: Iterable[int], **values: Any) -> None:
        with self._stamped(values):
            self.env.write(model, ids, values)

    def unlink(self, model: str, ids: Iterable[int]) -> None:
        with self._lock:
            self.env.unlink(model, ids)

    def add_invoice(
        self,
        contact: int | None,
        lines: Iterable[Mapping[str, Any]] = (),
        move_type: str = "out_invoice",
        currency: str = "EUR",
        post: bool = False,
        id: int | None = None,
        **values: Any,
    ) -> int:
        """Create an invoice in a currency named by its code; return its id."""
        codes = {row["name"]: key for key, row in self.env.tx.rows("res.currency").items()}
        values = {
            "partner_id": contact or False,
            "move_type": move_type,
            "currency_id": codes[currency],
            "invoice_line_ids": [[0, 0, dict(line)] for line in lines],
            **values,
        }
        with self._stamped(values):
            made = self.env.create("account.move", values, id)
            if post:
                posting.post(self.env, [made])
        return made

    def post(self, ids: Iterable[int]) -> None:
        with self._lock:
            posting.post(self.env, ids)

    def cancel(self, ids: Iterable[int]) -> None:
        with self._lock:
            posting.cancel(self.env, ids)

    def pay(self, ids: Iterable[int], amount: float | None = None) -> None:
        """Pay each invoice, in its currency; without an amount, all that is due."""
        with self._lock:
            for each in ids:
                posting.pay(self.env, each, amount)

    def merge(self, sources: Iterable[int], into: int) -> None:
        """Merge contacts: what pointed to the sources points to ``into``, without a new stamp."""
        with self._lock:
            contacts.merge(self.env, list(sources), into)

    def write_raw(self, model: str, ids: Iterable[int], **values: Any) -> None:
        """Set any values, as SQL would: no check, no recomputation, no stamp."""
        with self._lock:
            for each in ids:
                row = self.env.existing(model, each)
                unknown = values.keys() - row.keys()
                if unknown:
                    raise ValueError(f"{model} has no column {', '.join(sorted(unknown))}")
                self.env.put(model, {**row, **values})


class DemoOdoo:
    """An Odoo of the given version with a database of made-up data.

    Without ``contacts`` and ``invoices`` it has the base only: one company, its user, currencies
    (EUR, USD, JPY with no and TND with three decimal places), countries, journals, taxes, products.
    Equal arguments give equal data.
    """

    def __init__(
        self,
        version: str = "19.0",
        contacts: int = 0,
        invoices: int = 0,
        seed: int = 1,
        *,
        database: str = "demo",
        username: str = "admin",
        password: str = "admin",  # noqa: S107 - a made-up server's
        api_key: str = "demo-api-key",
        uuid: str = "",
        made_at: datetime = base.MOMENT,
    ) -> None:
        self.version = version
        self.major = int(version.partition(".")[0])
        if not 14 <= self.major <= 19:
            raise ValueError(f"no demo Odoo {version}: 14.0 to 19.0")
        self.database = database
        self.username = username
        self.password = password
        self.api_key = api_key
        self.models = models_of(self.major)
        self.clock = Clock()
        self.calls: list[Call] = []
        self.faults = Faults()
        self._rules = Rules()
        indexed = {
            name: tuple(each.name for each in model.fields.values() if each.indexed)
            for name, model in self.models.items()
        }
        self._data = Database(self.clock, indexed)
        self.lock = self._data.lock
        # Another one for other data, the same at each start: the demo forgets when it stops.
        data = f"{database}, {contacts} contacts, {invoices} invoices, seed {seed}"
        self.uuid = uuid or str(uuid5(NAMESPACE_URL, data))
        with self.transaction(made_at) as tx:
            base.fill(tx.env, self.uuid)
        if contacts or invoices:
            # Late, because the seed is written with this class.
            from odoo_bridge.demo.seed import fill

            fill(self, contacts, invoices, seed)

    def add_model(self, model: Model) -> None:
        """Add an empty table: of a model that the demo has no data of."""
        self.models[model.name] = model
        self._data.add_table(model.name)

    # Serving

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> Server:
        """Return a server of this database; it serves inside ``with`` or between start and stop."""
        return Server(self, host, port)

    @property
    def version_info(self) -> list[Any]:
        return [self.major, int(self.version.partition(".")[2] or 0), 0, "final", 0, ""]

    def version_answer(self) -> dict[str, Any]:
        return {
            "server_version": self.version,
            "server_version_info": self.version_info,
            "server_serie": self.version,
            "protocol_version": 1,
        }

    def check_database(self, name: str) -> None:
        if name != self.database:
            raise OdooError(
                "psycopg2.OperationalError", f'FATAL:  database "{name}" does not exist\n'
            )

    def call(
        self,
        model: str,
        method: str,
        ids: list[int],
        context: dict[str, Any],
        arguments: dict[str, Any],
    ) -> Any:
        """Run one remote call in a transaction of its own, as the user."""
        with self.lock:
            tx = Transaction(self._data)
            env = Environment(
                tx, self.models, self.major, self._rules, self._companies(tx, context)
            )
            answer = methods.call(env, model, method, ids, context, arguments)
            tx.commit()
        if method in ("read", "search_read"):
            ids_read = [row["id"] for row in answer]
            bad = self.faults.poisoned(model, method, ids_read, answer[0] if answer else ())
            if bad is not None:
                # As when a computed field of one record breaks.
                raise OdooError("builtins.ZeroDivisionError", f"{model}({bad},): division by zero")
        return answer

    def _companies(self, tx: Transaction, context: dict[str, Any]) -> list[int] | None:
        wanted = context.get("allowed_company_ids")
        if not wanted:
            return None
        if not set(wanted) <= tx.rows("res.company").keys():
            raise access_error("Access to unauthorized or invalid companies.")
        return list(wanted)

    def log_call(self, model: str, method: str, kwargs: dict[str, Any], status: int) -> None:
        self.calls.append(Call(model, method, kwargs, status))

    # Looking

    def environment(self, tx: Transaction) -> Environment:
        """Return the view of one that may see and do everything."""
        return Environment(tx, self.models, self.major)

    def rows(self, model: str) -> dict[int, Row]:
        """Return the committed rows as they are stored, without one2many fields."""
        with self.lock:
            return {key: dict(row) for key, row in sorted(self._data.tables[model].rows.items())}

    def row(self, model: str, record_id: int) -> Row:
        """Return one committed row. Raises KeyError when there is none."""
        with self.lock:
            return dict(self._data.tables[model].rows[record_id])

    # Changing: each call is one transaction

    @contextmanager
    def transaction(self, stamp: datetime | None = None) -> Iterator[Changes]:
        """Open a transaction: stamped with its start, shown at its end, undone by an exception."""
        tx = Transaction(self._data, stamp)
        yield Changes(self, tx)
        tx.commit()

    def add(self, model: str, id: int | None = None, **values: Any) -> int:
        with self.transaction() as tx:
            return tx.add(model, id, **values)

    def write(self, model: str, ids: Iterable[int], **values: Any) -> None:
        with self.transaction() as tx:
            tx.write(model, ids, **values)

    def unlink(self, model: str, ids: Iterable[int]) -> None:
        with self.transaction() as tx:
            tx.unlink(model, ids)

    def add_invoice(
        self,
        contact: int | None,
        lines: Iterable[Mapping[str, Any]] = (),
        move_type: str = "out_invoice",
        currency: str = "EUR",
        post: bool = False,
        **values: Any,
    ) -> int:
        with self.transaction() as tx:
            return tx.add_invoice(contact, lines, move_type, currency, post, **values)

    def post(self, ids: Iterable[int]) -> None:
        with self.transaction() as tx:
            tx.post(ids)

    def cancel(self, ids: Iterable[int]) -> None:
        with self.transaction() as tx:
            tx.cancel(ids)

    def pay(self, ids: Iterable[int], amount: float | None = None) -> None:
        with self.transaction() as tx:
            tx.pay(ids, amount)

    def merge(self, sources: Iterable[int], into: int) -> None:
        with self.transaction() as tx:
            tx.merge(sources, into)

    def write_raw(self, model: str, ids: Iterable[int], **values: Any) -> None:
        with self.transaction() as tx:
            tx.write_raw(model, ids, **values)

    # Backups

    def backup(self) -> Backup:
        """Return the committed rows and the last ids as they are now, for ``restore``."""
        return self._data.backup()

    def restore(self, backup: Backup) -> None:
        """Go back to ``backup``. The clock runs on, and ids drawn since are drawn again."""
        self._data.restore(backup)

    # What the user may see

    def hide(self, model: str, test: Callable[[Row], bool]) -> Hidden:
        """Hide the rows that pass the test: searches skip them, reading one is refused."""
        return Hidden(self._rules, model, test)

    def forbid(self, model: str) -> None:
        """Take away all rights on a model."""
        self._rules.forbidden.add(model)

    def allow(self, model: str) -> None:
        self._rules.forbidden.discard(model)

    def hide_field(self, model: str, name: str) -> None:
        """Make a field unknown, as for a user without its group or before a module's upgrade."""
        self._rules.hidden_fields.setdefault(model, set()).add(name)

    def show_field(self, model: str, name: str) -> None:
        self._rules.hidden_fields.get(model, set()).discard(name)
