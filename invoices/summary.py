"""Sums over invoices, computed by the database: totals, and the age of the open amounts.

A sum never mixes currencies: each row of an answer has one currency of invoices and one currency of
companies, and its amounts in both.
"""

from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import BigIntegerField, Case, Count, Expression, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, TruncMonth

from invoices.models import OPEN
from odoo_bridge.mirror.amounts import spelled
from odoo_bridge.mirror.names import Names
from odoo_bridge.models import Reference
from odoo_bridge.models.fields import ExactDecimalField, ExactSum

# Odoo's sign of an invoice: negative is money that we pay, for a vendor bill or a customer's credit
# note.
OUTGOING = ("in_invoice", "in_receipt", "out_refund")
SIDES = {
    "receivables": ("out_invoice", "out_refund", "out_receipt"),
    "payables": ("in_invoice", "in_refund", "in_receipt"),
}
AMOUNTS = ("untaxed", "tax", "total", "residual")
# The dimensions of totals, and the expression for each.
DIMENSIONS: dict[str, Any] = {
    "month": TruncMonth("invoice_date"),
    "move_type": F("move_type"),
    "state": F("state"),
    "payment_state": F("payment_state"),
    "company_id": F("company_id"),
}
USUAL_DIMENSIONS = ("month", "move_type", "state", "payment_state")
# The age of an open amount: days since it was due, from and to.
AGES: dict[str, tuple[int | None, int | None]] = {
    "not_due": (None, 0),
    "days_1_30": (1, 30),
    "days_31_60": (31, 60),
    "days_61_90": (61, 90),
    "over_90_days": (91, None),
}
AGED = (*AGES, "total")
_CURRENCIES = ("currency", "company_currency")


class InvoiceSums:
    """The sums over ``rows``, in three queries and two for the currencies."""

    def __init__(self, rows: QuerySet) -> None:
        self._rows = rows.order_by()
        self._names = Names()
        self._company_currency = _company_currency()

    def totals(self, by: Collection[str]) -> list[dict[str, Any]]:
        """Return the sums by the named DIMENSIONS and by currency, in that order.

        A sum has Odoo's signs, also where the amounts it is made of have none: refunds to
        customers and vendor bills count below zero.
        """
        names = [name for name in DIMENSIONS if name in by]
        sums: dict[str, Expression] = {}
        for amount in AMOUNTS:
            sums[f"in_currency_{amount}"] = ExactSum(_signed(f"amount_{amount}"))
            sums[f"in_company_currency_{amount}"] = ExactSum(f"amount_{amount}_signed")
        by_name = {f"by_{name}": DIMENSIONS[name] for name in names}
        return [
            {name: _dimension(row[f"by_{name}"]) for name in names} | self._spell(row, AMOUNTS)
            for row in self._learned(self._by_currency(self._rows, by_name, sums))
        ]

    def ageing(self, side: str, today: date) -> list[dict[str, Any]]:
        """Return the open amounts by currency, and in each by age.

        An invoice is as old as its due date makes it, all of it: instalments are not told apart.
        Owed to us counts above zero among receivables, owed by us among payables; credits count
        against.
        """
        return [self._spell(row, AGED) for row in self._learned(self._aged(side, today, {}))]

    def debts(self, side: str, today: date) -> QuerySet:
        """The same by contact: who owes it, or whom we owe, the most overdue first.

        ``debts_spelled`` makes rows of them, a page at a time.
        """
        aged = self._aged(side, today, {"debtor_id": F("commercial_contact_id")})
        overdue = F("in_company_currency_total") - F("in_company_currency_not_due")
        return aged.order_by(overdue.desc(), "debtor_id", "currency_id", "company_currency_id")

    def debts_spelled(self, debts: QuerySet) -> list[dict[str, Any]]:
        return [
            {"contact_id": row["debtor_id"]} | self._spell(row, AGED)
            for row in self._learned(debts)
        ]

    def _aged(self, side: str, today: date, by: dict[str, Any]) -> QuerySet:
        sign = 1 if side == "receivables" else -1
        sums: dict[str, Expression] = {}
        for age in AGED:
            only = due(today, *AGES[age]) if age in AGES else None
            sums[f"in_currency_{age}"] = _sum(sign * _signed("amount_residual"), only)
            sums[f"in_company_currency_{age}"] = _sum(sign * F("amount_residual_signed"), only)
        rows = with_due_date(self._rows.filter(OPEN, move_type__in=SIDES[side]))
        return self._by_currency(rows, by, sums)

    def _by_currency(
        self, rows: QuerySet, by: dict[str, Any], sums: dict[str, Expression]
    ) -> QuerySet:
        groups = [*by, "currency_id", "company_currency_id"]
        return (
            rows.annotate(**by, company_currency_id=self._company_currency)
            .values(*groups)
            .annotate(count=Count("pk"), **sums)
            .order_by(*groups)
        )

    def _learned(self, sums: QuerySet) -> list[dict[str, Any]]:
        """Return the rows of ``sums``, after looking up the names of their currencies."""
        found = list(sums)
        ids = {row[f"{currency}_id"] for row in found for currency in _CURRENCIES}
        self._names.learn({Reference.Kind.CURRENCY: ids})
        return found

    def _spell(self, row: dict[str, Any], amounts: Collection[str]) -> dict[str, Any]:
        names = {
            f"{currency}_code": self._names.name(Reference.Kind.CURRENCY, row[f"{currency}_id"])
            for currency in _CURRENCIES
        }
        sums = {}
        for currency in _CURRENCIES:
            places = self._names.places(row[f"{currency}_id"])
            sums[f"in_{currency}"] = {
                amount: _spelled(row[f"in_{currency}_{amount}"], places) for amount in amounts
            }
        return names | {"count": row["count"]} | sums


def with_due_date(rows: QuerySet) -> QuerySet:
    """Return ``rows`` with ``due_on``: an invoice without a due date is due on its own date."""
    return rows.annotate(due_on=Coalesce("invoice_date_due", "invoice_date", "date"))


def _company_currency() -> Case:
    """The currency of an invoice's company, without a join: there are few companies."""
    companies: dict[int, list[int]] = {}
    known = Reference.objects.filter(kind=Reference.Kind.COMPANY).order_by()
    for company_id, currency_id in known.values_list("odoo_id", "currency_id"):
        if currency_id is not None:
            companies.setdefault(currency_id, []).append(company_id)
    return Case(
        *[When(company_id__in=ids, then=Value(currency)) for currency, ids in companies.items()],
        default=None,
        output_field=BigIntegerField(),
    )


def _signed(amount: str) -> Case:
    return Case(
        When(move_type__in=OUTGOING, then=-F(amount)),
        default=F(amount),
        output_field=ExactDecimalField(),
    )


def _sum(amount: Any, only: Q | None) -> Coalesce:
    return Coalesce(ExactSum(amount, filter=only), Value(0), output_field=ExactDecimalField())


def due(today: date, least: int | None, most: int | None) -> Q:
    """Due between ``least`` and ``most`` days ago. An invoice without any date is not due."""
    if least is None:
        return Q(due_on__gte=today - timedelta(days=most or 0)) | Q(due_on=None)
    only = Q(due_on__lte=today - timedelta(days=least))
    if most is not None:
        only &= Q(due_on__gte=today - timedelta(days=most))
    return only


def _dimension(value: Any) -> Any:
    return value.isoformat()[:7] if isinstance(value, date) else value


def _spelled(value: Decimal | None, places: int) -> str | None:
    return None if value is None else spelled(value, places)
