"""Which Odoo it is, asked of real ones: by an administrator and by a user with few rights."""

import json
import re
import secrets
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from contacts.models import Contact
from odoo_bridge.sync import identity
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.sync.verify import verify
from odoo_bridge.tests.connection import point_at
from odoo_bridge.tests.real_odoo.client import RealOdoo, copy_of_template
from odoo_bridge.tests.runs import sync, synced

pytestmark = pytest.mark.django_db(transaction=True)
ODOOS = [
    pytest.param("real_odoo", marks=pytest.mark.odoo, id="19"),
    pytest.param("real_odoo14", marks=pytest.mark.odoo14, id="14"),
]


def point(settings: Any, odoo: RealOdoo) -> RealOdoo:
    point_at(settings, odoo, odoo.url)
    return odoo


@contextmanager
def duplicate(odoo: RealOdoo) -> Iterator[RealOdoo]:
    """A database that Odoo's own database manager duplicated from ``odoo``."""
    copy = f"{odoo.database}_{secrets.token_hex(3)}"
    body = {
        "jsonrpc": "2.0",
        "method": "call",
        "params": {
            "service": "db",
            "method": "duplicate_database",
            "args": ["admin", odoo.database, copy],
        },
    }
    request = urllib.request.Request(
        odoo.url + "/jsonrpc", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert json.loads(answer.read())["result"] is True
        yield _in(odoo, copy)
    finally:
        with psycopg.connect(odoo.database_url + "postgres", autocommit=True) as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(copy))
            )


def _in(odoo: RealOdoo, database: str) -> RealOdoo:
    return RealOdoo(**{**{n: getattr(odoo, n) for n in odoo.__match_args__}, "database": database})


@pytest.mark.parametrize("which", ODOOS)
def test_a_user_with_few_rights_and_an_administrator_see_the_same_odoo(
    which: str, settings: Any, request: pytest.FixtureRequest
) -> None:
    odoo: RealOdoo = request.getfixturevalue(which)
    point(settings, odoo.as_user(*odoo.user_without_invoicing()))
    synced("contacts", "reconcile")
    known = identity.recorded()
    assert known is not None
    assert (known.uuid, known.company) == ("", "YourCompany")
    assert len(known.users) >= 3
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", made) for made in known.users.values()
    )
    point(settings, odoo)
    synced("contacts", "reconcile")
    known = identity.recorded()
    assert known is not None
    assert known.uuid == odoo.call("ir.config_parameter", "get_param", "database.uuid")
    point(settings, odoo.as_user(*odoo.user_without_invoicing()))
    for kind in ("reconcile", "changes"):
        row = sync("contacts", kind)
        assert (row.status, row.note) == ("succeeded", "")


@pytest.mark.odoo
def test_a_database_that_odoo_duplicated_is_refused(real_odoo: RealOdoo, settings: Any) -> None:
    point(settings, real_odoo)
    synced("contacts", "reconcile")
    before = list(Contact.objects.order_by("pk").values())
    with duplicate(real_odoo) as copy:
        copy.create("res.partner", name="Made in the copy")
        for kind in ("changes", "reconcile", "full", "records"):
            point(settings, copy)
            row = sync("contacts", kind, ids=[1] if kind == "records" else None)
            assert (row.status, row.error_code) == ("failed", "other_odoo")
            assert "a copy of ours" in row.error
        assert list(Contact.objects.order_by("pk").values()) == before


@pytest.mark.odoo
def test_a_dump_restored_in_its_place_is_noticed_and_ends_exact(
    real_odoo: RealOdoo, settings: Any
) -> None:
    """As pg_dump and pg_restore: an older copy of the database under the name of the first."""
    database = f"test_odoo19_{secrets.token_hex(4)}"
    url = real_odoo.database_url
    with copy_of_template(url, real_odoo.database, database):
        odoo = point(settings, _in(real_odoo, database))
        [contact] = odoo.search("res.partner", [("name", "=", "Azure Interior")])
        synced("contacts", "reconcile")
        backup = f"{database}_old"
        with copy_of_template(url, database, backup):
            odoo = _in(real_odoo, database)
            odoo.write("res.partner", contact, name="Renamed after the backup")
            undone = odoo.create("res.partner", name="Made after the backup")
            synced()
            _swap(url, database, backup)
            odoo = _in(real_odoo, database)
            reused = odoo.create("res.partner", name="Made after the restore")
            row = sync()
            assert row.status == "succeeded", row.error
            assert "A backup was restored there" in row.note
            assert Contact.objects.get(pk=contact).name == "Azure Interior"
            assert reused == undone
            assert Contact.objects.get(pk=reused).name == "Made after the restore"
            assert verify(all_streams()["contacts"], sample=1000).differences == []
            assert sync().note == ""


def _swap(url: str, one: str, other: str) -> None:
    """Exchange the names of two databases while Odoo serves them."""
    with psycopg.connect(url + "postgres", autocommit=True) as connection:
        for old, new in ((one, f"{one}_x"), (other, one), (f"{one}_x", other)):
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [old]
            )
            connection.execute(
                sql.SQL("alter database {} rename to {}").format(
                    sql.Identifier(old), sql.Identifier(new)
                )
            )
