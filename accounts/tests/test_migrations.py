"""What migrations do to users and groups that are there already."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection

from accounts.models import MANAGERS, OPERATORS, STAFF_GROUPS, SUPPORT, User

pytestmark = pytest.mark.django_db
rename = import_module("accounts.migrations.0008_names_that_are_no_addresses").rename


@pytest.fixture
def before():
    """The table as it was: names with an @."""
    [constraint] = [c for c in User._meta.constraints if c.name == "username_is_no_address"]
    with connection.schema_editor(atomic=False) as editor:
        editor.remove_constraint(User, constraint)
    yield
    with connection.schema_editor(atomic=False) as editor:
        editor.add_constraint(User, constraint)


def migrated():
    with connection.schema_editor(atomic=False) as editor:
        rename(apps, editor)
    return dict(User.objects.values_list("username", "email"))


@pytest.mark.postgres  # SQLite changes no constraint within a transaction
@pytest.mark.usefixtures("before")
def test_names_with_an_at_become_names_without(caplog):
    User.objects.bulk_create(
        User(username=name, email=email)
        for name, email in [
            ("ann", "ann@example.com"),
            ("bob@example.com", "bob@example.com"),
            ("bob_at_example.com", ""),
            ("program@example.com", ""),
            ("no address@", ""),
            # Somebody else's.
            ("ann@example.com", ""),
            ("ANN\uff20example.com", "mallory@example.com"),
        ]
    )
    assert migrated() == {
        "ann": "ann@example.com",
        "bob_at_example.com": "",
        "bob_at_example.com-2": "bob@example.com",
        "program_at_example.com": "program@example.com",
        "no address_at_": "",
        "ann_at_example.com": "",
        "ANN_at_example.com-2": "mallory@example.com",
    }
    assert "'bob@example.com' is 'bob_at_example.com-2' now" in caplog.text
    assert migrated() == migrated()


# Groups of staff --------------------------------------------------------------------------------------
def shown_to(group):
    return set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))


def test_the_groups_of_staff_see_a_noun_that_is_new():
    Permission.objects.filter(codename="view_invoice").delete()
    call_command("migrate", verbosity=0)
    for group in STAFF_GROUPS:
        assert "view_invoice" in shown_to(group)


def test_what_staff_took_from_a_group_stays_away():
    view = Permission.objects.get(codename="view_invoice")
    for group in Group.objects.all():
        group.permissions.remove(view)
    Group.objects.get(name=MANAGERS).delete()
    call_command("migrate", verbosity=0)
    assert "view_invoice" not in shown_to(SUPPORT) | shown_to(OPERATORS)
    assert not Group.objects.filter(name=MANAGERS).exists()
