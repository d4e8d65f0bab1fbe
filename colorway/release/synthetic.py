"""Requests of our own to a color that too few users ask: no data is no pass, so data is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from colorway.release.ports import Clock, Prober, UnreachableError
from colorway.release.verdict_decision import Ask
from colorway.release.window_between import OwnRequests
from colorway.spec.traffic import Color

MOST_AT_ONCE = 20
"""Requests to one service between two readings."""
TIME_LIMIT = timedelta(seconds=3)
"""Longest time for all of them, so that the next reading is not late."""
SERVER_ERROR = 500
"""First status that says that the server failed."""


def send(asks: Sequence[Ask], *, color: Color, paths: Mapping[str, str], prober: Prober, clock: Clock) -> OwnRequests:
    """Send requests through the secret header, in turn to each service that lacks some.

    Returns:
        Those that went well; those that failed count as what they are.
    """
    sent: Counter[str] = Counter()
    good: Counter[str] = Counter()
    deadline = clock.now() + TIME_LIMIT
    lacking = {ask.service: min(ask.requests, MOST_AT_ONCE) for ask in asks if ask.service in paths}
    while clock.now() < deadline:
        services = [service for service, wanted in lacking.items() if sent[service] < wanted]
        if not services:
            break
        for service in services:
            sent[service] += 1
            good[service] += _went_well(prober, paths[service], color)
    return OwnRequests(color, good)


def together(one: OwnRequests, other: OwnRequests) -> OwnRequests:
    """Return the sum of two rounds of the same color."""
    return OwnRequests(one.color, Counter(one.answered) + Counter(other.answered))


def _went_well(prober: Prober, path: str, color: Color) -> bool:
    try:
        return prober.ask(path, color=color).status < SERVER_ERROR
    except UnreachableError:
        return False
