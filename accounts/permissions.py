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
