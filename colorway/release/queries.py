"""What Prometheus is asked, and what its answers mean. Pure: the HTTP client is elsewhere.

One query fetches the raw counters of all load balancers with the times of their scrapes, and the differences are taken
here. `increase()` would extrapolate to the edges of its window, miss the first value of a series that appears (every
first error of a color), and hide that a target was gone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from colorway.release.window import QueryError
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
    """The counters of all load balancers, each at its last scrape."""

    figures: tuple[Figures, ...]

    @property
    def scraped(self) -> datetime:
        """The mean of the scrapes: whenever any of them is newer, it is."""
        first = self.figures[0].scraped
        return first + sum((one.scraped - first for one in self.figures), timedelta()) / len(self.figures)

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
    """Return the snapshot in an answer of `/api/v1/query`, or why there is none.

    Args:
        body: what Prometheus answered, whatever the status.
        at: the time that was asked about.
        load_balancers: names of the hosts that must be in it, all of them.
    """
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False)[0]["loc"])) or "it is no JSON object"
        return QueryError(at=at, reason=f"the answer does not look like Prometheus's ({where})")
    if answer.status != "success":
        return QueryError(at=at, reason=f"Prometheus refused the query: {answer.error[:_SHOWN] or answer.status}")
    figures = []
    for name in load_balancers:
        found = _figures(name, [one for one in answer.data.result if one.metric.get("load_balancer") == name])
        if isinstance(found, str):
            return QueryError(at=at, reason=found)
        figures.append(found)
    if len({one.bounds for one in figures if one.bounds}) > 1:
        return QueryError(
            at=at, reason="the load balancers' response times have different buckets; apply the stack again"
        )
    return Snapshot(tuple(figures))


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
