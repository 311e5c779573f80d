"""Creating contacts in Odoo over the API."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from contacts.live import MODEL
from contacts.models import LENT, Contact
from contacts.noun import CONTACTS
from odoo_bridge.api.arguments import (
    check_company,
    check_result,
    company_for,
    odoo_id,
    read_now,
    reference,
    wrong,
)
from odoo_bridge.api.strict import StrictBody
from odoo_bridge.models import OdooWrite, Reference
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.writing.actions import Action
from odoo_bridge.writing.imports import find_by_marker, import_of
from odoo_bridge.writing.requests import copy_records, record_creator

# The fields that Odoo copies from the parent, with their names in a request.
ADDRESS = {
    "street": "street",
    "street2": "street2",
    "zip": "zip",
    "city": "city",
    "country_id": "country_code",
}


def check_contact(user: Any, field: str, contact_id: int, *, gone_too: bool = False) -> None:
    """Raises ValidationError about ``field`` for a contact that the user may not see."""
    rows = Contact.objects.all() if gone_too else Contact.objects.present()
    visible = rows.visible_to(user)
    if not gone_too and not rows.filter(pk=contact_id).exists():
        # It may have been created since the last run.
        read_now("contacts", contact_id, user)
    if not visible.filter(pk=contact_id).exists():
        raise wrong(field, "There is no such contact.")


def check_parent(user: Any, parent_id: int | None, *, gone_too: bool = False) -> None:
    """Raises ValidationError where the user may add no contact below ``parent_id``."""
    if parent_id is not None:
        check_contact(user, "parent_id", parent_id, gone_too=gone_too)
    elif user.access.contact_ids:
        raise wrong("parent_id", "You may add contacts only below those in your scope: choose one.")


# Creating -----------------------------------------------------------------------------------------
class NewContactSerializer(StrictBody):
    """A contact to create in Odoo."""

    name = serializers.CharField(max_length=200)
    email = serializers.EmailField(required=False, max_length=254)
    phone = serializers.CharField(required=False, max_length=64)
    is_company = serializers.BooleanField(default=False)
    parent_id = odoo_id(
        help_text="The id of the contact to which it belongs: the company of a person or address."
    )
    company_id = odoo_id(
        help_text="The Odoo company to which the contact is limited; without one, all companies share "
        "it. The default for a writer scoped to one company is that company; a writer scoped to several "
        "must choose one."
    )
    type = serializers.ChoiceField(
        ["contact", "invoice", "delivery", "other"],
        default="contact",
        help_text="The type of address.",
    )
    vat = serializers.CharField(required=False, max_length=64)
    ref = serializers.CharField(required=False, max_length=200)
    lang = serializers.RegexField(
        r"^[a-z]{2,3}(_[A-Z]{2})?(@[a-z]+)?$",
        required=False,
        help_text="The code of a language installed in Odoo, for example en_US.",
    )
    street = serializers.CharField(required=False, max_length=200)
    street2 = serializers.CharField(required=False, max_length=200)
    zip = serializers.CharField(required=False, max_length=24)
    city = serializers.CharField(required=False, max_length=100)
    country_code = serializers.RegexField(
        r"^[A-Z]{2}$",
        source="country_id",
        required=False,
        help_text="ISO 3166-1 code: two capital letters.",
    )

    def validate_country_code(self, code: str) -> int:
        return reference(Reference.Kind.COUNTRY, code)

    def validate(self, body: dict[str, Any]) -> dict[str, Any]:
        """Replace codes by Odoo's ids, and refuse values that Odoo would silently ignore."""
        user = self.context["request"].user
        parent_id = body.get("parent_id")
        check_parent(user, parent_id)
        if parent_id is not None and body["type"] == "contact":
            for name in body.keys() & ADDRESS.keys():
                raise wrong(
                    ADDRESS[name],
                    "A contact below another one shares that contact's address. To give it an address "
                    "of its own, use the type invoice, delivery or other.",
                )
        if parent_id is not None and "vat" in body and not body["is_company"]:
            raise wrong("vat", "A contact below another one shares that contact's VAT number.")
        body["company_id"] = company_for(user, body.get("company_id"))
        return body


# Key of the request -> column of the import.
_COLUMNS = {
    "name": "name",
    "email": "email",
    "phone": "phone",
    "is_company": "is_company",
    "type": "type",
    "parent_id": "parent_id/.id",
    "company_id": "company_id/.id",
    "vat": "vat",
    "ref": "ref",
    "lang": "lang",
    "street": "street",
    "street2": "street2",
    "zip": "zip",
    "city": "city",
    "country_id": "country_id/.id",
}


def _send(odoo: Gateway, write: OdooWrite) -> int:
    row = import_of(write, _COLUMNS)
    return odoo.load(MODEL, list(row), [list(row.values())], write.body["company_id"])


def _complete(_odoo: Gateway, _write: OdooWrite, _contact_id: int) -> None:
    """A contact is complete once it is created."""


def _mirror(write: OdooWrite, contact_id: int) -> None:
    # Odoo may have changed the parent: a parent without an address gets that of its first contact.
    parent_id = write.body.get("parent_id")
    copy_records("contacts", [contact_id, parent_id] if parent_id else [contact_id], write)
    record_creator("contacts", Contact.objects.filter(pk=contact_id), write)


def _row(contact_id: int, user: Any) -> Mapping[str, Any]:
    rows = Contact.objects.filter(pk=contact_id).as_seen_by(user)
    return next(iter(CONTACTS.rows.page(rows)), {})


def _check(user: Any, write: OdooWrite) -> None:
    check_company(user, write)
    if user.access.is_scoped:
        check_parent(user, write.body.get("parent_id"), gone_too=True)
    check_result(user, Contact.objects.all(), write)


CREATE_CONTACT = Action(
    "create_contact",
    "contacts",
    "contact",
    201,
    _send,
    find_by_marker(MODEL),
    _complete,
    _mirror,
    _row,
    _check,
    LENT,
)
