"""JSON of mirrored rows, read quickly: a page of a list has hundreds of them."""

from typing import Any

import orjson
from django.db import models


class _Json(models.JSONField):
    def deconstruct(self) -> Any:
        # The same column: reading it otherwise is nothing for a migration.
        name, _path, values, options = super().deconstruct()
        return name, "django.db.models.JSONField", values, options


class IdsField(_Json):
    """A list of Odoo's ids."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return orjson.loads(value) if isinstance(value, str) else value


class ExtraField(_Json):
    """Values by name: mostly none. Whole numbers of any size stay whole, which orjson would round."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return {} if value == "{}" else super().from_db_value(value, expression, connection)
