"""An Odoo with passwords that can be searched for, and the checker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings

from odoo_bridge.demo import DemoOdoo

if TYPE_CHECKING:  # pytest reads this file before Django has its models
    from odoo_bridge.tests.exactness.checker import Checker, Journal
from odoo_bridge.odoo.connect import disconnect

PASSWORD = "canary'of\"the\\password%2F"
API_KEY = "canary-of-the-api-key"


def short_wait(**_options: Any) -> Callable[[Any], float]:
    return _a_moment


def _a_moment(_state: Any) -> float:
    return 0.01


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ask again at once: the waits between attempts have a test of their own."""
    monkeypatch.setattr("tenacity.wait_exponential_jitter", short_wait)
    disconnect()
    yield
    disconnect()


@pytest.fixture
def journal() -> Iterator[Journal]:
    from odoo_bridge.tests.exactness.checker import Journal

    with Journal().kept() as journal:
        yield journal


@pytest.fixture
def log(tmp_path: Path, journal: Journal) -> Path:
    """Where a program writes its log, which is a part of the journal."""
    path = tmp_path / "program.log"
    journal.files.append(path)
    return path


@pytest.fixture
def demo(transport: str) -> Iterator[DemoOdoo]:
    """A demo Odoo, as the ``demo`` of all tests, with secrets that stand out in a log."""
    odoo = DemoOdoo(version="19.0", password=PASSWORD, api_key=API_KEY)
    with odoo.serve() as server, override_settings(**address_of(odoo, server.url, transport)):
        yield odoo


def address_of(odoo: DemoOdoo, url: str, transport: str) -> dict[str, str]:
    """The settings that point the bridge at ``odoo``."""
    return {
        "ODOO_URL": url,
        "ODOO_DB": odoo.database,
        "ODOO_USERNAME": odoo.username,
        "ODOO_PASSWORD": odoo.password,
        "ODOO_API_KEY": odoo.api_key if transport == "json2" else "",
    }


@pytest.fixture
def check(demo: DemoOdoo, journal: Journal) -> Checker:
    from odoo_bridge.tests.exactness.checker import Checker, DemoTruth

    return Checker(DemoTruth(demo), journal)
