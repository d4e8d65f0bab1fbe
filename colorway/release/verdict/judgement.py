"""The verdict on one window: pass, fail or inconclusive, with its evidence. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from colorway.release.verdict import latency, requests
from colorway.release.verdict.evidence import CHANCE, Evidence, Judged
from colorway.release.verdict.window import Window, together
from colorway.spec.release import GateSpec
from colorway.spec.traffic import Color


class Outcome(StrEnum):
    """What a window says about the rising color."""

    PASS = "pass"  # noqa: S105 - no password
    """Every limit is kept, and the figures exclude a bad release."""
    FAIL = "fail"
    """A limit is broken, and chance does not explain it."""
    INCONCLUSIVE = "inconclusive"
    """Neither: too few requests, or a limit broken by no more than chance explains. No data is this, never a pass."""


@dataclass(frozen=True, kw_only=True)
class WindowVerdict:
    """The verdict on one window."""

    outcome: Outcome
    start: datetime
    length: timedelta
    reasons: tuple[Evidence, ...]
    """What speaks against a pass, failures first; empty after a pass."""
    missing: str = ""
    """Why a load balancer's figures are not in it."""

    @property
    def end(self) -> datetime:
        """When the window ends."""
        return self.start + self.length


def judge(window: Window, *, policy: GateSpec, rising: Color) -> WindowVerdict:
    """Judge the rising color by what was counted.

    A window fails if a service, or all services together, break a limit by more than chance explains.
    It passes if every service keeps every limit and its figures exclude `excluded-error-ratio` and
    `excluded-p95-factor`. All else is inconclusive.
    """
    reasons = breaches(window, policy=policy, rising=rising)
    for judged in _judged(window, policy=policy, rising=rising):
        reasons += requests.unproven(judged) + latency.unproven(judged)
    return WindowVerdict(
        outcome=_outcome(reasons),
        start=window.start,
        length=window.length,
        reasons=tuple(reasons),
        missing=window.missing,
    )


def breaches(window: Window, *, policy: GateSpec, rising: Color) -> list[Evidence]:
    """Return the limits that are broken in plain numbers, those beyond chance first."""
    found: list[Evidence] = []
    for judged in _judged(window, policy=policy, rising=rising):
        found += requests.breaches(judged) + latency.breaches(judged)
    return sorted(found, key=lambda one: not one.beyond(CHANCE))


def _judged(window: Window, *, policy: GateSpec, rising: Color) -> Iterator[Judged]:
    total = together(window.services)
    for pair in window.services:
        yield Judged(pair, total, rising, policy)
    if len(window.services) > 1:
        yield Judged(total, total, rising, policy)


def _outcome(reasons: list[Evidence]) -> Outcome:
    if any(reason.beyond(CHANCE) for reason in reasons):
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE if reasons else Outcome.PASS
