"""The admin of users, groups and logins."""

from typing import Any

from axes.admin import AccessAttemptAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import passwords, second_factor
from accounts.models import GROUPS, READERS, User
from odoo_bridge.admin.base import ACCESS, BridgeAdmin, ReadOnlyAdmin

for _model in (AccessAttempt, AccessFailureLog, AccessLog, Group):
    admin.site.unregister(_model)
# Their pages show secrets with which a reader could calculate the user's codes.
admin.site.unregister(TOTPDevice)
admin.site.unregister(StaticDevice)
# Their pages show whole refresh tokens, with which a reader could log in as the user.
admin.site.unregister(OutstandingToken)
admin.site.unregister(BlacklistedToken)


class WaitingFilter(admin.SimpleListFilter):
    title = "approval"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "waiting for approval")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        return queryset.filter(_WAITS) if self.value() else queryset


# Registered and inactive until approved, or created by staff and not yet in a group.
_WAITS = Q(awaits_approval=True, is_active=False) | Q(
    is_active=True, is_staff=False, is_superuser=False, groups=None
)


class AccountForm(UserChangeForm):
    def _get_validation_exclusions(self) -> set[str]:
        # The field is read-only, but must be validated: only one user can have a verified address.
        exclude: set[str] = super()._get_validation_exclusions()
        return exclude - {"email_verified"}


@admin.register(User)
class AccountAdmin(DjangoUserAdmin, BridgeAdmin):
    """Superusers can change everything. Others with the permission manage the users of the API, and can
    grant nobody, themselves included, more than the groups of the API."""

    section, icon = ACCESS, "person"
    form, add_form = AccountForm, UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "username",
        "address",
        "status",
        "group_names",
        "is_staff",
        "two_factor",
        "date_joined",
    )
    list_filter = (WaitingFilter, "groups", "is_active", "is_staff")
    readonly_fields = ("email_verified",)
    actions = ("approve", "verify_address", "make_link", "revoke_tokens", "remove_second_factor")
    autocomplete_fields = ("scope_companies", "scope_contacts")
    # Permissions are granted only through groups; otherwise it would be hard to tell who may do what.
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "username",
                    "password",
                    ("email", "email_verified"),
                    ("first_name", "last_name"),
                )
            },
        ),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("API access", {"fields": ("scope_companies", "scope_contacts")}),
        ("Dates", {"fields": (("last_login", "date_joined"),)}),
    )
    filter_horizontal = ()

    class Media:
        css = {"all": ["accounts/user.css"]}
        js = ["accounts/user.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users: QuerySet[User] = super().get_queryset(request)
        apps = TOTPDevice.objects.filter(user_id=OuterRef("pk"), confirmed=True)
        return users.prefetch_related("groups").annotate(has_code=Exists(apps))

    @display(description="status", label={"waiting": "warning", "active": "success"})
    def status(self, user: User) -> str:
        if not user.is_active:
            return "waiting" if user.awaits_approval else "locked"
        member = user.is_staff or user.is_superuser or user.groups.all()
        return "active" if member else "waiting"

    @display(description="e-mail address", ordering="email")
    def address(self, user: User) -> str:
        return user.email + ("" if user.email_verified or not user.email else " (unverified)")

    @display(description="groups")
    def group_names(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or "-"

    @display(description="two-factor login", boolean=True)
    def two_factor(self, user: User) -> bool:
        return bool(getattr(user, "has_code", False))

    # Who may change whom -------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or _looks_after(request.user, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return fields
        return (
            *fields,
            "is_staff",
            "is_superuser",
            "user_permissions",
            "last_login",
            "date_joined",
        )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
            if not request.user.is_superuser:
                kwargs["queryset"] = Group.objects.filter(name__in=GROUPS)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    # Actions ------------------------------------------------------------------------------

    @admin.action(description="Approve (grant API read access)", permissions=["change"])
    def approve(self, request: HttpRequest, users: QuerySet[User]) -> None:
        readers = Group.objects.get_or_create(name=READERS)[0]
        waiting = [user for user in users.filter(_WAITS) if _looks_after(request.user, user)]
        for user in waiting:
            if not user.is_active:
                user.is_active = True
                user.save(update_fields=["is_active"])
            user.groups.add(readers)
            self.log_change(request, user, "Approved: granted API read access.")
        names = ", ".join(user.username for user in waiting)
        if names:
            messages.success(request, f"Approved: {names}.")
        else:
            messages.info(request, "None of the selected accounts is waiting for approval.")

    @admin.action(description="Mark the address as verified", permissions=["change"])
    def verify_address(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users.filter(email_verified=False).exclude(email=""):
            others = User.objects.filter(email__iexact=user.email, email_verified=True)
            if not _looks_after(request.user, user) or others.exists():
                messages.error(request, f"The address of {user.username} cannot be verified.")
                continue
            user.email_verified = True
            user.save(update_fields=["email_verified"])
            self.log_change(request, user, "Verified the e-mail address.")
            messages.success(request, f"{user.username} can log in with {user.email} now.")

    @admin.action(description="Make a link to set a new password", permissions=["change"])
    def make_link(self, request: HttpRequest, users: QuerySet[User]) -> None:
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        for user in users:
            if not user.is_active or not _looks_after(request.user, user):
                messages.error(request, f"No link for {user.username}.")
                continue
            self.log_change(request, user, "Made a link to set a new password.")
            messages.success(
                request,
                f"Send this link to {user.username} in a secure way. It works once, for {hours} "
                f"hours, and is not shown again: {passwords.make_link(user, request)}",
            )

    @admin.action(description="Revoke tokens (forces a new login)", permissions=["change"])
    def revoke_tokens(self, request: HttpRequest, users: QuerySet[User]) -> None:
        theirs = [user for user in users if _looks_after(request.user, user)]
        for user in theirs:
            user.end_tokens()
            self.log_change(request, user, "Revoked all tokens.")
        names = ", ".join(user.username for user in theirs)
        if names:
            messages.success(request, f"Tokens revoked for {names}.")
        else:
            messages.error(request, "You cannot revoke the tokens of the selected accounts.")

    @admin.action(description="Turn off their two-factor login", permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            if not _may_remove_second_factor(request.user, user):
                messages.error(
                    request, f"You cannot turn off two-factor login for {user.username}."
                )
            elif second_factor.is_on(user):
                second_factor.turn_off([user])
                self.log_change(request, user, "Turned off two-factor login.")
                messages.success(request, f"Two-factor login is off for {user.username}.")
            else:
                messages.info(request, f"{user.username} does not use two-factor login.")


def _may_remove_second_factor(staff: Any, user: User) -> bool:
    """Managers may do this for other staff too, because logging in still needs the password."""
    return staff.is_superuser or (not user.is_superuser and user.pk != staff.pk)


def _looks_after(staff: Any, user: User) -> bool:
    """Whether ``staff``, who may change users, may change this one."""
    if staff.is_superuser:
        return True
    if user.is_superuser or user.is_staff:
        return False
    return all(group.name in GROUPS for group in user.groups.all())


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, BridgeAdmin):
    section, icon = ACCESS, "group"


@admin.register(AccessAttempt)
class FailedLoginAdmin(AccessAttemptAdmin, BridgeAdmin):
    """Deleting a row ends the lockout of its name from its address."""

    section, icon = ACCESS, "lock"
    title = "Failed logins"


@admin.register(AccessLog)
class LoginAdmin(AccessLogAdmin, ReadOnlyAdmin):
    section, icon = ACCESS, "login"
    title = "Logins"


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """The actions of staff in the admin: who, when, on what."""

    section, icon = ACCESS, "history"
    title = "Activity log"
    list_display = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_display_links = None
    list_filter = ("action_flag", ("content_type", admin.RelatedOnlyFieldListFilter))
    search_fields = ("user__username", "object_repr", "change_message")
    date_hierarchy = "action_time"
    list_select_related = ("user", "content_type")
