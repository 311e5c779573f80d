"""Taxes and lines as lists of ids in ascending order, which is what every run stores from here on.

They are the same, so no row gets a new place in the changes feed.
"""

from typing import Any

from django.db import migrations, models

BATCH = 1_000


def sort(apps: Any, _schema_editor: Any) -> None:
    for model, column in (("Invoice", "line_ids"), ("InvoiceLine", "tax_ids")):
        rows = apps.get_model("invoices", model).objects.exclude(**{column: []}).only(column)
        batch = []
        for row in rows.iterator(chunk_size=BATCH):
            held = getattr(row, column)
            if held != sorted(held):
                setattr(row, column, sorted(held))
                batch.append(row)
            if len(batch) == BATCH:
                rows.bulk_update(batch, [column])
                batch = []
        rows.bulk_update(batch, [column])


class Migration(migrations.Migration):
    dependencies = [("invoices", "0003_indexes_of_lists")]

    operations = [
        migrations.AlterField(
            "invoice",
            "line_ids",
            models.JSONField(blank=True, default=list, help_text="Ids of its lines, ascending."),
        ),
        migrations.RunPython(sort, migrations.RunPython.noop, elidable=True),
    ]
