"""Nouns made for models of a demo and a real Odoo, in a copy of the project that is thrown away.

What ``startnoun`` writes passes the project's own checks as it is: ruff, mypy, its migration, its tests
and the contract of all nouns. It is copied, verified and served at once.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from odoo_bridge.tests.connection import settings_for

ROOT = Path(django_settings.BASE_DIR)
DEMO = {
    "product.product": "products",
    "res.partner.bank": "bank_accounts",
    "account.journal": "books",
}
REAL = {
    "product.product": "products",
    "res.partner.bank": "bank_accounts",
    "account.payment": "payments",
}
LINE = re.compile(r"^NOUNS = \[(.*)\]$", re.M)


class Copy:
    """A copy of the project, with a database of its own and an Odoo."""

    def __init__(self, folder: Path, odoo: dict[str, str]) -> None:
        self.folder = folder
        ignored = shutil.ignore_patterns(
            *(".*", "var", "images", "node_modules", "staticfiles", "__pycache__")
        )
        shutil.copytree(ROOT, folder, ignore=ignored)
        self._environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("TEST_ODOO")},
            **odoo,
            "DATABASE_URL": f"sqlite:///{folder}/copy.sqlite3",
            "REDIS_URL": "",
            "ONE_PROCESS": "1",
            "INSECURE_HTTP": "1",
            "PYTHONPATH": str(folder),
            "DJANGO_SETTINGS_MODULE": "odoo_bridge.settings",
        }

    def run(self, *words: str) -> str:
        """Run Python with ``words`` in the copy, which must succeed; return what it printed."""
        made = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert made.returncode == 0, f"{words}:\n{made.stdout[-6000:]}\n{made.stderr[-3000:]}"
        return made.stdout

    def manage(self, *words: str) -> str:
        return self.run("manage.py", *words)

    def add(self, name: str) -> None:
        """The one line outside the folder."""
        path = self.folder / "odoo_bridge" / "settings.py"
        text = path.read_text()
        assert len(LINE.findall(text)) == 1
        path.write_text(LINE.sub(rf'NOUNS = [\1, "{name}"]', text))


def make(copy: Copy, models: dict[str, str]) -> None:
    for model, name in models.items():
        said = copy.manage("startnoun", model, name)
        assert f'Add "{name}" to NOUNS' in said
        copy.add(name)


def assert_checks_pass(copy: Copy, names: list[str]) -> None:
    copy.run("-m", "ruff", "check", *names)
    copy.run("-m", "ruff", "format", "--check", *names)
    copy.run("-m", "mypy", *(word for name in names for word in ("-p", name)))
    copy.manage("check")
    copy.manage("makemigrations", "--check", "--dry-run")


def assert_copied_and_served(copy: Copy, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that the API serves of each noun."""
    copy.manage("migrate", "--verbosity", "0")
    copy.manage("sync_odoo", *names, "--kind", "reconcile")
    verdicts = json.loads(copy.manage("verify_mirror", *names, "--all-fields", "--json"))
    assert [verdict["equal"] for verdict in verdicts] == [True] * len(names)
    return json.loads(copy.run("-c", _SERVED, *names).splitlines()[-1])


def assert_contract_holds(copy: Copy, names: list[str]) -> None:
    tests = [*(f"{name}/tests" for name in names), "odoo_bridge/tests/nouns"]
    chosen = " or ".join(names)
    copy.run("-m", "pytest", "-q", *tests, "-k", chosen, "-m", "not odoo")


_SERVED = """
import json, sys, django
django.setup()
from django.test import Client
from rest_framework.test import APIClient
from accounts.models import User
user = User(username="ann", is_superuser=True)
user.save()
client, found = APIClient(), {}
client.force_authenticate(user)
for name in sys.argv[1:]:
    answer = client.get(f"/api/{name.replace('_', '-')}?per_page=1000", HTTP_HOST="localhost")
    assert answer.status_code == 200, answer.content
    found[name] = answer.json()["results"]
print(json.dumps(found))
"""


@pytest.mark.processes
def test_nouns_of_the_demo_pass_every_check_and_the_contract(demo, tmp_path):
    demo.add("res.partner.bank", acc_number="BE71 0961 2345 6769", partner_id=3)
    copy = Copy(tmp_path / "copy", settings_for(demo, django_settings.ODOO_URL))
    make(copy, DEMO)
    names = list(DEMO.values())
    assert_checks_pass(copy, names)
    rows = assert_copied_and_served(copy, names)
    assert {row["name"] for row in rows["products"]} >= {"Oak desk", "Reading lamp"}
    [account] = rows["bank_accounts"]
    assert (account["acc_number"], account["partner_id"]) == ("BE71 0961 2345 6769", 3)
    assert {row["type"] for row in rows["books"]} >= {"sale", "purchase"}
    assert_contract_holds(copy, names)


@pytest.mark.odoo
def test_nouns_of_a_real_odoo_are_copied_exactly_and_served(bridge_on_real_odoo, tmp_path):
    odoo = bridge_on_real_odoo
    invoice = odoo.invoice(odoo.create("res.partner", name="Payer"), lines=[{"price_unit": 99}])
    odoo.post([invoice])
    odoo.pay([invoice])
    copy = Copy(tmp_path / "copy", settings_for(odoo, odoo.url))
    make(copy, REAL)
    names = list(REAL.values())
    assert_checks_pass(copy, names)
    rows = assert_copied_and_served(copy, names)
    assert all(rows[name] for name in names)
    # From 17 on a product has its template's fields, and its changes.
    assert all(row["name"] for row in rows["products"])
    template = rows["products"][0]["product_tmpl_id"]
    odoo.write("product.template", [template], name="Renamed at the template")
    copy.manage("sync_odoo", "products")
    verdict = json.loads(copy.manage("verify_mirror", "products", "--all-fields", "--json"))
    assert verdict[0]["equal"]
    # The demo Odoo has no payments: the contract gives it what it needs.
    assert_contract_holds(copy, ["payments"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["res.partner", "people"], "mirrored already, as contacts"),
        (["product.product", "contacts"], "already"),
        (["product.product", "json"], "already"),
        (["product.product", "My Products"], "no name for a folder"),
        (["no.such.model", "things"], "cannot be mirrored"),
    ],
)
@pytest.mark.django_db
def test_what_cannot_become_a_noun_is_refused(demo, words, said):
    with pytest.raises(CommandError, match=said):
        call_command("startnoun", *words)
    assert not (ROOT / words[1]).exists() or words[1] == "contacts"


@pytest.mark.django_db
def test_a_model_without_stamps_is_refused(demo):
    del demo.models["uom.uom"].fields["write_date"]
    with pytest.raises(CommandError, match="no write_date"):
        call_command("startnoun", "uom.uom", "units")
