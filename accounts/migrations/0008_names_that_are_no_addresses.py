"""Rename users whose name has an @: ``ann@example.com`` becomes ``ann_at_example.com``.

A user without an e-mail address keeps the old name as the address, so that it logs in as before,
unless it is another user's address. Each renaming is in the log.
"""

import logging
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import migrations

logger = logging.getLogger(__name__)


def normal(text):
    return unicodedata.normalize("NFKC", text)


def rename(apps, schema_editor):
    users = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    for user in users.order_by("pk").iterator():
        before = user.username
        name = normal(before)
        if "@" in name:
            if (
                not user.email
                and is_address(name)
                and not users.filter(email__iexact=name).exists()
            ):
                user.email = name
            name = free_name(users.exclude(pk=user.pk), name.replace("@", "_at_"))
        elif name != before:
            name = free_name(users.exclude(pk=user.pk), name)
        email = normal(user.email)
        if email != user.email and not users.filter(email__iexact=email).exists():
            user.email = email
        if name != before:
            logger.warning("User %s: the name %r is %r now", user.pk, before, name)
        user.username = name
        user.save(update_fields=["username", "email"])


def is_address(text):
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def free_name(others, wanted):
    for number in range(1, 10_000):
        suffix = "" if number == 1 else f"-{number}"
        name = wanted[: 150 - len(suffix)] + suffix
        if not others.filter(username__iexact=name).exists():
            return name
    raise ValueError(f"There is no free name like {wanted!r}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_approval_and_verified_addresses")]

    # Backwards nothing: the new names are good ones.
    operations = [migrations.RunPython(rename, migrations.RunPython.noop)]
