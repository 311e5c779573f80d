"""Contacts: what does not follow from the mapping and the model."""

from contacts.mapping import CONTACTS as STREAM
from contacts.models import names_within
from odoo_bridge.mirror.noun import Noun

CONTACTS = Noun(
    STREAM,
    # ``company_name`` is the name of the commercial contact.
    names={"company_id": "odoo_company_name"},
    lent=names_within,
    about="Mirrored contacts, archived ones and addresses included. Odoo stays the place to write.",
    actions=("contacts.creating.CREATE_CONTACT",),
)
NOUNS = (CONTACTS,)
