"""What the counts of requests say: enough of them? too many failures, absolutely and against the active color?"""

from __future__ import annotations

from colorway.release.verdict.evidence import (
    CHANCE,
    Evidence,
    Judged,
    Measure,
    chance_of_at_least,
    chance_of_at_most,
    chance_of_difference,
    limit_percent,
    percent,
    requests_needed,
)
from colorway.release.verdict.window import Counts


def breaches(judged: Judged) -> list[Evidence]:
    """Return the limits that the failures break; a single one is never evidence."""
    if judged.rising.let_down <= 1:
        return []
    return [found for found in (_error_ratio(judged), _error_ratio_points(judged)) if found]


def unproven(judged: Judged) -> list[Evidence]:
    """Return what keeps the counts from excluding a bad release."""
    found = _too_few(judged) or _unproven(judged)
    return [found] if found else []


def _error_ratio(judged: Judged) -> Evidence | None:
    rising, active, limit = judged.rising, judged.active, judged.policy.error_ratio
    value = _ratio(rising.failures, rising.answered)
    if value <= limit or rising.failures <= 1:
        return None
    chance = chance_of_at_least(rising.failures, of=rising.answered, ratio=limit)
    other = f"{percent(_failed(active) or 0)} of {active.answered:,}" if active.answered else "had none"
    instead = f"; {judged.color.other} answered {rising.failovers:,} of them" if rising.failovers else ""
    return Evidence(
        service=judged.service,
        measure=Measure.ERROR_RATIO,
        chance=chance,
        rising=value,
        active=_failed(active),
        limit=limit,
        sentence=f"{judged.service}: {percent(value)} of {rising.answered:,} requests on {judged.color} failed, "
        f"limit {limit_percent(limit)} ({judged.color.other} {other}){instead}{_doubt(chance)}",
    )


def _error_ratio_points(judged: Judged) -> Evidence | None:
    rising, active, limit = judged.rising, judged.active, judged.policy.error_ratio_points
    value, other = _ratio(rising.let_down, rising.asked), _ratio(active.let_down, active.asked)
    if not active.asked or value - other <= limit:
        return None
    chance = chance_of_difference(rising.let_down, rising.asked, active.let_down, active.asked)
    return Evidence(
        service=judged.service,
        measure=Measure.ERROR_RATIO_POINTS,
        chance=chance,
        rising=value,
        active=other,
        limit=limit,
        sentence=f"{judged.service}: {percent(value)} of {rising.asked:,} requests on {judged.color} failed or were "
        f"given up, {100 * (value - other):.1f} points more than on {judged.color.other} "
        f"({percent(other)} of {active.asked:,}), limit {100 * limit:g} points{_doubt(chance)}",
    )


def _too_few(judged: Judged) -> Evidence | None:
    seen, needed = judged.rising.answered + judged.rising.synthetic, judged.policy.minimum_requests
    if seen >= needed:
        return None
    return Evidence(
        service=judged.service,
        measure=Measure.REQUESTS,
        chance=None,
        rising=seen,
        active=judged.active.answered,
        limit=needed,
        sentence=f"{judged.service}: {seen:,} requests on {judged.color}, at least {needed:,} are needed "
        f"({judged.color.other} {judged.active.answered:,})",
    )


def _unproven(judged: Judged) -> Evidence | None:
    """Say so if the counts do not exclude the excluded error ratio.

    Successful requests of the release tool's own count only up to the minimum: they ask one healthy path again and
    again, and would drown the failures of users.
    """
    rising, excluded = judged.rising, judged.remaining(judged.policy.excluded_error_ratio)
    proving = rising.answered + min(rising.synthetic, max(0, judged.policy.minimum_requests - rising.answered))
    if chance_of_at_most(rising.failures, of=proving, ratio=excluded) <= CHANCE:
        return None
    return Evidence(
        service=judged.service,
        measure=Measure.ERROR_RATIO,
        chance=None,
        rising=_ratio(rising.failures, proving),
        active=_failed(judged.active),
        limit=excluded,
        sentence=f"{judged.service}: {rising.failures:,} of {proving:,} requests on {judged.color} failed, "
        f"which does not exclude {limit_percent(round(excluded, 3))}; "
        f"about {requests_needed(rising.failures, ratio=excluded):,} would",
    )


def _failed(counts: Counts) -> float | None:
    return _ratio(counts.failures, counts.answered) if counts.answered else None


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole > 0 else 0.0


def _doubt(chance: float) -> str:
    return "" if chance <= CHANCE else "; so few may be chance"
