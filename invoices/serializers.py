"""Expanded invoices, and sums over invoices. Amounts are strings with the decimal places of their
currency."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from contacts.noun import CONTACTS
from invoices.noun import INVOICE_LINES, INVOICES
from invoices.summary import AGED, AMOUNTS, DIMENSIONS, SIDES, USUAL_DIMENSIONS
from odoo_bridge.api.nouns import expanded_serializer, row_serializer
from odoo_bridge.api.serializers import DecimalText, odoo_id

ExpandedInvoiceSerializer = expanded_serializer(
    INVOICES,
    contact=row_serializer(CONTACTS)(
        read_only=True,
        allow_null=True,
        help_text="With expand=contact. Null while it is not mirrored, and outside the scope.",
    ),
    lines=row_serializer(INVOICE_LINES)(
        many=True, read_only=True, help_text="With expand=lines, and in one invoice."
    ),
)


class AgeingQuerySerializer(serializers.Serializer):
    today = serializers.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        help_text="The day that ages are counted from, in place of today (UTC). What is open is "
        "always what is open now.",
    )

    def validate_today(self, today: date) -> date:
        if not date(1900, 1, 1) <= today <= date(2999, 12, 31):
            raise serializers.ValidationError("Must be from 1900-01-01 to 2999-12-31.", "invalid")
        return today


_ONE_DIMENSION = f"({'|'.join(DIMENSIONS)})"


@extend_schema_field(
    {
        "type": "string",
        "pattern": f"^{_ONE_DIMENSION}(,{_ONE_DIMENSION})*$",
        "default": ",".join(USUAL_DIMENSIONS),
        "description": "What totals are split by beside the currencies: some of "
        f"{', '.join(DIMENSIONS)}, separated by commas.",
    }
)
class DimensionsField(serializers.CharField):
    """Names of dimensions, separated by commas."""


class SummaryQuerySerializer(AgeingQuerySerializer):
    by = DimensionsField(default=",".join(USUAL_DIMENSIONS))

    def validate_by(self, text: str) -> list[str]:
        dimensions = text.split(",")
        for dimension in dimensions:
            if dimension not in DIMENSIONS:
                raise serializers.ValidationError(
                    f"{dimension[:50]!r} is none of {', '.join(DIMENSIONS)}.", code="invalid_choice"
                )
        return dimensions


def _amounts(name: str, amounts: Iterable[str]) -> Any:
    """A serializer with one amount for each of ``amounts``."""
    fields = {amount: DecimalText() for amount in amounts}
    return type(f"{name}Serializer", (serializers.Serializer,), fields)


_Sums = _amounts("Sums", AMOUNTS)
_OpenAmounts = _amounts("OpenAmounts", AGED)


class _SumSerializer(serializers.Serializer):
    currency_code = serializers.CharField(help_text="Of the invoices.")
    company_currency_code = serializers.CharField(help_text="Of the companies that made them.")
    count = serializers.IntegerField(help_text="Invoices.")


class TotalSerializer(_SumSerializer):
    """The sum of some invoices. Refunds and vendor bills count below zero. A sum is null when none
    of its amounts is known."""

    month = serializers.CharField(
        required=False, allow_null=True, help_text="Of the invoice date: 2026-02. Null without one."
    )
    move_type = serializers.CharField(required=False)
    state = serializers.CharField(required=False)
    payment_state = serializers.CharField(required=False)
    company_id = serializers.IntegerField(required=False, allow_null=True)
    in_currency = _Sums()
    in_company_currency = _Sums()


class AgeingSerializer(_SumSerializer):
    """Open amounts by days since they were due. Credits count below zero."""

    in_currency = _OpenAmounts()
    in_company_currency = _OpenAmounts()


class SummarySerializer(serializers.Serializer):
    today = serializers.DateField(help_text="The day that ages are counted from.")
    totals = TotalSerializer(many=True)
    receivables = AgeingSerializer(many=True, help_text="Owed to us: posted and open.")
    payables = AgeingSerializer(many=True, help_text="Owed by us, counted above zero.")


class DebtsQuerySerializer(AgeingQuerySerializer):
    side = serializers.ChoiceField(
        choices=list(SIDES), default="receivables", help_text="Owed to us, or by us."
    )


class DebtSerializer(AgeingSerializer):
    contact_id = odoo_id(help_text="Who owes it, or whom we owe: a commercial contact.")
    contact_name = serializers.CharField(
        help_text="Empty while the contact is not mirrored, and where it is outside your scope."
    )
