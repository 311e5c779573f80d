"""Live reads of invoices from Odoo."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from accounts.models import Access
from contacts.live import in_scope as contact_scope
from invoices.models import MOVE_TYPES, RANGES, STATES
from odoo_bridge.api.arguments import Codes, Several, odoo_id, wrong
from odoo_bridge.api.live import Domain, LiveQuerySerializer, any_of
from odoo_bridge.models import Reference

MODEL, LINE_MODEL = "account.move", "account.move.line"
FIELDS = (
    "name",
    "move_type",
    "state",
    "payment_state",
    "partner_id",
    "commercial_partner_id",
    "invoice_date",
    "invoice_date_due",
    "ref",
    "payment_reference",
    "currency_id",
    "company_id",
    "journal_id",
    "amount_untaxed",
    "amount_tax",
    "amount_total",
    "amount_residual",
    "create_date",
    "write_date",
)
_SEARCHED = ("name", "ref", "payment_reference", "invoice_origin")
# Journal entries are not invoices and are not mirrored.
INVOICES: Domain = [("move_type", "!=", "entry")]


def decimal_field(**options: Any) -> serializers.DecimalField:
    # Odoo stores floats, which keep fifteen digits exactly.
    return serializers.DecimalField(max_digits=15, decimal_places=6, **options)


class LiveInvoicesSerializer(LiveQuerySerializer):
    move_type = Several(
        MOVE_TYPES, help_text="out_invoice, in_refund ...; separate several with commas."
    )
    state = Several(STATES, help_text="draft, posted, cancel; separate several with commas.")
    payment_state = Several(help_text="not_paid, partial, paid ...; separate several with commas.")
    contact = odoo_id()
    commercial = odoo_id(help_text="The contact that owes the invoice or is owed.")
    company = odoo_id()
    currency = Codes(Reference.Kind.CURRENCY, help_text="ISO codes: EUR,USD")
    journal = odoo_id()
    date_from = serializers.DateField(required=False, help_text="Of the invoice.")
    date_to = serializers.DateField(required=False, help_text="Included.")
    due_from = serializers.DateField(required=False)
    due_to = serializers.DateField(required=False, help_text="Included.")
    overdue = serializers.BooleanField(
        required=False,
        help_text="Only posted invoices with an amount due whose due date is before today (UTC).",
    )
    amount_from = decimal_field(required=False, help_text="In the invoice's currency.")
    amount_to = decimal_field(required=False, help_text="Included.")

    conditions = {
        "move_type": ("move_type", "in"),
        "state": ("state", "in"),
        "payment_state": ("payment_state", "in"),
        "contact": ("partner_id", "="),
        "commercial": ("commercial_partner_id", "="),
        "company": ("company_id", "="),
        "currency": ("currency_id", "in"),
        "journal": ("journal_id", "="),
        "date_from": ("invoice_date", ">="),
        "date_to": ("invoice_date", "<="),
        "due_from": ("invoice_date_due", ">="),
        "due_to": ("invoice_date_due", "<="),
        "amount_from": ("amount_total", ">="),
        "amount_to": ("amount_total", "<="),
    }

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        for low, high in RANGES:
            if low in given and high in given and given[low] > given[high]:
                raise wrong(high, f"Must not be below {low}.")
        return given

    def domain(self) -> Domain:
        found = super().domain()
        today = timezone.localdate().isoformat()
        match self.validated_data.get("overdue"):
            case True:
                found += [
                    ("state", "=", "posted"),
                    ("amount_residual", "!=", 0),
                    ("invoice_date_due", "<", today),
                ]
            case False:
                # Both conditions are needed: an invoice without a due date is not overdue either.
                found += any_of([
                    ("state", "!=", "posted"),
                    ("amount_residual", "=", 0),
                    ("invoice_date_due", ">=", today),
                    ("invoice_date_due", "=", False),
                ])  # fmt: skip
        return found


def in_scope(user: Any) -> Domain:
    """``Invoice.objects.visible_to`` as Odoo's conditions."""
    found: Domain = []
    access: Access = user.access
    if access.company_ids:
        found.append(("company_id", "in", sorted(access.company_ids)))
    if access.contact_ids:
        contacts = sorted(access.contact_ids)
        found += any_of([
            ("partner_id", "child_of", contacts),
            ("commercial_partner_id", "child_of", contacts),
        ])  # fmt: skip
    return found


def searched(user: Any) -> dict[str, Domain]:
    """For ``live_list``: the invoice's own texts, and the name of a contact in the user's scope."""
    return {place: [] for place in _SEARCHED} | {
        "partner_id.name": contact_scope(user, "partner_id")
    }
