"""An Odoo with passwords that can be searched for, and the checker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from odoo_bridge.demo import DemoOdoo
from odoo_bridge.tests.connection import settings_for

if TYPE_CHECKING:  # pytest reads this file before Django has its models
    from odoo_bridge.tests.exactness.checker import Checker, Journal

PASSWORD = "canary'of\"the\\password%2F"
API_KEY = "canary-of-the-api-key"


@pytest.fixture(autouse=True)
def _short_waits(short_waits: None) -> None:
    """All tests here ask Odoo again at once."""


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
    with odoo.serve() as server, override_settings(**settings_for(odoo, server.url, transport)):
        yield odoo


@pytest.fixture
def check(demo: DemoOdoo, journal: Journal) -> Checker:
    from odoo_bridge.tests.exactness.checker import Checker, DemoTruth

    return Checker(DemoTruth(demo), journal)
