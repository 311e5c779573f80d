"""What to read and what is gone, decided without a database or a network."""

from datetime import UTC, datetime, timedelta

import pytest

from odoo_bridge.sync.plan import (
    Scope,
    Situation,
    choose,
    compare,
    too_many_gone,
    totals_agree,
    union,
)

NINE, TEN = "2026-02-01 09:00:00", "2026-02-01 10:00:00"
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


def chosen(kind="changes", **facts):
    """What a run chooses that finds everything as an earlier run left it an hour ago, but ``facts``."""
    usual = {
        "odoo_now": NOON,
        "watermark": NOON - 60 * MINUTE,
        "overlap": 5 * MINUTE,
        "has_rows": True,
        "fields_then": ["name"],
        "fields_now": ["name"],
    }
    return choose(Situation(kind=kind, **{**usual, **facts}))


@pytest.mark.parametrize(
    ("kind", "facts", "scope"),
    [
        ("changes", {}, Scope.CHANGED),
        ("reconcile", {}, Scope.DIFFERENT),
        ("full", {}, Scope.ALL),
        # Without rows.
        ("changes", {"watermark": None, "has_rows": False}, Scope.FIRST_COPY),
        ("reconcile", {"watermark": None, "has_rows": False}, Scope.FIRST_COPY),
        ("reconcile", {"has_rows": False}, Scope.FIRST_COPY),
        ("full", {"watermark": None, "has_rows": False}, Scope.ALL),
        # Odoo had no records at the last run, and may have some by now.
        ("changes", {"has_rows": False}, Scope.CHANGED),
        # A first copy that was killed.
        ("changes", {"watermark": None}, Scope.DIFFERENT),
        ("changes", {"watermark": None, "fields_now": ["name", "ref"]}, Scope.ALL),
        # Odoo's clock was set back: the first one is within the overlap.
        ("changes", {"odoo_now": NOON - 65 * MINUTE}, Scope.CHANGED),
        ("changes", {"odoo_now": NOON - 66 * MINUTE}, Scope.DIFFERENT),
        ("full", {"odoo_now": NOON - 66 * MINUTE}, Scope.ALL),
        # A backup was restored in Odoo.
        ("changes", {"odoo_went_back": True}, Scope.DIFFERENT),
        ("reconcile", {"odoo_went_back": True}, Scope.DIFFERENT),
        ("changes", {"odoo_went_back": True, "has_rows": False}, Scope.FIRST_COPY),
        # Other fields than before.
        ("reconcile", {"fields_now": ["name", "ref"]}, Scope.ALL),
        ("reconcile", {"fields_now": []}, Scope.ALL),
        ("changes", {"fields_now": ["name", "ref"]}, Scope.CHANGED),
        ("changes", {"fields_now": ["name", "ref"], "odoo_went_back": True}, Scope.ALL),
        ("reconcile", {"fields_now": ["ref"], "has_rows": False}, Scope.FIRST_COPY),
    ],
)
def test_the_situation_decides_which_records_are_read(kind, facts, scope):
    assert chosen(kind, **facts).scope is scope


@pytest.mark.parametrize(
    ("facts", "since"),
    [
        ({}, "2026-02-01 10:55:00"),
        ({"overlap": timedelta(0)}, "2026-02-01 11:00:00"),
        # Odoo's clock was set back.
        ({"odoo_now": NOON - 90 * MINUTE}, "2026-02-01 10:25:00"),
        # Without a watermark: from the first row that was stored, or else from now on.
        ({"watermark": None, "copy_began_at": NOON - 30 * MINUTE}, "2026-02-01 11:25:00"),
        ({"watermark": None}, "2026-02-01 11:55:00"),
        # Whole seconds, as Odoo's stamps.
        ({"watermark": NOON - timedelta(seconds=0.4)}, "2026-02-01 11:54:59"),
    ],
)
def test_a_run_looks_again_from_the_overlap_before_the_watermark(facts, since):
    assert chosen(**facts).since == since


def test_what_odoo_has_and_we_lack_is_read():
    plan = compare([(1, NINE), (2, NINE)], [(1, NINE)])
    assert (list(plan.read), list(plan.absent), plan.inventoried) == ([2], [], 2)


def test_what_we_have_and_odoo_lacks_is_absent():
    plan = compare([(2, NINE)], [(1, NINE), (2, NINE), (3, NINE)])
    assert (list(plan.read), list(plan.absent)) == ([], [1, 3])


def test_another_stamp_is_read_again_even_if_older():
    assert list(compare([(1, TEN), (2, NINE)], [(1, NINE), (2, TEN)]).read) == [1, 2]


def test_an_empty_inventory_makes_everything_absent():
    assert list(compare([], [(1, NINE), (9, NINE)]).absent) == [1, 9]


def test_totals_agree_when_what_is_about_to_be_read_fills_the_gap():
    assert totals_agree((3, 12), (2, 3), {9})
    assert not totals_agree((3, 12), (2, 3), set())
    assert not totals_agree((2, 4), (2, 3), set())


def test_few_rows_may_go_without_asking_and_many_may_not():
    assert not too_many_gone(20, 20, 5)
    assert too_many_gone(21, 400, 5)
    assert not too_many_gone(21, 420, 5)


def test_union_is_ascending_without_repeats():
    assert list(union([3, 1], [2, 3])) == [1, 2, 3]
