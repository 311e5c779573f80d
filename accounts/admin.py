"""Who may look, and who tried to."""

from axes.admin import AccessAttemptAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import User
from odoo_bridge.admin.base import ACCESS, BridgeAdmin, ReadOnlyAdmin

for _model in (AccessAttempt, AccessFailureLog, AccessLog, Group):
    admin.site.unregister(_model)
# Their pages show whole refresh tokens: whoever reads one could log in as its user.
admin.site.unregister(OutstandingToken)
admin.site.unregister(BlacklistedToken)


@admin.register(User)
class AccountAdmin(DjangoUserAdmin, BridgeAdmin):
    section, icon = ACCESS, "person"
    form, add_form = UserChangeForm, UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "date_joined")
    list_filter = ("groups", "is_active", "is_staff")
    autocomplete_fields = ("scope_companies", "scope_contacts")
    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        ("What the API shows", {"fields": ("scope_companies", "scope_contacts")}),
    )


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, BridgeAdmin):
    section, icon = ACCESS, "group"


@admin.register(AccessAttempt)
class FailedLoginAdmin(AccessAttemptAdmin, BridgeAdmin):
    """Deleting a row lets its name log in again from its address."""

    section, icon = ACCESS, "lock"


@admin.register(AccessLog)
class LoginAdmin(AccessLogAdmin, ReadOnlyAdmin):
    section, icon = ACCESS, "login"
