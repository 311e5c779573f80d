"""The groups that open the API: readers, operators, writers."""

from django.db import migrations


def add_groups(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    for name in ("readers", "operators", "writers"):
        groups.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    # Backwards nothing: the groups may have members by then.
    operations = [migrations.RunPython(add_groups, migrations.RunPython.noop)]
