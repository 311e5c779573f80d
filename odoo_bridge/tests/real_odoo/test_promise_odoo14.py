"""The promise on a real Odoo 14: other fields, other operators, OdooRPC alone."""

from typing import Any

import pytest

from contacts.models import Contact
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.sync.verify import verify
from odoo_bridge.tests.connection import point_at
from odoo_bridge.tests.runs import synced

pytestmark = [pytest.mark.odoo14, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def odoo(real_odoo14: Any, settings: Any) -> Any:
    point_at(settings, real_odoo14, real_odoo14.url)
    return real_odoo14


def test_the_first_copy_is_exact_and_the_second_finds_nothing(odoo: Any) -> None:
    for stream in all_streams():
        synced(stream, "reconcile")
        assert verify(all_streams()[stream], sample=10_000).differences == []
        again = synced(stream, "reconcile")
        assert (again.created_count, again.updated_count, again.gone_count) == (0, 0, 0)


def test_five_thousand_contacts_of_one_stamp_are_neither_lost_nor_doubled(odoo: Any) -> None:
    synced("contacts", "reconcile")
    before = Contact.objects.present().count()
    ids = odoo.create_many("res.partner", [{"name": f"Bulk {n}"} for n in range(5000)])
    assert synced("contacts").created_count == 5000
    assert len(set(Contact.objects.filter(pk__in=ids).values_list("write_date", flat=True))) == 1
    assert Contact.objects.present().count() == before + 5000
    assert verify(all_streams()["contacts"], sample=500).differences == []
