from django.db import migrations, models

from odoo_bridge.models.indexes import AddIndex


class Migration(migrations.Migration):
    # The index is built while others write the table, which a transaction does not allow.
    atomic = False

    dependencies = [
        ("invoices", "0004_lists_by_id"),
    ]

    operations = [
        AddIndex(
            model_name="invoiceline",
            index=models.Index(fields=["write_date", "odoo_id"], name="invoice_line_write_date"),
        ),
    ]
