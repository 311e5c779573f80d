"""Who may look, and at what."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower

from accounts.names import NameValidator, normal
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

    def of_contacts(self, model: type[models.Model]) -> Q:
        """A condition: a row of ``model`` names one of the contacts, or one below them."""
        from contacts.models import Below, Contact

        found = Q(pk__in=[])
        for column in model._meta.concrete_fields:
            if column.related_model is Contact:
                found |= Q(Below(column.attname, self.contact_ids))
        return found


class User(AbstractUser):
    """A person or a program. Name and e-mail address are unique whatever their case: both log in,
    and ``Ann`` and ``ann`` must not be two people.

    The scope narrows what the API shows, to superusers too. The querysets' ``visible_to`` apply it;
    the admin goes by Django permissions instead.
    """

    username = models.CharField(
        "user name",
        max_length=150,
        unique=True,
        validators=[NameValidator()],
        help_text="At most 150 letters, digits and . + - _",
        error_messages={"unique": "Another user has this name."},
    )
    email = models.EmailField("e-mail address", blank=True)
    email_verified = models.BooleanField(
        "address verified",
        default=True,
        help_text="The address is known to be this user's: it can be used to log in. Off for accounts "
        "that registered themselves, until they use a link that was sent there, or staff set it.",
    )
    awaits_approval = models.BooleanField(
        default=False, editable=False, help_text="Registered, and not approved by staff so far."
    )
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

    token_version = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="A token carries the one it was given out under, and ends when this one grows.",
    )

    # What checked the code of a login that is under way; django-otp keeps it in the session.
    otp_device: Any

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                # Programs and the first superuser may have none. Anybody can register with any
                # address: an unverified one must not keep its owner out.
                condition=~models.Q(email="") & models.Q(email_verified=True),
                name="email_once_in_any_case",
                violation_error_message="Another user has this e-mail address.",
            ),
            models.UniqueConstraint(
                Lower("username"),
                name="username_once_in_any_case",
                violation_error_message="Another user has this name.",
            ),
            models.CheckConstraint(
                # A name that is another user's address would take their login.
                condition=~models.Q(username__contains="@"),
                name="username_is_no_address",
                violation_error_message="A user name has no @.",
            ),
        ]

    @cached_property
    def access(self) -> Access:
        """Groups and scope, asked once for each user object: once a request."""
        found = with_access(self.pk)
        return found.access if found else Access(frozenset(), frozenset(), frozenset())

    def end_tokens(self) -> None:
        """Nothing that was given out to the user so far opens anything any more."""
        User.objects.filter(pk=self.pk).update(token_version=F("token_version") + 1)
        self.refresh_from_db(fields=["token_version"])

    def clean_fields(self, exclude: Any = None) -> None:
        # Before anything is compared with other users.
        self._normalize()
        super().clean_fields(exclude)

    def _normalize(self) -> None:
        for name in ("username", "email"):
            # Not those that were not read: looking at them would read and write them.
            if name in self.__dict__:
                setattr(self, name, normal(getattr(self, name)))

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session carries, and ends when it changes: the password, and what ends tokens."""
        of_password = super()._get_session_auth_hash(secret)  # type: ignore[misc]
        # As Django has it before anything ended: an upgrade logs nobody out.
        return f"{of_password}.{self.token_version}" if self.token_version else of_password

    def save(self, **options: Any) -> None:
        """A new password, and being locked, end the user's tokens."""
        self._normalize()
        written = options.get("update_fields")
        if self.is_active and self.awaits_approval:
            self.awaits_approval = False
            if written is not None:
                written = options["update_fields"] = {*written, "awaits_approval"}
        if self._state.adding or (written is not None and not _ENDING & set(written)):
            super().save(**options)
            return
        here = User.objects.filter(pk=self.pk).values_list(*sorted(_ENDING)).first()
        ends = here is not None and (here[0] > self.is_active or here[1] != self.password)
        known = self.token_version
        # Its own column, not what was read a moment ago: it may have grown since.
        self.token_version = F("token_version")
        try:
            with transaction.atomic():
                super().save(**options)
                if ends:
                    self.end_tokens()
                    known = self.token_version
        finally:
            self.token_version = known


# What ends tokens when it changes.
_ENDING = {"is_active", "password"}

# The rest of a user is for the pages about users: a password's hash has no business in each request.
# In the order of the fields.
_COLUMNS = ("id", "is_superuser", "is_staff", "is_active", "username", "token_version")
# Written by hand: asked in every request, and Django takes longer to build it than PostgreSQL to
# answer. The link tables themselves: a contact that is no longer there must go on narrowing.
_WITH_ACCESS = f"""
SELECT {", ".join(f"account.{column}" for column in _COLUMNS)}, given.what, given.name, given.id
FROM accounts_user account LEFT JOIN (
    SELECT 'group' AS what, auth_group.name, 0 AS id
    FROM accounts_user_groups link JOIN auth_group ON auth_group.id = link.group_id
    WHERE link.user_id = %s
    UNION ALL
    SELECT 'company', '', reference.odoo_id
    FROM accounts_user_scope_companies link
    JOIN odoo_bridge_reference reference ON reference.id = link.reference_id
    WHERE link.user_id = %s
    UNION ALL
    SELECT 'contact', '', link.contact_id
    FROM accounts_user_scope_contacts link
    WHERE link.user_id = %s
) given ON 1 = 1
WHERE account.id = %s
"""  # noqa: S608


def with_access(user_id: int) -> User | None:
    """The user with ``access``, in one query; None if there is no such user.

    Other fields than those that every request needs are asked for when they are looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WITH_ACCESS, [user_id] * 4)
        rows = cursor.fetchall()
    if not rows:
        return None
    *values, _what, _name, _id = rows[0]
    user = User.from_db(connection.alias, _COLUMNS, values)
    user.access = Access(
        groups=frozenset(name for *_, what, name, _ in rows if what == "group"),
        company_ids=frozenset(odoo_id for *_, what, _, odoo_id in rows if what == "company"),
        contact_ids=frozenset(odoo_id for *_, what, _, odoo_id in rows if what == "contact"),
    )
    return user
