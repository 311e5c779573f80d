"""The permissions of the API's groups."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import OPERATORS, READERS, STAFF_GROUPS, WRITERS, User
from odoo_bridge.mirror.noun import all_nouns


class _InGroup(BasePermission):
    group: str

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        return isinstance(user, User) and (user.is_superuser or self.group in user.access.groups)


class IsReader(_InGroup):
    """May read the mirror."""

    group = READERS
    message = "Your account is not in the group readers; ask the staff of this bridge."


class IsOperator(_InGroup):
    """May start syncs and read live from Odoo."""

    group = OPERATORS
    message = "This calls Odoo directly; it requires the group operators."


class SeesSync(IsReader):
    """May see the status of streams and what could not be copied: readers and operators."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return IsOperator().has_permission(request, view) or super().has_permission(request, view)


class SeesRuns(SeesSync):
    """May read runs. Runs count all rows, so of the users with a scope only operators may read them."""

    message = (
        "Runs are about all records. This requires the group operators, or the group readers "
        "without a scope."
    )

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return IsOperator().has_permission(request, view) or (
            super().has_permission(request, view) and not user.access.is_scoped
        )


class IsWriter(_InGroup):
    """May create and post in Odoo."""

    group = WRITERS
    message = "This writes to Odoo; it requires the group writers."


class ReadsOrWritesOdoo(BasePermission):
    """For a URL at which operators read from Odoo and writers write to Odoo."""

    def has_permission(self, request: Request, view: Any) -> bool:
        needed = IsOperator() if request.method in SAFE_METHODS else IsWriter()
        self.message = needed.message
        return needed.has_permission(request, view)


def show_nouns_to_staff(using: str) -> None:
    """Let the groups of staff see, in the admin, each noun that is new here.

    New is a noun whose permission does not exist yet: what staff took from a group, or gave, stays.
    """
    groups = list(Group.objects.using(using).filter(name__in=STAFF_GROUPS))
    for noun in all_nouns().values():
        meta = noun.model._meta
        kind = ContentType.objects.db_manager(using).get_for_model(noun.model)
        view, is_new = Permission.objects.using(using).get_or_create(
            content_type=kind,
            codename=f"view_{meta.model_name}",
            # As Django would call it.
            defaults={"name": f"Can view {meta.verbose_name}"},
        )
        for group in groups if is_new else ():
            group.permissions.add(view)
