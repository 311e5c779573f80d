import factory
from django.contrib.auth.models import Group

from accounts.models import GROUPS, READERS, User
from odoo_bridge.models import Reference

PASSWORD = "correct-horse-battery"


class UserFactory(factory.django.DjangoModelFactory):
    """A user of no group. ``UserFactory(groups=["readers"])`` is a reader."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = factory.django.Password(PASSWORD)

    @factory.post_generation
    def groups(self, create, names, **_):
        if create and names:
            self.groups.set([Group.objects.get_or_create(name=name)[0] for name in names])


def reader(**values):
    return UserFactory(groups=[READERS], **values)


def scoped(companies=(), contacts=(), **values):
    """A reader who is scoped to these Odoo ids."""
    user = reader(**values)
    user.scope_companies.set(
        Reference.objects.get_or_create(kind=Reference.Kind.COMPANY, odoo_id=odoo_id)[0]
        for odoo_id in companies
    )
    user.scope_contacts.set(contacts)
    return user


def staff(group, **values):
    """A user of the admin: of support, operators or managers."""
    return UserFactory(groups=[group], is_staff=True, **values)


def user_of(role):
    """The user of a role, None for nobody: ``none`` has no group, ``superuser`` needs none."""
    if role == "anonymous":
        return None
    if role == "superuser":
        return UserFactory(is_superuser=True, is_staff=True)
    if role == "none":
        return UserFactory()
    assert f"{role}s" in GROUPS
    return UserFactory(groups=[f"{role}s"])
