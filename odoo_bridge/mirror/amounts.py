"""Amounts as text, with at least the decimal places of their currency."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from odoo_bridge.mirror.names import Names
from odoo_bridge.mirror.rows import Spelled
from odoo_bridge.models import Reference


def plain(value: Decimal) -> str:
    """Return every digit, without trailing zeros: 2.5000 is 2.5, 1E+2 is 100."""
    # Not normalize(), which rounds to 28 digits.
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def spelled(value: Decimal, places: int) -> str:
    """Return the value with ``places`` decimals, or more if it has more: no digit may be lost."""
    text = str(value)
    whole, point, fraction = text.partition(".")
    # Most are 1234.5 or 1234.56 already, with two places.
    if point and 0 < len(fraction) <= places and whole != "-0" and fraction.isdigit():
        return text + "0" * (places - len(fraction))
    whole, _point, fraction = plain(value).partition(".")
    fraction = fraction.ljust(places, "0")
    return f"{whole}.{fraction}" if fraction else whole


def amount(column: str) -> Spelled:
    """An amount in the row's currency, or in its company's if the row has none."""

    def spell(
        names: Names,
        amounts: Sequence[Decimal | None],
        currencies: Sequence[int | None],
        companies: Sequence[int | None],
    ) -> list[str | None]:
        def places(pair: tuple[int | None, int | None]) -> int:
            currency, company = pair
            return names.company_places(company) if currency is None else names.places(currency)

        return _all_spelled(amounts, list(zip(currencies, companies, strict=True)), places)

    return Spelled(
        (column, "currency_id", "company_id"),
        spell,
        {"currency_id": Reference.Kind.CURRENCY, "company_id": Reference.Kind.COMPANY},
    )


def amount_of_line(column: str) -> Spelled:
    """An amount in the currency of the line, which is its invoice's."""

    def spell(
        names: Names, amounts: Sequence[Decimal | None], currencies: Sequence[int | None]
    ) -> list[str | None]:
        return _all_spelled(amounts, currencies, names.places)

    return Spelled((column, "currency_id"), spell, {"currency_id": Reference.Kind.CURRENCY})


def company_amount(column: str) -> Spelled:
    """An amount in the currency of the row's company."""

    def spell(
        names: Names, amounts: Sequence[Decimal | None], companies: Sequence[int | None]
    ) -> list[str | None]:
        return _all_spelled(amounts, companies, names.company_places)

    return Spelled((column, "company_id"), spell, {"company_id": Reference.Kind.COMPANY})


def measure(column: str) -> Spelled:
    """A quantity, price or percentage, with as many digits as it has."""

    def spell(_names: Names, values: Sequence[Decimal | None]) -> list[str | None]:
        return [None if value is None else plain(value) for value in values]

    return Spelled((column,), spell)


def _all_spelled(
    amounts: Sequence[Decimal | None], keys: Sequence[Any], places: Callable[[Any], int]
) -> list[str | None]:
    """``places`` returns the decimals of a key. It is called once a key: many rows share a few keys."""
    known = {key: places(key) for key in set(keys)}
    return [
        None if value is None else spelled(value, known[key])
        for value, key in zip(amounts, keys, strict=True)
    ]
