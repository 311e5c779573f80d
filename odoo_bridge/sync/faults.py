"""Whose fault an error is: that of one row's values, or that of the database."""

from django.db import DataError, Error, IntegrityError
from psycopg.errors import InternalError_, ProgramLimitExceeded


def is_of_a_row(exc: Exception) -> bool:
    """Whether storing rows failed for a value of one, not for the database or its connection."""
    if not isinstance(exc, Error):
        return True
    cause = exc.__cause__
    return (
        isinstance(exc, DataError | IntegrityError)
        or isinstance(cause, ProgramLimitExceeded)
        # A value so long that PostgreSQL cannot hold it in memory while it indexes it.
        or (isinstance(cause, InternalError_) and "invalid memory alloc request" in str(cause))
    )
