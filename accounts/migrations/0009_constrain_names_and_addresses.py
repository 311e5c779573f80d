import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_names_that_are_no_addresses")]

    operations = [
        migrations.RemoveConstraint(model_name="user", name="email_once_in_any_case"),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("email"),
                condition=models.Q(
                    models.Q(("email", ""), _negated=True), ("email_verified", True)
                ),
                name="email_once_in_any_case",
                violation_error_message="Another user has this e-mail address.",
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("username__contains", "@"), _negated=True),
                name="username_is_no_address",
                violation_error_message="A user name has no @.",
            ),
        ),
    ]
