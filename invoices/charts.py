"""Charts about money on the admin's overview."""

from datetime import date
from decimal import Decimal

from django.urls import reverse
from django.utils import timezone

from invoices.models import Invoice
from invoices.summary import AGES, SIDES, InvoiceSums
from odoo_bridge.admin.charts import Chart, Series, chart

MONTHS = 12
AGES_IN_WORDS = {
    "not_due": "Not due yet",
    "days_1_30": "1 to 30 days late",
    "days_31_60": "31 to 60 days",
    "days_61_90": "61 to 90 days",
    "over_90_days": "over 90 days",
}
_TONES = ("primary", "good", "warning", "info", "bad")


@chart("invoices.view_invoice")
def invoiced_per_month() -> Chart:
    """Posted customer invoices less credit notes, without tax, in the companies' currencies."""
    months = _months(timezone.localdate())
    rows = Invoice.objects.present().filter(
        state="posted", move_type__in=SIDES["receivables"], invoice_date__gte=months[0]
    )
    sums: dict[tuple[str, str], Decimal] = {}
    for row in InvoiceSums(rows).totals(by=["month"]):
        key = (row["company_currency_code"], row["month"])
        value = Decimal(row["in_company_currency"]["untaxed"] or 0)
        sums[key] = sums.get(key, Decimal()) + value
    names = [f"{month:%Y-%m}" for month in months]
    invoices = reverse("admin:invoices_invoice_changelist")
    return Chart(
        "Invoiced per month",
        "bar",
        [f"{month:%b %Y}" for month in months],
        [
            Series(
                currency, [float(sums.get((currency, name), 0)) for name in names], _tone(number)
            )
            for number, currency in enumerate(_currencies(sums))
        ],
        f"{invoices}?state=posted",
        f"Invoiced to customers, without tax. {_in_words(sums, names[-1], 'this month')}",
        links=[
            f"{invoices}?state=posted&invoice_date__year={month:%Y}&invoice_date__month={month.month}"
            for month in months
        ],
    )


@chart("invoices.view_invoice")
def receivables() -> Chart:
    """The amounts due from customers, by days overdue, in the companies' currencies."""
    sums: dict[tuple[str, str], Decimal] = {}
    ageing = InvoiceSums(Invoice.objects.present()).ageing("receivables", timezone.localdate())
    for row in ageing:
        for age in (*AGES, "total"):
            key = (row["company_currency_code"], age)
            value = Decimal(row["in_company_currency"][age] or 0)
            sums[key] = sums.get(key, Decimal()) + value
    invoices = reverse("admin:invoices_invoice_changelist")
    return Chart(
        "Receivables by age",
        "bar",
        [AGES_IN_WORDS[age] for age in AGES],
        [
            Series(currency, [float(sums.get((currency, age), 0)) for age in AGES], _tone(number))
            for number, currency in enumerate(_currencies(sums))
        ],
        f"{invoices}?due=overdue",
        f"What customers still have to pay. {_in_words(sums, 'total', 'in all')}",
        links=[f"{invoices}?due={age}" for age in AGES],
    )


def _months(today: date) -> list[date]:
    """Return the first days of the last MONTHS months, including the current one."""
    last = today.year * 12 + today.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(last - MONTHS + 1, last + 1)]


def _currencies(sums: dict[tuple[str, str], Decimal]) -> list[str]:
    return sorted({currency for currency, _ in sums})


def _in_words(sums: dict[tuple[str, str], Decimal], of: str, when: str) -> str:
    said = [
        f"{sums.get((currency, of), Decimal()):,.0f} {currency}" for currency in _currencies(sums)
    ]
    return f"{', '.join(said)} {when}." if said else "Nothing."


def _tone(number: int) -> str:
    return _TONES[number % len(_TONES)]
