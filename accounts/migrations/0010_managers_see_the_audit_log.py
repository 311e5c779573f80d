"""Managers see in the admin who logged in and exported."""

from django.db import migrations


def give(apps, schema_editor):
    using = schema_editor.connection.alias
    kinds = apps.get_model("contenttypes", "ContentType").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    # Django makes both after the last migration, and finds these then.
    kind, _made = kinds.get_or_create(app_label="odoo_bridge", model="auditentry")
    view, _made = permissions.get_or_create(
        content_type=kind, codename="view_auditentry", defaults={"name": "Can view audit entry"}
    )
    groups = apps.get_model("auth", "Group").objects.using(using)
    for group in groups.filter(name="managers"):
        group.permissions.add(view)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_constrain_names_and_addresses")]

    # Backwards nothing: staff may have given or taken it by then.
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
