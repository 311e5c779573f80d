"""What caused an error: the values of one row, or the database."""

from django.db import DataError, Error, IntegrityError
from psycopg.errors import InternalError_, ProgramLimitExceeded


def is_of_a_row(exc: Exception) -> bool:
    """Whether storing rows failed because of a value in one, not because of the database."""
    if not isinstance(exc, Error):
        return True
    cause = exc.__cause__
    return (
        isinstance(exc, DataError | IntegrityError)
        or isinstance(cause, ProgramLimitExceeded)
        # A value so long that PostgreSQL cannot hold it in memory while it indexes it.
        or (isinstance(cause, InternalError_) and "invalid memory alloc request" in str(cause))
    )
