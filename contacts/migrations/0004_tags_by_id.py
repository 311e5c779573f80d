"""Tags as lists of ids in ascending order, which is what every run stores from here on.

The tags are the same, so no row gets a new place in the changes feed.
"""

from typing import Any

from django.db import migrations

BATCH = 1_000


def sort(apps: Any, _schema_editor: Any) -> None:
    rows = apps.get_model("contacts", "Contact").objects.exclude(tag_ids=[]).only("tag_ids")
    batch = []
    for row in rows.iterator(chunk_size=BATCH):
        if row.tag_ids != sorted(row.tag_ids):
            row.tag_ids = sorted(row.tag_ids)
            batch.append(row)
        if len(batch) == BATCH:
            rows.bulk_update(batch, ["tag_ids"])
            batch = []
    rows.bulk_update(batch, ["tag_ids"])


class Migration(migrations.Migration):
    dependencies = [("contacts", "0003_indexes_of_lists")]

    operations = [migrations.RunPython(sort, migrations.RunPython.noop, elidable=True)]
