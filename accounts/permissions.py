"""What the groups allow."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import OPERATORS, READERS, User


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
