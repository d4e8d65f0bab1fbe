"""The window between two snapshots of the load balancers' counters. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from colorway.release.queries import Figures, Metric, Series, Snapshot
from colorway.release.window import Counts, Latencies, QueryError, ServiceCounts, Window
from colorway.spec.traffic import Color

UNREACHABLE = ("502", "504")
"""What nginx writes for an attempt without an answer; `proxy_next_upstream error timeout` retries these only."""
ABANDONED = ("-", "499")
"""An attempt without a status ended because the client left; 499 says the same of a proxy further behind."""


@dataclass(frozen=True)
class OwnRequests:
    """Requests that the release tool sent through the secret header and that were answered well."""

    color: Color
    """The color that they chose."""
    answered: Mapping[str, int] = field(default_factory=dict)
    """How many, by service; those that failed are failures like any other and not in here."""


def window_between(
    first: Snapshot, last: Snapshot, *, services: Sequence[str], own: OwnRequests | None = None
) -> Window | QueryError:
    """Return what was counted between two snapshots, all load balancers together.

    A counter that appears was zero before. Where one fell or vanished, mtail was restarted, and what its load
    balancer has counted since is all that is known: a restart loses failures and successes alike.

    Args:
        first: the earlier snapshot.
        last: the later one, of the same load balancers.
        services: every service that users can ask, in the order wanted.
        own: the release tool's own requests between the two.
    """
    if first.bounds and first.bounds != last.bounds:
        return QueryError(at=last.scraped, reason="the buckets of the response times changed; begin the stage anew")
    grown: Counter[Series] = Counter()
    for before, after in zip(first.figures, last.figures, strict=True):
        grown.update(_growth(before, after))
    pairs = tuple(
        ServiceCounts(
            service,
            blue=_counts(grown, service, Color.BLUE, own=own, bounds=last.bounds),
            green=_counts(grown, service, Color.GREEN, own=own, bounds=last.bounds),
        )
        for service in services
    )
    return Window(first.scraped, last.scraped - first.scraped, pairs)


def _growth(before: Figures, after: Figures) -> dict[Series, int]:
    restarted = any(after.values.get(series, -1.0) < value for series, value in before.values.items())
    earlier: Mapping[Series, float] = {} if restarted else before.values
    return {series: round(value - earlier.get(series, 0.0)) for series, value in after.values.items()}


def _counts(
    grown: Mapping[Series, int], service: str, color: Color, *, own: OwnRequests | None, bounds: tuple[float, ...]
) -> Counts:
    by_code = {
        series.label: count
        for series, count in grown.items()
        if (series.metric, series.service, series.color) == (Metric.REQUESTS, service, color)
    }
    return Counts(
        attempts=sum(by_code.values()),
        failed=sum(count for code, count in by_code.items() if _is_failure(code)),
        unreachable=sum(by_code.get(code, 0) for code in UNREACHABLE),
        abandoned=sum(by_code.get(code, 0) for code in ABANDONED),
        failovers=grown.get(Series(Metric.FAILOVERS, service, color), 0),
        synthetic=own.answered.get(service, 0) if own and own.color is color else 0,
        latencies=_latencies(grown, service, color, bounds=bounds),
    )


def _is_failure(code: str) -> bool:
    """Tell whether a status is the service's failure; what is no status of HTTP is no answer either."""
    if code in UNREACHABLE or code in ABANDONED:
        return False
    return not (len(code) == 3 and code.isdecimal() and "1" <= code[0] <= "4")  # noqa: PLR2004 - a status has three digits


def _latencies(grown: Mapping[Series, int], service: str, color: Color, *, bounds: tuple[float, ...]) -> Latencies:
    cumulative = {
        float(series.label): count
        for series, count in grown.items()
        if (series.metric, series.service, series.color) == (Metric.SECONDS, service, color)
    }
    if not cumulative:
        return Latencies()
    below = [0, *(cumulative.get(bound, 0) for bound in (*bounds, math.inf))]
    return Latencies(bounds, tuple(max(0, upper - lower) for lower, upper in pairwise(below)))
