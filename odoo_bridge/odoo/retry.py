"""Reads are asked again when Odoo could not answer."""

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
    # Each timeout cost a whole minute, and whoever reads a page has a better idea: half of it.
    attempts = 2 if isinstance(error, OdooTimeout) else READ_ATTEMPTS
    if isinstance(error, OdooTooLarge):
        attempts = 1
    if state.attempt_number >= attempts:
        return True
    # Whoever waits will not be here for another answer.
    return at_most(state.upcoming_sleep + 0.1) < state.upcoming_sleep + 0.1


def retrying(question: Callable[[], T]) -> T:
    """Ask, and ask again when Odoo could not answer. For reads only: they can be repeated."""
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OdooUnavailable),
        wait=_wait,
        stop=_enough,
        reraise=True,
    ):
        with attempt:
            return question()
    raise AssertionError("tenacity returns or raises")
