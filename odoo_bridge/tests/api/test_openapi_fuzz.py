"""The schema keeps its word: schemathesis asks the running server everything the schema allows, and
much that it forbids, and finds nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.servers.basehttp import WSGIRequestHandler
from rest_framework.throttling import SimpleRateThrottle

from accounts.tests.factories import UserFactory
from accounts.tokens import issue
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.tests.connection import point_at
from odoo_bridge.tests.runs import sync_all

ROOT = Path(__file__).resolve().parents[3]
SEED, EXAMPLES = 20260201, 4


@pytest.fixture
def few_rows(settings):
    """A copied demo Odoo with a handful of rows: what a row looks like is checked in each answer."""
    odoo = DemoOdoo(version="19.0", contacts=4, invoices=4)
    with odoo.serve() as server:
        point_at(settings, odoo, server.url)
        sync_all("reconcile")
        yield odoo


@pytest.mark.processes
@pytest.mark.usefixtures("few_rows")
@pytest.mark.django_db(transaction=True)
def test_schemathesis_finds_nothing(live_server, monkeypatch, tmp_path):
    # The live server sends head and body apart: the second would wait 40 ms for the first's receipt.
    monkeypatch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
    monkeypatch.setattr(SimpleRateThrottle, "get_rate", lambda throttle: None)
    user = UserFactory(username="ann", is_superuser=True)
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
        *("run", f"{live_server.url}/api/schema?format=json"),
        *("--checks", "all", "--seed", str(SEED), "--max-examples", str(EXAMPLES)),
        *("--header", f"Authorization: Bearer {issue(user).access}"),
        *("--generation-database", "none", "--continue-on-failure", "--no-color"),
    ]
    hooks = {
        "SCHEMATHESIS_HOOKS": "odoo_bridge.tests.api.schemathesis_hooks",
        "PYTHONPATH": str(ROOT),
    }
    environment = {**os.environ, **hooks}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-30_000:] + done.stderr[-5_000:]
