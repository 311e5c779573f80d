from datetime import UTC, datetime

import factory

from invoices.models import Invoice, InvoiceLine

STORED_AT = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)


class InvoiceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Invoice

    odoo_id = factory.Sequence(lambda n: n + 1)
    move_type = "out_invoice"
    state = "posted"
    change_seq = factory.SelfAttribute("odoo_id")
    stored_at = STORED_AT
    create_date = STORED_AT
    write_date = STORED_AT


class InvoiceLineFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = InvoiceLine

    odoo_id = factory.Sequence(lambda n: n + 1)
    display_type = "product"
    change_seq = factory.SelfAttribute("odoo_id")
    stored_at = STORED_AT
    create_date = STORED_AT
    write_date = STORED_AT
