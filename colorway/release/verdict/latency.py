"""What the response times say: is the 95th percentile too high, absolutely and against the active color?

A histogram knows shares at the bounds of its buckets, nothing between them. So each limit is checked twice: in plain
numbers with the percentile interpolated as Prometheus does, and for proof with whole buckets only. Equal response times
fill equal shares of equal buckets, wherever the bounds are: two colors that are equally fast differ by chance only.
"""

from __future__ import annotations

import itertools
import math

from colorway.release.verdict.evidence import (
    CHANCE,
    Evidence,
    Judged,
    Measure,
    chance_of_at_least,
    chance_of_at_most,
    milliseconds,
)
from colorway.release.verdict.window import TAIL, Latencies


def breaches(judged: Judged) -> list[Evidence]:
    """Return the limits that the response times break."""
    rising, active = judged.rising.latencies, judged.active.latencies
    if not rising.total:
        return []
    found = [_p95(judged, rising.p95)]
    if active.total >= judged.policy.minimum_requests:
        found.append(_p95_factor(judged, rising.p95, active.p95))
    return [one for one in found if one]


def unproven(judged: Judged) -> list[Evidence]:
    """Return what keeps the response times from excluding a bad release."""
    comparable = judged.rising.latencies.total and judged.active.latencies.total >= judged.policy.minimum_requests
    found = _unproven(judged, judged.active.latencies.p95) if comparable else None
    return [found] if found else []


def _p95(judged: Judged, value: float) -> Evidence | None:
    rising, active, limit = judged.rising.latencies, judged.active.latencies, judged.policy.p95.total_seconds()
    if value <= limit:
        return None
    bound = next((bound for bound in rising.bounds if bound >= limit), None)
    chance = 1.0 if bound is None else _chance_if_faster(rising, bound)
    other = milliseconds(active.p95) if active.total else "had no requests"
    return Evidence(
        service=judged.service,
        measure=Measure.P95,
        chance=chance,
        rising=value,
        active=active.p95 if active.total else None,
        limit=limit,
        sentence=f"{judged.service}: p95 on {judged.color} is {milliseconds(value)}, limit {milliseconds(limit)} "
        f"({judged.color.other} {other}){_doubt(rising, chance)}",
    )


def _p95_factor(judged: Judged, value: float, other: float) -> Evidence | None:
    limit, floor = judged.policy.p95_factor, judged.policy.p95_floor.total_seconds()
    if value <= limit * max(other, floor):
        return None
    chance = _chance_if_no_bucket_slower(judged.rising.latencies, judged.active.latencies, floor=floor)
    return Evidence(
        service=judged.service,
        measure=Measure.P95_FACTOR,
        chance=chance,
        rising=value / other,
        active=1.0,
        limit=limit,
        sentence=f"{judged.service}: p95 on {judged.color} is {milliseconds(value)}, {value / other:.1f} times "
        f"{judged.color.other}'s {milliseconds(other)}, limit {limit:g} times{_doubt(judged.rising.latencies, chance)}",
    )


def _unproven(judged: Judged, other: float) -> Evidence | None:
    """Say so if the histogram does not exclude the excluded factor over the active color.

    It does if provably less than 5 % of the requests are slower than a bound that the active color's 95th percentile,
    times the factor, reaches; where buckets are too wide for such a bound, than the next one.
    """
    rising, excluded = judged.rising.latencies, judged.policy.excluded_p95_factor
    base = max(other, judged.policy.p95_floor.total_seconds())
    within = [bound for bound in rising.bounds if math.sqrt(excluded) * base <= bound <= excluded * base]
    above = next((bound for bound in rising.bounds if bound > excluded * base), rising.bounds[-1])
    bound = within[-1] if within else above
    slow, allowed = rising.above(bound), judged.remaining(TAIL)
    if chance_of_at_most(slow, of=rising.total, ratio=allowed) <= CHANCE:
        return None
    return Evidence(
        service=judged.service,
        measure=Measure.P95_FACTOR,
        chance=None,
        rising=rising.p95 / other,
        active=1.0,
        limit=excluded,
        sentence=f"{judged.service}: {slow:,} of {rising.total:,} requests on {judged.color} took more than "
        f"{milliseconds(bound)}, which does not exclude {excluded:g} times {judged.color.other}'s p95 of "
        f"{milliseconds(other)}",
    )


def _chance_if_faster(latencies: Latencies, bound: float) -> float:
    """Return how likely so many requests are slower than a bound if the 95th percentile lies below it."""
    return chance_of_at_least(latencies.above(bound), of=latencies.total, ratio=TAIL)


def _chance_if_slower(latencies: Latencies, bound: float) -> float:
    """Return how likely so few requests are slower than a bound if the 95th percentile lies above it."""
    return chance_of_at_most(latencies.above(bound), of=latencies.total, ratio=TAIL)


def _chance_if_no_bucket_slower(rising: Latencies, active: Latencies, *, floor: float) -> float:
    """Return how likely the histograms look like that if no whole bucket lies between the two percentiles.

    Less than a bucket may be the edge of one between two values that are nearly the same. Only buckets that end at
    the floor or above it count: what is faster is good, whatever the other color does.
    """
    return min(
        (
            max(_chance_if_slower(active, lower), _chance_if_faster(rising, upper))
            for lower, upper in itertools.pairwise(rising.bounds)
            if upper >= floor
        ),
        default=1.0,
    )


def _doubt(rising: Latencies, chance: float) -> str:
    return "" if chance <= CHANCE else f"; {rising.total:,} requests and the width of the buckets leave that in doubt"
