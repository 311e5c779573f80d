"""The number of rows in a list: exact, and counted once for each state of the mirror."""

import pytest

from accounts.models import User
from accounts.tests.factories import scoped
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from odoo_bridge.models import SyncState
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.factories import SyncStateFactory
from odoo_bridge.tests.runs import sync

pytestmark = pytest.mark.django_db


def count(api, query=""):
    return api.get(f"/api/contacts{query}").json()["count"]


def counted(queries):
    return sum("COUNT(" in query["sql"] for query in queries)


def test_a_list_is_counted_once(api, django_assert_max_num_queries):
    ContactFactory.create_batch(3)
    SyncStateFactory(stream="contacts", change_seq=3)
    with django_assert_max_num_queries(20) as queries:
        assert [count(api), count(api, "?page=1"), count(api, "?per_page=2")] == [3, 3, 3]
        assert count(api, "?is_company=true") == 0
    assert counted(queries) == 2


@pytest.mark.parametrize("query", ["", "?include_gone=1", "?is_company=false", "?search=acme"])
def test_each_sync_that_changes_something_is_counted_anew(api, demo, query):
    for number in range(3):
        demo.add("res.partner", name=f"Acme {number}", is_company=False)
    sync("contacts", "reconcile")
    before = count(api, query)
    new = demo.add("res.partner", name="Acme New", is_company=False)
    sync("contacts", "changes")
    assert count(api, query) == before + 1
    demo.unlink("res.partner", [new])
    sync("contacts", "changes")
    assert count(api, query) == before + (1 if "gone" in query else 0)


def test_what_is_no_content_is_counted_each_time(api):
    SyncStateFactory(stream="contacts", change_seq=3)
    ContactFactory.create_batch(2)
    since = "?updated_since=2026-06-01T00:00:00Z"
    assert (count(api, since), count(api, "?created_by=me")) == (0, 0)
    Contact.objects.update(write_date="2026-07-01T00:00:00Z", created_by=User.objects.get())
    assert (count(api, since), count(api, "?created_by=me")) == (2, 2)


def test_a_mirror_made_anew_is_counted_anew(api):
    SyncStateFactory(stream="contacts", change_seq=3)
    ContactFactory.create_batch(2)
    assert count(api) == 2
    Contact.objects.all().delete()
    SyncState.objects.update(feed="another")
    assert count(api) == 0


def test_a_narrower_scope_counts_for_itself(api):
    SyncStateFactory(stream="contacts", change_seq=3)
    ContactFactory(company_id=4)
    ContactFactory(company_id=5)
    other = client_of(scoped(companies=[5]))
    assert (count(api), count(other)) == (2, 1)
