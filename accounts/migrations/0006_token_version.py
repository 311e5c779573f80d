from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_staff_see_writes")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="token_version",
            field=models.PositiveIntegerField(
                default=0,
                editable=False,
                help_text="A token carries the one it was given out under, and ends when this one "
                "grows.",
            ),
        ),
    ]
