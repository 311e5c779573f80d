from django.db import migrations, models

import accounts.names


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_token_version")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="awaits_approval",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Registered, and not approved by staff so far.",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="email_verified",
            field=models.BooleanField(
                default=True,
                help_text="The address is known to be this user's: it can be used to log in. Off for accounts that registered themselves, until they use a link that was sent there, or staff set it.",
                verbose_name="address verified",
            ),
        ),
        migrations.AlterField(
            model_name="user",
            name="username",
            field=models.CharField(
                error_messages={"unique": "Another user has this name."},
                help_text="At most 150 letters, digits and . + - _",
                max_length=150,
                unique=True,
                validators=[accounts.names.NameValidator()],
                verbose_name="user name",
            ),
        ),
    ]
