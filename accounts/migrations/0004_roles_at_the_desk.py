"""What the groups of staff may do in the admin: support reads, operators run, managers confirm,
schedule and look after users."""

from django.db import migrations

VIEWS = {
    ("contacts", "contact"): ["view_contact"],
    ("invoices", "invoice"): ["view_invoice"],
    ("invoices", "invoiceline"): ["view_invoiceline"],
    ("odoo_bridge", "reference"): ["view_reference"],
    ("odoo_bridge", "syncstate"): ["view_syncstate"],
    ("odoo_bridge", "syncrun"): ["view_syncrun"],
    ("odoo_bridge", "syncissue"): ["view_syncissue"],
    ("odoo_bridge", "gonereview"): ["view_gonereview"],
    ("odoo_bridge", "schedule"): ["view_schedule"],
}
RUNS = {("odoo_bridge", "syncrun"): ["run_sync"]}
DECISIONS = {
    ("odoo_bridge", "syncrun"): ["confirm_gone"],
    ("odoo_bridge", "schedule"): ["change_schedule"],
    ("accounts", "user"): ["view_user", "change_user"],
    ("admin", "logentry"): ["view_logentry"],
}
NAMES = {
    "run_sync": "Can start, cancel and retry runs",
    "confirm_gone": "Can say whether rows that vanished are gone",
}
ROLES = {
    "support": [VIEWS],
    "operators": [VIEWS, RUNS],
    "managers": [VIEWS, RUNS, DECISIONS],
}


def give(apps, schema_editor):
    using = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    kinds = apps.get_model("contenttypes", "ContentType").objects.using(using)
    for role, parts in ROLES.items():
        group, _made = groups.get_or_create(name=role)
        for part in parts:
            for (app, model), codenames in part.items():
                # Django makes both after the last migration, and finds these then.
                kind, _made = kinds.get_or_create(app_label=app, model=model)
                for codename in codenames:
                    name = NAMES.get(codename, f"Can {codename.replace('_', ' ')}")
                    permission, _made = permissions.get_or_create(
                        content_type=kind, codename=codename, defaults={"name": name}
                    )
                    group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_scopes"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    # Backwards nothing: the groups may have members by then.
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
