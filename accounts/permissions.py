"""What the groups allow."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import OPERATORS, READERS, WRITERS, User


class _InGroup(BasePermission):
    group: str

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        return isinstance(user, User) and (user.is_superuser or self.group in user.access.groups)


class IsReader(_InGroup):
    """May read the mirror."""

    group = READERS
    message = "Your account is not in the group readers yet; ask the staff of this bridge."


class IsOperator(_InGroup):
    """May start syncs and read live from Odoo."""

    group = OPERATORS
    message = "This asks Odoo itself and is for the group operators."


class SeesSync(IsReader):
    """May see where streams stand and what could not be copied: readers and operators."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return IsOperator().has_permission(request, view) or super().has_permission(request, view)


class SeesRuns(SeesSync):
    """May read what runs did. They count all rows: with a scope only operators may."""

    message = "Runs tell of all records; your account sees some of them, or is no reader."

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return IsOperator().has_permission(request, view) or (
            super().has_permission(request, view) and not user.access.is_scoped
        )


class IsWriter(_InGroup):
    """May create and post in Odoo."""

    group = WRITERS
    message = "This writes to Odoo and is for the group writers."


class ReadsOrWritesOdoo(BasePermission):
    """At one address operators read from Odoo and writers write to it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        needed = IsOperator() if request.method in SAFE_METHODS else IsWriter()
        self.message = needed.message
        return needed.has_permission(request, view)
