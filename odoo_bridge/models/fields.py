"""Model fields of mirrored rows: numbers that keep every digit, and JSON that is read quickly."""

from decimal import Context, Decimal
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Sum

# A float's shortest representation has at most 309 digits before the point and 340 after it.
WHOLE_DIGITS, FRACTION_DIGITS = 309, 340
# For arithmetic with such numbers: precise enough for any sum to be exact.
EXACT = Context(prec=2 * (WHOLE_DIGITS + FRACTION_DIGITS))


class ExactDecimalField(models.DecimalField):
    """A number with all of its digits, ``Decimal`` in Python.

    PostgreSQL: ``numeric`` without a scale. SQLite has no such type. There the column is ``REAL``,
    which has the precision of a float, and Odoo sends floats: they are read back through their
    shortest representation. Storing a number that is not exactly a float raises ValueError.
    """

    def check(self, **options: Any) -> Any:
        # Skip DecimalField's own check, which requires a number of digits.
        return models.Field.check(self, **options)

    def get_internal_type(self) -> str:
        # Not "DecimalField", because SQLite's backend rounds that to 15 digits.
        return "ExactDecimalField"

    def to_python(self, value: Any) -> Decimal | None:
        # Use the float's shortest representation: DecimalField would round to a number of digits.
        number: Decimal | None = super().to_python(
            repr(value) if value.__class__ is float else value
        )
        if number and not -FRACTION_DIGITS <= number.adjusted() <= WHOLE_DIGITS:
            raise ValidationError(f"{number:.3e} is beyond the range of a float", code="invalid")
        return number

    def db_type(self, connection: Any) -> str:
        return "numeric" if connection.vendor == "postgresql" else "real"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        if value is None or value.__class__ is Decimal:
            return value
        return Decimal(repr(value) if isinstance(value, float) else value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        number = value if prepared else self.get_prep_value(value)
        if number is None or connection.vendor == "postgresql":
            return number
        return float(number)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if hasattr(value, "as_sql"):
            return value
        kept = self.get_db_prep_value(value, connection)
        if isinstance(kept, float) and Decimal(repr(kept)) != self.to_python(value):
            raise ValueError(f"SQLite cannot store {value} exactly; PostgreSQL can")
        return kept


class MoneyField(ExactDecimalField):
    """An amount in the currency of its row (``currency_id``), or with ``company`` in that of its
    company."""

    def __init__(self, *args: Any, company: bool = False, **options: Any) -> None:
        self.company = company
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        # The column is the same: the meaning of the number does not concern migrations.
        name, _path, values, options = super().deconstruct()
        return name, "odoo_bridge.models.fields.ExactDecimalField", values, options


class ExactSum(Sum):
    """The sum of an ``ExactDecimalField``. It is exact on SQLite too, whose own SUM adds floats."""

    def __init__(self, *expressions: Any, **options: Any) -> None:
        super().__init__(*expressions, output_field=ExactDecimalField(), **options)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="exact_sum", **context)


class _ExactSum:
    """The SQL function ``exact_sum``: the sum as text, NULL if there are no numbers."""

    def __init__(self) -> None:
        self._sum: Decimal | None = None

    def step(self, value: float | int | str | None) -> None:
        if value is not None:
            number = Decimal(repr(value) if isinstance(value, float) else value)
            self._sum = number if self._sum is None else EXACT.add(self._sum, number)

    def finalize(self) -> str | None:
        return None if self._sum is None else str(self._sum)


def add_exact_sum(connection: Any, **_signal: Any) -> None:
    """For the signal ``connection_created``."""
    if connection.vendor == "sqlite":
        connection.connection.create_aggregate("exact_sum", 1, _ExactSum)


class _Json(models.JSONField):
    def deconstruct(self) -> Any:
        # The column is the same: how it is read does not concern migrations.
        name, _path, values, options = super().deconstruct()
        return name, "django.db.models.JSONField", values, options


class ReferenceField(models.BigIntegerField):
    """The id of a ``Reference`` of ``kind``."""

    def __init__(self, kind: str = "", *, null: bool = False, **options: Any) -> None:
        self.kind = kind
        super().__init__(null=null, **options)

    def deconstruct(self) -> Any:
        # The column is the same: the meaning of the id does not concern migrations.
        name, _path, values, options = super().deconstruct()
        return name, "django.db.models.BigIntegerField", values, options


class IdsField(_Json):
    """A list of Odoo's ids; with a ``kind``, ids of references of that kind."""

    def __init__(self, kind: str = "", **options: Any) -> None:
        self.kind = kind
        super().__init__(**options)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return orjson.loads(value) if isinstance(value, str) else value


class ExtraField(_Json):
    """Values by name, mostly empty. Integers of any size are kept; orjson would round large ones."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return {} if value == "{}" else super().from_db_value(value, expression, connection)
