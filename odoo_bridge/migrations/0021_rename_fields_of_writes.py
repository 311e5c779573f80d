from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("odoo_bridge", "0020_audit_log")]

    operations = [
        migrations.RenameField("odoowrite", "wish", "body"),
        migrations.RenameField("odoowrite", "asked_at", "requested_at"),
        migrations.RenameField("odoowrite", "settled_at", "resolved_at"),
    ]
