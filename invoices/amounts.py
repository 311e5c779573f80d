"""Amounts as people read them: with the decimal places of their currency, and never fewer."""

from decimal import Decimal
from functools import cached_property

from odoo_bridge.models import Reference

# A currency that was not copied yet: most have two.
USUAL_PLACES = 2


class Currencies:
    """Decimal places by currency and by company, read once per answer."""

    @cached_property
    def _rows(self) -> list[tuple[str, int, int | None, int | None]]:
        kinds = [Reference.Kind.CURRENCY, Reference.Kind.COMPANY]
        rows = Reference.objects.filter(kind__in=kinds)
        return list(rows.values_list("kind", "odoo_id", "decimal_places", "currency_id"))

    @cached_property
    def _places(self) -> dict[int, int]:
        return {
            odoo_id: places
            for kind, odoo_id, places, _currency in self._rows
            if kind == Reference.Kind.CURRENCY and places is not None
        }

    @cached_property
    def _of_company(self) -> dict[int, int | None]:
        return {
            odoo_id: currency
            for kind, odoo_id, _places, currency in self._rows
            if kind == Reference.Kind.COMPANY
        }

    def places(self, currency_id: int | None) -> int:
        return self._places.get(currency_id or 0, USUAL_PLACES)

    def company_places(self, company_id: int | None) -> int:
        return self.places(self._of_company.get(company_id or 0))


def plain(value: Decimal) -> str:
    """Without the zeros the column adds: 2.5000 is 2.5. Not normalize(), which rounds to 28."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def spelled(value: Decimal, places: int) -> str:
    """With ``places`` decimals; more where the value has more, since none may be lost."""
    whole, _point, fraction = plain(value).partition(".")
    fraction = fraction.ljust(places, "0")
    return f"{whole}.{fraction}" if fraction else whole
