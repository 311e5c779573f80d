"""What to read and what is gone, decided without a database or a network."""

from odoo_bridge.sync.plan import compare, too_many_gone, totals_agree, union

NINE, TEN = "2026-02-01 09:00:00", "2026-02-01 10:00:00"


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
