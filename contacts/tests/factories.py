from datetime import UTC, datetime

import factory

from contacts.models import Contact

STORED_AT = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)


class ContactFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Contact

    odoo_id = factory.Sequence(lambda n: n + 1)
    name = factory.LazyAttribute(lambda contact: f"Contact {contact.odoo_id}")
    complete_name = factory.SelfAttribute("name")
    change_seq = factory.SelfAttribute("odoo_id")
    stored_at = STORED_AT
    create_date = STORED_AT
    write_date = STORED_AT
