"""A fresh database of a real Odoo for every module of tests marked ``odoo`` or ``odoo14``."""

import os
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from odoo_bridge.tests.connection import point_at
from odoo_bridge.tests.real_odoo.client import RealOdoo, copy_of_template


@pytest.fixture(scope="module")
def real_odoo() -> Iterator[RealOdoo]:
    """Odoo 19 with its demo data, in a database that only this module uses."""
    # The server serves databases whose names begin like this.
    odoo = _odoo(19, database=f"test_odoo19_{secrets.token_hex(4)}")
    with copy_of_template(odoo.database_url, os.environ["TEST_ODOO_TEMPLATE"], odoo.database):
        yield odoo


@pytest.fixture(scope="module")
def real_odoo14() -> RealOdoo:
    """Odoo 14 with its demo data, fresh for this module. There is one database, so nothing parallel."""
    odoo = _odoo(14, database="test_odoo14")
    odoo.control("copy", odoo.database)
    return odoo


@pytest.fixture
def bridge_on_real_odoo(settings: Any, real_odoo: RealOdoo, transport: str) -> RealOdoo:
    """``real_odoo``, with the bridge connected to it over the test's ``transport``."""
    point_at(settings, real_odoo, real_odoo.url, transport)
    return real_odoo


def _odoo(version: int, database: str) -> RealOdoo:
    prefix = "TEST_ODOO" if version == 19 else f"TEST_ODOO{version}"
    if f"{prefix}_URL" not in os.environ:
        absent = (
            f"{prefix}_URL names no real Odoo {version}; get one with: "
            f'bin/odoo up {version} && eval "$(bin/odoo env)"'
        )
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    return RealOdoo(
        url=os.environ[f"{prefix}_URL"],
        database=database,
        username=os.environ[f"{prefix}_USERNAME"],
        password=os.environ[f"{prefix}_PASSWORD"],
        api_key=os.environ[f"{prefix}_API_KEY"],
        database_url=os.environ[f"{prefix}_DATABASE_URL"],
        version=version,
    )
