"""Who may look, and at what."""

from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Value
from django.db.models.functions import Lower

from odoo_bridge.models import Reference

# Django groups: what their members may do over the API stands in permissions.py, not in Django
# permissions, which decide about the admin alone.
READERS = "readers"
OPERATORS = "operators"
WRITERS = "writers"
GROUPS = (READERS, OPERATORS, WRITERS)
# The groups of staff: their Django permissions open the admin. Operators are at home in both.
SUPPORT = "support"
MANAGERS = "managers"
STAFF_GROUPS = (SUPPORT, OPERATORS, MANAGERS)


@dataclass(frozen=True)
class Access:
    """What staff gave a user: group names, and the Odoo ids of the scope.

    An empty set of ids does not narrow; two that are not empty both hold.
    """

    groups: frozenset[str]
    company_ids: frozenset[int]
    contact_ids: frozenset[int]

    @property
    def is_scoped(self) -> bool:
        return bool(self.company_ids or self.contact_ids)


class User(AbstractUser):
    """A person or a program. Name and e-mail address are unique whatever their case: both log in,
    and ``Ann`` and ``ann`` must not be two people.

    The scope narrows what the API shows, to superusers too. The querysets' ``visible_to`` apply it;
    the admin goes by Django permissions instead.
    """

    email = models.EmailField("e-mail address", blank=True)
    scope_companies = models.ManyToManyField(
        Reference,
        blank=True,
        related_name="+",
        limit_choices_to={"kind": Reference.Kind.COMPANY},
        verbose_name="only these companies",
        help_text="The API shows this user the invoices of these companies, and the contacts of "
        "these or of no company. Empty: all companies.",
    )
    scope_contacts = models.ManyToManyField(
        "contacts.Contact",
        blank=True,
        related_name="+",
        # The mirror's tables know no constraint, so that nothing stands in the way of a sync.
        db_constraint=False,
        verbose_name="only these contacts",
        help_text="The API shows this user these contacts, all contacts and addresses below them, "
        "and the invoices of all of these. Empty: all contacts. With companies as well, a row "
        "must be in both.",
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                # Programs and the first superuser may have none.
                condition=~models.Q(email=""),
                name="email_once_in_any_case",
                violation_error_message="Another user has this e-mail address.",
            ),
            models.UniqueConstraint(
                Lower("username"),
                name="username_once_in_any_case",
                violation_error_message="Another user has this name.",
            ),
        ]

    @cached_property
    def access(self) -> Access:
        """Groups and scope in one query, asked once for each user object: once a request."""
        no_name, no_id = Value("", models.CharField()), Value(0, models.BigIntegerField())
        # The link tables themselves: a contact that is no longer there must go on narrowing.
        contacts = User.scope_contacts.through.objects.filter(user_id=self.pk)
        companies = User.scope_companies.through.objects.filter(user_id=self.pk)
        rows = list(
            self.groups.order_by()
            .values_list(Value("group"), "name", no_id)
            .union(
                companies.values_list(Value("company"), no_name, "reference__odoo_id"),
                contacts.values_list(Value("contact"), no_name, "contact_id"),
                all=True,
            )
        )
        return Access(
            groups=frozenset(name for kind, name, _ in rows if kind == "group"),
            company_ids=frozenset(odoo_id for kind, _, odoo_id in rows if kind == "company"),
            contact_ids=frozenset(odoo_id for kind, _, odoo_id in rows if kind == "contact"),
        )
