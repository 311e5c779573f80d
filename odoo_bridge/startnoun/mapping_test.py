"""The test of a new noun's mapping: a record with every value, and one with none."""

from odoo_bridge.startnoun.plan import Plan

# By kind: what Odoo sends, and what the column holds then.
_SAMPLES = {
    "text": ('"Words"', '"Words"'),
    "boolean": ("True", "True"),
    "integer": ("7", "7"),
    "decimal": ("12.5", 'Decimal("12.5")'),
    "money": ("12.5", 'Decimal("12.5")'),
    "company money": ("12.5", 'Decimal("12.5")'),
    "day": ('"2026-02-01"', "date(2026, 2, 1)"),
    "moment": ('"2026-02-01 09:30:00"', "MOMENT"),
    "id": ("5", "5"),
    "reference": ("5", "5"),
    "noun": ("5", "5"),
    "ids": ("[4, 2]", "[2, 4]"),
}
_ABSENT = {
    **{"text": '""', "boolean": "False", "integer": "0", "ids": "[]"},
    **dict.fromkeys(("decimal", "money", "company money"), 'Decimal("0.0")'),
}


def mapping_test(plan: Plan) -> str:
    """The test that a record of Odoo becomes the row that it should."""
    fields = plan.choice.fields
    kinds = {one.kind for one in fields}
    has_numbers = bool(kinds & {"decimal", "money", "company money"})
    record = "".join(f'    "{one.source}": {_SAMPLES[one.kind][0]},\n' for one in fields)
    row = "".join(f'    "{one.column}": {_SAMPLES[one.kind][1]},\n' for one in fields)
    nothing = "".join(f'    "{one.source}": {_nothing(one.kind)},\n' for one in fields)
    empty = "".join(f'    "{one.column}": {_ABSENT.get(one.kind, "None")},\n' for one in fields)
    moments = (
        '    "create_date": "2026-02-01 09:30:00",\n    "write_date": "2026-02-01 09:30:00",\n'
    )
    stored = '    "create_date": MOMENT,\n    "write_date": MOMENT,\n    "extra": {},\n'
    dates = "UTC, date, datetime" if "day" in kinds else "UTC, datetime"
    return (
        f'"""What a ``{plan.odoo_model}`` becomes here. The rest is in the contract of all nouns."""\n\n'
        f"from datetime import {dates}\n"
        + ("from decimal import Decimal\n" if has_numbers else "")
        + "\nimport pytest\n\n"
        "from odoo_bridge.sync.references import References\n"
        f"from {plan.name}.mapping import {plan.constant}\n\n"
        "pytestmark = pytest.mark.django_db\n"
        "MOMENT = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)\n"
        f'RECORD = {{\n    "id": 7,\n{record}{moments}}}\n'
        f'ROW = {{\n    "odoo_id": 7,\n{row}{stored}}}\n'
        "# What Odoo sends where there is no value.\n"
        f'EMPTY_RECORD = {{\n    "id": 8,\n{nothing}{moments}}}\n'
        f'EMPTY_ROW = {{\n    "odoo_id": 8,\n{empty}{stored}}}\n\n\n'
        '@pytest.mark.parametrize(("record", "row"), [(RECORD, ROW), (EMPTY_RECORD, EMPTY_ROW)])\n'
        "def test_a_record_becomes_a_row(record, row):\n"
        f"    mapper = {plan.constant}.bind({{name: {{}} for name in record}}, References())\n"
        "    assert dict(zip(mapper.columns, mapper.to_row(record), strict=True)) == row\n"
    )


def _nothing(kind: str) -> str:
    absent = {"integer": "0", "ids": "[]"}
    return absent.get(kind, "0.0" if kind in ("decimal", "money", "company money") else "False")
