"""Every noun is copied exactly, and stays so whatever happens in Odoo."""

import pytest

from odoo_bridge.tests.nouns.rows import NOUNS, add_model, make_record, written_text
from odoo_bridge.tests.runs import assert_equal_to_odoo, synced

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("short_waits"),
    pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.stream.name),
]


@pytest.fixture
def sync(noun, demo):
    """Run the stream of the noun, which must succeed."""
    add_model(demo, noun)

    def run(kind="changes"):
        return synced(noun.stream.name, kind)

    return run


def here(noun, odoo_id):
    return noun.model._default_manager.get(pk=odoo_id)


def test_the_first_copy_is_exact_and_the_next_runs_find_nothing_to_do(noun, demo, sync):
    made = {make_record(demo, noun) for _ in range(3)}
    first = sync("reconcile")
    assert first.created_count == first.inventoried_count == noun.model._default_manager.count()
    assert made <= set(noun.model._default_manager.values_list("pk", flat=True))
    assert_equal_to_odoo(noun.stream.name)
    for kind in ("changes", "reconcile", "full"):
        row = sync(kind)
        assert (row.created_count, row.updated_count, row.gone_count) == (0, 0, 0), kind


def test_what_is_new_or_changed_in_odoo_arrives_with_the_next_run(noun, demo, sync):
    changed = make_record(demo, noun)
    sync()
    before = here(noun, changed)
    source, column = written_text(demo, noun)
    demo.write(noun.stream.odoo_model, [changed], **{source: "Changed"})
    new = make_record(demo, noun)
    sync()
    after = here(noun, changed)
    assert getattr(after, column) == "Changed"
    assert here(noun, new).change_seq > before.change_seq
    assert after.change_seq > before.change_seq
    assert_equal_to_odoo(noun.stream.name)


def test_what_is_deleted_in_odoo_is_gone_and_kept(noun, demo, sync):
    deleted, kept = make_record(demo, noun), make_record(demo, noun)
    sync()
    before = here(noun, deleted)
    demo.unlink(noun.stream.odoo_model, [deleted])
    assert sync().gone_count == 1
    after = here(noun, deleted)
    assert after.gone_at is not None
    assert after.change_seq > before.change_seq
    assert here(noun, kept).gone_at is None
    assert_equal_to_odoo(noun.stream.name)


def test_what_comes_back_is_restored(noun, demo, sync):
    odoo_id = make_record(demo, noun)
    sync()
    rule = demo.hide(noun.stream.odoo_model, lambda record: record["id"] == odoo_id)
    assert sync().gone_count == 1
    rule.remove()
    assert sync().restored_count == 1
    assert here(noun, odoo_id).gone_at is None
    assert_equal_to_odoo(noun.stream.name)


def test_what_is_archived_in_odoo_is_still_here_and_says_so(noun, demo, sync):
    odoo_id = make_record(demo, noun)
    sync()
    model = noun.stream.odoo_model
    if "active" not in demo.models[model].fields:
        assert "active" not in noun.columns
        return
    for active in (False, True):
        demo.write(model, [odoo_id], active=active)
        assert sync().gone_count == 0
        assert (here(noun, odoo_id).active, here(noun, odoo_id).gone_at) == (active, None)
    assert_equal_to_odoo(noun.stream.name)


def test_a_record_is_read_again_on_request(noun, demo, sync):
    odoo_id = make_record(demo, noun)
    sync()
    source, column = written_text(demo, noun)
    demo.write_raw(noun.stream.odoo_model, [odoo_id], **{source: "Without a stamp"})
    synced(noun.stream.name, "records", ids=[odoo_id])
    assert getattr(here(noun, odoo_id), column) == "Without a stamp"
    assert_equal_to_odoo(noun.stream.name)
