"""Retries of reads when Odoo could not respond."""

from collections.abc import Callable
from typing import TypeVar

import tenacity

from odoo_bridge.odoo.errors import OdooBusy, OdooTimeout, OdooTooLarge, OdooUnavailable
from odoo_bridge.odoo.patience import at_most

T = TypeVar("T")
READ_ATTEMPTS = 4


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, OdooBusy) and error.retry_after is not None:
        return error.retry_after
    return tenacity.wait_exponential_jitter(multiplier=0.5, max=20, jitter=0.5)(state)


def _enough(state: tenacity.RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    # Each timeout costs a whole minute, and the caller can do better: read half of the page.
    attempts = 2 if isinstance(error, OdooTimeout) else READ_ATTEMPTS
    if isinstance(error, OdooTooLarge):
        attempts = 1
    if state.attempt_number >= attempts:
        return True
    # Stop if the next attempt would begin after the caller's time limit.
    return at_most(state.upcoming_sleep + 0.1) < state.upcoming_sleep + 0.1


def retrying(call: Callable[[], T]) -> T:
    """Call ``call``, and again if Odoo could not respond. Only for reads, which can be repeated."""
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OdooUnavailable),
        wait=_wait,
        stop=_enough,
        reraise=True,
    ):
        with attempt:
            return call()
    raise AssertionError("tenacity returns or raises")
