"""Odoo's spellings into Python."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from odoo_bridge.odoo import values
from odoo_bridge.odoo.http import json_value


@pytest.mark.parametrize(
    ("convert", "sent", "kept"),
    [
        (values.text, False, ""),
        (values.text, " Acme ", " Acme "),
        (values.number_of_invoice, "/", ""),
        (values.number_of_invoice, False, ""),
        (values.number_of_invoice, "INV/2026/00001", "INV/2026/00001"),
        (values.boolean, False, False),
        (values.integer, False, 0),
        (values.many2one, False, None),
        (values.many2one, 7, 7),
        (values.many2one, [7, "Acme"], 7),
        (values.ids, [3, 1], [1, 3]),
        (values.moment, "2026-02-01 09:30:00", datetime(2026, 2, 1, 9, 30, tzinfo=UTC)),
        (values.moment, False, None),
        (values.moment, "21-02-01 09:30:00", datetime(21, 2, 1, 9, 30, tzinfo=UTC)),
        (values.moment, "2026-02-01T09:30:00", datetime(2026, 2, 1, 9, 30, tzinfo=UTC)),
        (
            values.moment,
            "2026-02-01 09:30:00.25",
            datetime(2026, 2, 1, 9, 30, 0, 250_000, tzinfo=UTC),
        ),
        (values.day, "0001-01-01", date(1, 1, 1)),
        (values.day, "21-03-01", date(21, 3, 1)),
        (values.day, "1-03-01", date(1, 3, 1)),
        (values.day, "9999-12-31", date(9999, 12, 31)),
        (values.decimal, 0.1, Decimal("0.1")),
        (values.decimal, 999999999999.99, Decimal("999999999999.99")),
        (values.decimal, 1e22, Decimal("1e22")),
        (values.decimal, 1 / 30, Decimal("0.03333333333333333")),
        (values.decimal, 1e-320, Decimal("1e-320")),
        (values.decimal, 10**400, Decimal(10**400)),
    ],
)
def test_a_value_is_kept_exactly(convert, sent, kept):
    assert convert(sent) == kept


def test_zero_has_no_sign():
    assert str(values.decimal(-0.0)) == "0"


@pytest.mark.parametrize(
    ("sent", "stamp"),
    [
        ("2026-02-01 09:30:00", "2026-02-01 09:30:00"),
        ("21-02-01 09:30:00", "0021-02-01 09:30:00"),
        ("2026-02-01 09:30:00.75", "2026-02-01 09:30:00"),
        ("", ""),
        ("never", "?"),
        (7, "?"),
    ],
)
def test_a_stamp_sorts_as_time_does(sent, stamp):
    assert values.stamp(sent) == stamp


@pytest.mark.parametrize(
    ("convert", "sent"),
    [
        (values.text, 7),
        (values.boolean, 1),
        (values.boolean, "true"),
        (values.integer, 1.5),
        (values.many2one, True),
        (values.many2one, -1),
        (values.many2one, "7"),
        (values.ids, [1, "2"]),
        (values.ids, [True]),
        (values.ids, [0]),
        (values.ids, [2**63]),
        (values.moment, "2026-02-01"),
        (values.moment, "not a moment at all"),
        (values.moment, "2026-W05-1 09:30:00"),
        (values.moment, "12026-02-01 09:30:00"),
        (values.moment, "0000-02-01 09:30:00"),
        (values.moment, "٢٠٢٦-02-01 09:30:00"),
        (values.day, "2026-W05-1"),
        (values.day, "0000-01-01"),
        (values.day, "12026-02-03"),
        (values.day, "-044-03-15"),
        (values.day, "infinity"),
        (values.day, "2026-02-30"),
        (values.decimal, float("nan")),
        (values.decimal, float("inf")),
        (values.decimal, "1.0"),
        (values.decimal, True),
    ],
)
def test_a_value_of_another_kind_is_refused(convert, sent):
    with pytest.raises(ValueError):
        convert(sent)


def test_extra_values_lose_no_digit_and_know_empty_from_false():
    assert values.extra("float", 0.1) == "0.1"
    assert values.extra("boolean", False) is False
    assert values.extra("char", False) is None


@pytest.mark.parametrize("body", [b"[NaN]", b'["\\ud800"]', b"[123456789012345678901234567890]"])
def test_what_only_python_reads_is_read_too(body):
    """Odoo's Python writes them; the record that holds one must become an issue, not the page."""
    assert len(json_value(body)) == 1


def test_what_is_no_json_raises():
    with pytest.raises(ValueError):
        json_value(b"<html>")


# Equal to each other, and not the same; and what Odoo would never send.
ALIKE = [
    False,
    0,
    0.0,
    -0.0,
    None,
    True,
    1,
    1.0,
    "",
    "1",
    "0",
    [],
    [0],
    [True],
    2**63,
    float("nan"),
]
SENT = {
    values.text: ["Acme", False, "Acme"],
    values.number_of_invoice: ["/", False, "INV/1"],
    values.boolean: [True, False],
    values.integer: [3, 0, -1],
    values.many2one: [7, False, 2**63 - 1],
    values.ids: [[], [3, 1], [3, 1]],
    values.moment: ["2026-02-01 09:30:00", False, "2026-02-01 09:30:00"],
    values.day: ["2026-02-01", False],
    values.decimal: [0.1, 1e22, 0.1],
}


def outcome(make):
    try:
        # With their classes: True equals 1. Zero has no sign in a database.
        return [(type(value), str(value).replace("-0.0", "0.0")) for value in make()]
    except ValueError:
        return "refused"


def with_two_alike(sent):
    return [sent, *([first, *sent, second] for first in ALIKE for second in ALIKE)]


@pytest.mark.parametrize("convert", SENT, ids=lambda convert: convert.__name__)
def test_a_column_is_what_its_values_are_one_by_one(convert):
    for column in with_two_alike(SENT[convert]):
        made = outcome(lambda column=column: values.each(convert, column))
        assert made == outcome(lambda column=column: map(convert, column)), column
