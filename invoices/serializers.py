"""A mirrored invoice as JSON. Amounts are strings with the decimal places of their currency."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from invoices.amounts import Currencies, plain, spelled
from invoices.models import Invoice, InvoiceLine


@extend_schema_field({"type": "string", "format": "decimal", "nullable": True})
class AmountField(serializers.Field):
    """An amount in the invoice's currency; with ``signed`` in the company's."""

    def __init__(self, *, signed: bool = False, **options: Any) -> None:
        self.signed = signed
        super().__init__(read_only=True, source="*", **options)

    def to_representation(self, row: Invoice | InvoiceLine) -> str | None:
        value: Decimal | None = getattr(row, str(self.field_name))
        if value is None:
            return None
        currencies: Currencies = self.context["currencies"]
        if self.signed and isinstance(row, Invoice):
            return spelled(value, currencies.company_places(row.company_id))
        if row.currency_id is None and isinstance(row, Invoice):
            return spelled(value, currencies.company_places(row.company_id))
        return spelled(value, currencies.places(row.currency_id))


@extend_schema_field({"type": "string", "format": "decimal", "nullable": True})
class MeasureField(serializers.Field):
    """A quantity, price or percentage, with as many digits as it has."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def to_representation(self, value: Decimal) -> str:
        return plain(value)


class InvoiceLineSerializer(serializers.ModelSerializer):
    quantity = MeasureField()
    price_unit = MeasureField()
    discount = MeasureField(help_text="Per cent.")
    price_subtotal = AmountField()
    price_total = AmountField()
    tax_ids = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    extra = serializers.DictField(read_only=True)

    class Meta:
        model = InvoiceLine
        fields = [
            "odoo_id",
            "sequence",
            "display_type",
            "name",
            "product_id",
            "quantity",
            "unit_id",
            "price_unit",
            "discount",
            "tax_ids",
            "account_id",
            "price_subtotal",
            "price_total",
            "extra",
            "write_date",
        ]
        read_only_fields = fields


class InvoiceSerializer(serializers.ModelSerializer):
    """``amount_*_signed`` are in the company's currency, negative for refunds and vendor bills."""

    contact_id = serializers.IntegerField(read_only=True, allow_null=True)
    contact_name = serializers.SerializerMethodField(
        help_text="Empty while the contact is not mirrored."
    )
    commercial_contact_id = serializers.IntegerField(read_only=True, allow_null=True)
    shipping_contact_id = serializers.IntegerField(read_only=True, allow_null=True)
    amount_untaxed = AmountField()
    amount_tax = AmountField()
    amount_total = AmountField()
    amount_residual = AmountField(help_text="Still to be paid.")
    amount_untaxed_signed = AmountField(signed=True)
    amount_tax_signed = AmountField(signed=True)
    amount_total_signed = AmountField(signed=True)
    amount_residual_signed = AmountField(signed=True)
    line_ids = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    extra = serializers.DictField(read_only=True)

    class Meta:
        model = Invoice
        fields = [
            "odoo_id",
            "name",
            "move_type",
            "state",
            "payment_state",
            "contact_id",
            "contact_name",
            "commercial_contact_id",
            "shipping_contact_id",
            "invoice_date",
            "invoice_date_due",
            "date",
            "ref",
            "payment_reference",
            "invoice_origin",
            "currency_id",
            "currency_code",
            "company_id",
            "journal_id",
            "fiscal_position_id",
            "payment_term_id",
            "salesperson_id",
            "amount_untaxed",
            "amount_tax",
            "amount_total",
            "amount_residual",
            "amount_untaxed_signed",
            "amount_tax_signed",
            "amount_total_signed",
            "amount_residual_signed",
            "reversed_entry_id",
            "line_ids",
            "extra",
            "create_date",
            "write_date",
            "gone_at",
            "change_seq",
            "stored_at",
        ]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.STR)
    def get_contact_name(self, invoice: Invoice) -> str:
        # Joined by the view; a contact that is not here (yet) comes as None.
        return str(invoice.contact) if invoice.contact else ""


class InvoiceDetailSerializer(InvoiceSerializer):
    lines = InvoiceLineSerializer(many=True, read_only=True)

    class Meta(InvoiceSerializer.Meta):
        fields = [*InvoiceSerializer.Meta.fields, "lines"]
        read_only_fields = fields
