"""Moments as PostgreSQL sends them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import DataError, connection

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def ask(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 2, 1, 12, 30, 59, tzinfo=UTC),
        datetime(2026, 2, 1, 12, 30, 59, 120000, tzinfo=UTC),
        datetime(2026, 2, 1, 12, 30, 59, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ],
)
def test_a_moment_comes_back_in_utc(moment):
    found = ask("SELECT %s::timestamptz", moment)
    assert found == moment
    assert found.tzinfo == UTC


@pytest.mark.parametrize("text", ["infinity", "10000-01-01 00:00+00", "0001-01-01 00:00+00 BC"])
def test_what_is_no_moment_for_python_is_an_error(text):
    with pytest.raises(DataError):
        ask("SELECT %s::timestamptz", text)


def test_queries_are_not_compiled():
    assert ask("SHOW jit") == "off"


def test_another_zone_of_the_session_is_still_the_same_moment():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Kathmandu'")
    assert ask("SELECT '2026-02-01 12:00Z'::timestamptz") == datetime(2026, 2, 1, 12, tzinfo=UTC)
