"""Waiting for conditions, never for time."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool], *, limit: float, what: str | Callable[[], str], every: float = 0.2
) -> None:
    """Wait until a condition holds.

    Args:
        condition: Asked again and again.
        limit: Seconds.
        what: What is awaited; or what says that once it did not come, and what is there instead.
        every: Seconds between two questions.

    Raises:
        AssertionError: it did not within `limit` seconds; the message says what was awaited.
    """
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"not within {limit:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(every)
