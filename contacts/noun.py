"""Contacts: what does not follow from the mapping and the model."""

from collections.abc import Sequence

from contacts.mapping import CONTACTS as STREAM
from contacts.models import names_within
from odoo_bridge.mirror.names import Names
from odoo_bridge.mirror.noun import Noun
from odoo_bridge.mirror.rows import Spelled


def _called(
    _names: Names, complete: Sequence[str | None], plain: Sequence[str | None]
) -> list[str]:
    return [long or short or "" for long, short in zip(complete, plain, strict=True)]


def contact_name(via: str) -> Spelled:
    """What the contact is called that the relation ``via`` of another noun leads to.

    Joined; a contact that is not here (yet) comes as None.
    """
    return Spelled(
        (f"{via}__complete_name", f"{via}__name"),
        _called,
        about="Empty while the contact is not mirrored, and where it is outside your scope.",
    )


CONTACTS = Noun(
    STREAM,
    # ``company_name`` is the name of the commercial contact.
    names={"company_id": "odoo_company_name"},
    lent=names_within,
    about="Mirrored contacts, archived ones and addresses included. Odoo stays the place to write.",
    actions=("contacts.creating.CREATE_CONTACT",),
)
NOUNS = (CONTACTS,)
