from django.db import migrations


def rename(apps, old_state, new_state, old_word, new_word):
    writes = apps.get_model("odoo_bridge", "OdooWrite")
    writes.objects.filter(state=old_state).update(state=new_state)
    tasks = apps.get_model("django_celery_beat", "PeriodicTask")
    tasks.objects.filter(name=f"bridge: {old_word} writes").update(
        name=f"bridge: {new_word} writes", task=f"odoo_bridge.tasks.{new_word}_writes"
    )


def forwards(apps, schema_editor):
    rename(apps, "asked", "requested", "settle", "resolve")


def backwards(apps, schema_editor):
    rename(apps, "requested", "asked", "resolve", "settle")


class Migration(migrations.Migration):
    dependencies = [
        ("odoo_bridge", "0022_describe_writes"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(forwards, backwards)]
