"""Users, their groups, and the scope of what they may see."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower

from accounts.names import NameValidator, normal
from odoo_bridge.models import Reference

# Django groups. permissions.py defines what their members may do over the API; Django permissions
# apply only to the admin.
READERS = "readers"
OPERATORS = "operators"
WRITERS = "writers"
GROUPS = (READERS, OPERATORS, WRITERS)
# The groups of staff: their Django permissions give access to the admin. Operators have both.
SUPPORT = "support"
MANAGERS = "managers"
STAFF_GROUPS = (SUPPORT, OPERATORS, MANAGERS)


@dataclass(frozen=True)
class Access:
    """What a user may do and see: group names, and the Odoo ids of the scope.

    An empty set of ids is no limit. If both sets have ids, both limits apply.
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
    """A person or a program. Name and e-mail address are unique regardless of case: both can be used to
    log in, and ``Ann`` and ``ann`` must not be two people.

    The scope limits what the API shows, for superusers too. The querysets' ``visible_to`` applies it.
    The admin uses Django permissions instead.
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
        help_text="The address is known to belong to this user and can be used to log in. For accounts "
        "that registered themselves it is off until they use a link that was sent to the address, or "
        "staff turn it on.",
    )
    awaits_approval = models.BooleanField(
        default=False, editable=False, help_text="Registered, but not yet approved by staff."
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
        # No database constraint, because nothing may block a sync from changing the mirror's tables.
        db_constraint=False,
        verbose_name="only these contacts",
        help_text="The API shows this user these contacts, all contacts and addresses below them, "
        "and the invoices of all of these. Empty: all contacts. If companies are set too, a row "
        "must match both.",
    )

    token_version = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Part of each token; increasing it ends all tokens of the user.",
    )

    # The device that checked the code of the current login; django-otp stores it in the session.
    otp_device: Any

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                # Programs and the first superuser may have no address. Anybody can register with any
                # address, so an unverified one must not block its real owner.
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
                # A name that equals another user's address would capture that user's login.
                condition=~models.Q(username__contains="@"),
                name="username_is_no_address",
                violation_error_message="A user name has no @.",
            ),
        ]

    @cached_property
    def access(self) -> Access:
        """Groups and scope, read once per user object, so once per request."""
        found = with_access(self.pk)
        return found.access if found else Access(frozenset(), frozenset(), frozenset())

    def end_tokens(self) -> None:
        """Make all tokens and sessions that were issued to the user so far invalid."""
        User.objects.filter(pk=self.pk).update(token_version=F("token_version") + 1)
        self.refresh_from_db(fields=["token_version"])

    def clean_fields(self, exclude: Any = None) -> None:
        # Before the values are compared with those of other users.
        self._normalize()
        super().clean_fields(exclude)

    def _normalize(self) -> None:
        for name in ("username", "email"):
            # Skip deferred fields: accessing them would read and later write them.
            if name in self.__dict__:
                setattr(self, name, normal(getattr(self, name)))

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """A session is valid while this hash is unchanged: it covers the password and the token
        version."""
        of_password = super()._get_session_auth_hash(secret)  # type: ignore[misc]
        # Version 0 gives Django's own hash, so that an upgrade logs nobody out.
        return f"{of_password}.{self.token_version}" if self.token_version else of_password

    def save(self, **options: Any) -> None:
        """Save, and end the user's tokens if the password changes or the account is locked."""
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
        # Keep the column's current value, which may be higher than the one read before.
        self.token_version = F("token_version")
        try:
            with transaction.atomic():
                super().save(**options)
                if ends:
                    self.end_tokens()
                    known = self.token_version
        finally:
            self.token_version = known


# Changes of these fields end tokens.
_ENDING = {"is_active", "password"}

# Requests do not need the other fields of a user, least of all the password's hash. In the order of the
# model's fields.
_COLUMNS = ("id", "is_superuser", "is_staff", "is_active", "username", "token_version")
# Written by hand, because every request runs it and Django needs longer to build the query than
# PostgreSQL to execute it. It reads the link tables themselves: a contact that no longer exists must
# still limit the scope.
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

    Fields that not every request needs are read when they are accessed.
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
