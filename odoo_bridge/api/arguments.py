"""Validation of values in live requests: ids, codes, companies, and the user's scope."""

import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from odoo_bridge.api.freshness import NotCopied, TooOld, read_again
from odoo_bridge.api.serializers import MAX_ID
from odoo_bridge.models import MirroredQuerySet, OdooWrite, Reference
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import OdooUnavailable
from odoo_bridge.sync import references
from odoo_bridge.writing.requests import OPEN

# A few words are enough to find a record, and each one makes the query slower.
MAX_WORDS = 10


class Several(serializers.CharField):
    """One value or several, separated by commas: a list of texts, of ``choices`` if there are any."""

    def __init__(self, choices: Collection[str] = (), **options: Any) -> None:
        super().__init__(required=False, **options)
        self.choices = choices

    def to_internal_value(self, data: Any) -> Any:
        words = [word.strip() for word in super().to_internal_value(data).split(",")]
        if len(words) > MAX_WORDS:
            raise ValidationError(f"At most {MAX_WORDS} values.", "max_length")
        for word in words:
            if self.choices and word not in self.choices:
                raise ValidationError(
                    f"Must be one of {', '.join(self.choices)}.", "invalid_choice"
                )
        return words


class Codes(Several):
    """ISO codes, one or several: a list of the ids of the currencies or countries that have them."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind

    def to_internal_value(self, data: Any) -> Any:
        codes = [code.upper() for code in super().to_internal_value(data)]
        known = Reference.objects.filter(kind=self.kind, code__in=codes, active=True, gone_at=None)
        ids = dict(known.order_by("-odoo_id").values_list("code", "odoo_id"))
        for code in codes:
            if code not in ids:
                raise ValidationError(f"{code[:50]!r} is unknown.", "does_not_exist")
        return [ids[code] for code in codes]


def odoo_id(**options: Any) -> serializers.IntegerField:
    """An Odoo id in a request."""
    return serializers.IntegerField(min_value=1, max_value=MAX_ID, **{"required": False, **options})


def company_for(user: Any, wanted: int | None) -> int | None:
    """The company to write for: the requested one, or the only one in the user's scope.

    None leaves the choice to Odoo. Raises ValidationError for a company that is unknown, not read by the
    bridge or outside the scope, and if none is given although the scope has several.
    """
    scope = user.access.company_ids
    if wanted is None and len(scope) == 1:
        [wanted] = scope
    if wanted is None:
        if scope:
            raise wrong(
                "company_id", "You may write for several companies: choose one.", "required"
            )
        return None
    allowed = settings.ODOO_COMPANY_IDS
    outside = (scope and wanted not in scope) or (allowed and wanted not in allowed)
    if outside or _known(Reference.Kind.COMPANY, odoo_id=wanted) is None:
        raise wrong("company_id", "There is no such company.", "does_not_exist")
    return wanted


def read_now(stream: str, odoo_id: int, user: Any) -> None:
    """Read a record that is not mirrored yet from Odoo, if it is there. Raises OdooUnavailable."""
    give_up_at = time.monotonic() + settings.ODOO_REFRESH_SECONDS
    try:
        read_again(stream, [odoo_id], user, None, give_up_at)
    except NotCopied:
        return
    except TooOld as exc:
        raise OdooUnavailable(
            f"{stream} {odoo_id} is not mirrored, and it could not be read from Odoo now."
        ) from exc


def _known(kind: str, **values: Any) -> Reference | None:
    """The active reference with these values, read from Odoo now if it is not known here.

    It may have been created or activated since the last reconcile. Raises the errors of the gateway.
    """
    rows = Reference.objects.filter(kind=kind, active=True, gone_at=None, **values)
    found = rows.order_by("odoo_id").first()
    if found is None:
        # Well before the read, in case clocks differ: rows stored since then are not marked gone.
        since = timezone.now() - timedelta(minutes=5)
        references.save(references.read(connect(), [kind]), since)
        found = rows.order_by("odoo_id").first()
    return found


def check_company(user: Any, write: OdooWrite) -> None:
    """Raises ValidationError where the user would have to write for another company today."""
    wanted = write.body.get("company_id")
    if write.state in OPEN:
        allowed = company_for(user, wanted) == wanted
    else:
        scope = user.access.company_ids
        allowed = not scope or wanted in scope
    if not allowed:
        raise wrong("company_id", "There is no such company.", "does_not_exist")


def check_result(user: Any, rows: MirroredQuerySet, write: OdooWrite) -> None:
    """Raises Http404 where the record that a write made, or is about, is outside the user's scope."""
    found = rows.filter(pk=write.odoo_id)
    if found.exists() and not found.visible_to(user).exists():
        raise Http404


def reference(kind: str, code: str) -> int:
    """The id of the active currency or country with the ISO code ``code``, in capitals.

    Raises ValidationError, for a serializer's method that validates one field, and the errors of the
    gateway.
    """
    found = _known(kind, code=code)
    if found is None:
        raise ValidationError(
            f"{code} does not exist in Odoo or is not active there.", "does_not_exist"
        )
    return found.odoo_id


def wrong(field: str, message: str, code: str = "invalid") -> ValidationError:
    """The error that a serializer's ``validate`` raises about one of its fields."""
    return ValidationError({field: [ErrorDetail(message, code=code)]})
