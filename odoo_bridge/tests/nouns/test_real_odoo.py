"""Every noun that a real Odoo has is copied from it exactly."""

import pytest

from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.tests.nouns.rows import NOUNS
from odoo_bridge.tests.runs import assert_equal_to_odoo, synced

pytestmark = [pytest.mark.odoo, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.stream.name)
def test_a_noun_is_copied_exactly(bridge_on_real_odoo, noun):
    try:
        there = len(connect().search(noun.stream.odoo_model, []))
    except BridgeError as exc:
        pytest.fail(f"this Odoo has no {noun.stream.odoo_model}: {exc}")
    first = synced(noun.stream.name, "reconcile")
    assert 0 < first.created_count <= there
    assert_equal_to_odoo(noun.stream.name)
    second = synced(noun.stream.name, "reconcile")
    assert (second.created_count, second.updated_count, second.gone_count) == (0, 0, 0)
