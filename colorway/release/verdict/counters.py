"""What Prometheus is asked, and what its answers mean. Pure: the HTTP client is elsewhere.

One query fetches the raw counters of all load balancers with the times of their scrapes, and the differences are taken
here. `increase()` would extrapolate to the edges of its window, miss the first value of a series that appears (every
first error of a color), and hide that a target was gone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from colorway.release.verdict.window import Counts, Latencies, QueryError, ServiceCounts, Window
from colorway.spec.traffic import Color

JOB = "load-balancers"
"""Name of the scrape job in templates/prometheus.yml.j2."""
FRESH = 3
"""Scrape intervals after which a figure is too old to be one."""
_SAME_SCRAPE = 0.001
_SHOWN = 200


class Metric(StrEnum):
    """The counters of templates/mtail.j2."""

    UP = "up"
    LINES = "colorway_log_lines_total"
    REQUESTS = "colorway_requests_total"
    FAILOVERS = "colorway_failover_total"
    SECONDS = "colorway_request_seconds_bucket"


@dataclass(frozen=True)
class Series:
    """One counter of one load balancer."""

    metric: Metric
    service: str = ""
    color: Color | None = None
    """The color that was asked; of failovers, the color that was meant."""
    label: str = ""
    """Of requests the status, of response times the upper bound."""


@dataclass(frozen=True)
class Figures:
    """The counters of one load balancer at one scrape."""

    load_balancer: str
    scraped: datetime
    values: Mapping[Series, float]

    @property
    def bounds(self) -> tuple[float, ...]:
        """Upper bounds of the latency histogram, without the infinite one; none before the first request."""
        labels = {float(series.label) for series in self.values if series.metric is Metric.SECONDS}
        return tuple(sorted(labels - {math.inf}))


@dataclass(frozen=True)
class Snapshot:
    """The counters of the load balancers that there are figures of, each at its last scrape."""

    figures: tuple[Figures, ...]
    scraped: datetime
    """The mean of the scrapes: whenever any of them is newer, it is."""
    missing: str = ""
    """Why there are none of another one; empty where all are here."""

    def over(self, before: Snapshot) -> Snapshot:
        """Return this one with the last figures of those that are missing, so that what they count later is kept."""
        here = {one.load_balancer for one in self.figures}
        kept = tuple(one for one in before.figures if one.load_balancer not in here)
        return replace(self, figures=(*self.figures, *kept))

    @property
    def bounds(self) -> tuple[float, ...]:
        """Upper bounds of the latency histogram, without the infinite one; none before the first request."""
        return next((one.bounds for one in self.figures if one.bounds), ())


class _Answered(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Matrix(_Answered):
    metric: dict[str, str]
    values: list[tuple[float, float]] = Field(min_length=1)


class _Data(_Answered):
    result: list[_Matrix]


class _Answer(_Answered):
    status: str
    error: str = ""
    data: _Data = _Data(result=[])


def counters_query(scrape_interval: timedelta) -> str:
    """Return the query of a snapshot, an instant query to be evaluated at the time of interest.

    It selects a range, so that every sample comes with the time of its scrape; a plain selector would show values up
    to five minutes old as if they were new.
    """
    names = "|".join(Metric)
    return f'{{__name__=~"{names}",job="{JOB}"}}[{math.ceil(FRESH * scrape_interval.total_seconds())}s]'


def parse(body: str | bytes, *, at: datetime, load_balancers: Sequence[str]) -> Snapshot | QueryError:
    """Return the snapshot in an answer of `/api/v1/query`, or why there is none: of no load balancer.

    Args:
        body: what Prometheus answered, whatever the status.
        at: the time that was asked about.
        load_balancers: names of the hosts that should be in it.
    """
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False)[0]["loc"])) or "it is no JSON object"
        return QueryError(at=at, reason=f"the answer does not look like Prometheus's ({where})")
    if answer.status != "success":
        return QueryError(at=at, reason=f"Prometheus refused the query: {answer.error[:_SHOWN] or answer.status}")
    found = [
        _figures(name, [one for one in answer.data.result if one.metric.get("load_balancer") == name])
        for name in load_balancers
    ]
    figures = tuple(one for one in found if isinstance(one, Figures))
    missing = next((one for one in found if isinstance(one, str)), "")
    if not figures:
        return QueryError(at=at, reason=missing)
    if len({one.bounds for one in figures if one.bounds}) > 1:
        return QueryError(
            at=at, reason="the load balancers' response times have different buckets; apply the stack again"
        )
    first = figures[0].scraped
    mean = first + sum((one.scraped - first for one in figures), timedelta()) / len(figures)
    return Snapshot(figures, mean, missing)


def _figures(name: str, matrices: list[_Matrix]) -> Figures | str:
    """Return the counters of the newest scrape, or the sentence that says why there are none."""
    ups = [one.values[-1] for one in matrices if one.metric.get("__name__") == Metric.UP]
    scraped, up = max(ups, default=(0.0, 0.0))
    if not up:
        return f"there are no figures of load balancer {name}; is its mtail running, and does Prometheus reach it?"
    values = {}
    for one in matrices:
        at, value = one.values[-1]
        series = _series(one.metric)
        if series and at >= scraped - _SAME_SCRAPE:
            values[series] = value
    if Series(Metric.LINES) not in values:
        return f"mtail beside load balancer {name} counts nothing; did it refuse its program?"
    return Figures(name, datetime.fromtimestamp(scraped, UTC), values)


def _series(labels: Mapping[str, str]) -> Series | None:
    """Return which counter the labels name; none for those that count nothing of a color."""
    name, service = labels.get("__name__"), labels.get("service", "")
    try:
        match name:
            case Metric.LINES:
                return Series(Metric.LINES)
            case Metric.REQUESTS:
                return Series(Metric.REQUESTS, service, Color(labels["color"]), labels["code"])
            case Metric.FAILOVERS:
                return Series(Metric.FAILOVERS, service, Color(labels["from"]))
            case Metric.SECONDS:
                return Series(Metric.SECONDS, service, Color(labels["color"]), str(float(labels["le"])))
            case _:
                return None
    except (KeyError, ValueError):
        return None


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

    One that is new in the second counts nothing yet: since when it has counted, nobody knows. A counter that appears
    was zero before. Where one fell or vanished, mtail was restarted, and what its load balancer has counted since is
    all that is known: a restart loses failures and successes alike.

    Args:
        first: the earlier snapshot.
        last: the later one.
        services: every service that users can ask, in the order wanted.
        own: the release tool's own requests between the two.
    """
    if first.bounds and first.bounds != last.bounds:
        return QueryError(at=last.scraped, reason="the buckets of the response times changed; begin the stage anew")
    grown: Counter[Series] = Counter()
    earlier = {one.load_balancer: one for one in first.figures}
    for after in last.figures:
        if before := earlier.get(after.load_balancer):
            grown.update(_growth(before, after))
    pairs = tuple(
        ServiceCounts(
            service,
            blue=_counts(grown, service, Color.BLUE, own=own, bounds=last.bounds),
            green=_counts(grown, service, Color.GREEN, own=own, bounds=last.bounds),
        )
        for service in services
    )
    return Window(first.scraped, last.scraped - first.scraped, pairs, last.missing)


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
