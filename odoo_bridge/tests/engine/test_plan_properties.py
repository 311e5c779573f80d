"""Runs over inventories drawn at random: no id is lost, none is invented, and the copy ends equal.

A failure prints its seed; ``PLAN_SEED`` in the environment repeats it.
"""

import os
import random

from odoo_bridge.sync.plan import compare, totals_agree, union

SEED = int(os.environ.get("PLAN_SEED", random.SystemRandom().randrange(2**32)))
CASES = int(os.environ.get("PLAN_CASES", 100_000))
# Few ids and few stamps, so that the three inventories often have some in common.
IDS = (1, 8, 9, 64, 1_000, 9_003, 4_000_000_000)
STAMPS = ["", *(f"2026-02-01 09:00:0{second}" for second in range(4))]
# Content is what a record holds. The stamp does not tell two writes of one second apart.
CONTENTS = 3


def drawn(rng):
    """An inventory with content: id -> (stamp, content), each id with the same chance."""
    members = rng.getrandbits(len(IDS))
    return {
        odoo_id: (STAMPS[rng.getrandbits(8) % len(STAMPS)], rng.getrandbits(8) % CONTENTS)
        for bit, odoo_id in enumerate(IDS)
        if members >> bit & 1
    }


def stamps(records):
    return [(odoo_id, stamp) for odoo_id, (stamp, _content) in records.items()]


def written_later(rng, records, since):
    """``records`` after a while in which some were written, deleted and added: what was written has a
    stamp from ``since`` on, as Odoo's clock gives it."""
    written = {odoo_id: one for odoo_id, one in drawn(rng).items() if one[0] >= since}
    kept = {odoo_id: one for odoo_id, one in records.items() if rng.getrandbits(1)}
    return dict(sorted({**kept, **written}.items()))


def carried_out(plan, shown, ours, order):
    """The rows after a run, as the engine does it with Odoo and tables: ``shown`` is Odoo when the
    records are read, page by page in whatever ``order`` they arrive."""
    rows = dict(ours)
    absent = set(plan.absent)
    for odoo_id in order(plan.read):
        if odoo_id in shown:
            rows[odoo_id] = shown[odoo_id]
        elif odoo_id in rows:
            absent.add(odoo_id)
    for odoo_id in absent:
        if odoo_id in shown:
            rows[odoo_id] = shown[odoo_id]
        else:
            del rows[odoo_id]
    return dict(sorted(rows.items()))


def check(plan, listed, ours, since):
    read, absent = list(plan.read), list(plan.absent)
    assert read == sorted(set(read)), "read is not ascending"
    assert absent == sorted(set(absent)), "absent is not ascending"
    assert plan.inventoried == len(listed)
    # None is lost: each id is read, absent, or equal on both sides.
    equal = {
        odoo_id
        for odoo_id in listed.keys() & ours.keys()
        if listed[odoo_id][0] == ours[odoo_id][0] and not (since and listed[odoo_id][0] >= since)
    }
    assert {*read, *absent, *equal} == listed.keys() | ours.keys()
    # None is invented, and none is in two of them.
    assert listed.keys() >= {*read}
    assert set(absent) == ours.keys() - listed.keys()
    assert len(read) + len(absent) + len(equal) == len(listed.keys() | ours.keys())


def check_merging(plan, listed, ours, rng):
    """The ids to read, those of open issues and those of the re-read queue become one list."""
    parts = [plan.read, plan.absent, list(ours)]
    merged = list(union(*parts))
    assert merged == sorted({*plan.read, *plan.absent, *ours})
    rng.shuffle(parts)
    assert list(union(*parts)) == merged
    # Counts and sums agree with Odoo's once the missing ids are added, and not before.
    if not plan.absent:
        missing = listed.keys() - ours.keys()
        assert totals_agree(sums(listed), sums(ours), missing)
        assert totals_agree(sums(listed), sums(ours), ()) is not bool(missing)


def sums(ids):
    return len(ids), sum(ids)


def test_runs_over_random_inventories_lose_no_id_invent_none_and_end_equal():
    """Three inventories each: Odoo's when it is listed, ours, and Odoo's when it is read."""
    rng = random.Random(SEED)
    for case in range(CASES):
        since = STAMPS[2]
        ours, listed = drawn(rng), drawn(rng)
        shown = written_later(rng, listed, since)
        try:
            plan = compare(stamps(listed), stamps(ours), STAMPS[1])
            check(plan, listed, ours, STAMPS[1])
            rows = carried_out(plan, shown, ours, list)
            for order in (reversed, lambda ids: rng.sample(ids, len(ids))):
                assert carried_out(plan, shown, ours, order) == rows, "the order changes the result"
            check_merging(plan, listed, ours, rng)
            # The next run sees what was written meanwhile, and then nothing is left to do.
            plan = compare(stamps(shown), stamps(rows), since)
            check(plan, shown, rows, since)
            rows = carried_out(plan, shown, rows, list)
            known = {pk for pk in shown if shown[pk][0] < since}
            assert rows.keys() == shown.keys()
            assert all(rows[pk][0] == shown[pk][0] for pk in known)
            assert all(rows[pk] == shown[pk] for pk in shown.keys() - known)
            plan = compare(stamps(shown), stamps(rows))
            assert (list(plan.read), list(plan.absent)) == ([], [])
        except AssertionError as exc:
            raise AssertionError(
                f"PLAN_SEED={SEED}, case {case}: Odoo listed {listed}, ours {ours}, "
                f"then Odoo had {shown}: {exc}"
            ) from exc
