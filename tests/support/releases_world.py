"""Users, load balancers and a clock for generated releases: what a reading would count."""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from colorway.release.verdict.window import Counts, Latencies, ServiceCounts, Window
from colorway.spec.traffic import Color

SERVICES = ("web", "api", "search", "cart", "admin")
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)
BASE_ERRORS = 0.001
WIDE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Bounds that are a factor of 2 to 2.5 apart, as most programs have them."""
FINE = (
    *(0.005, 0.007, 0.01, 0.014, 0.02, 0.028, 0.04, 0.056, 0.08, 0.11, 0.15, 0.2),
    *(0.27, 0.37, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8, 10),
)
"""Bounds that are a factor of 1.4 apart."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is true about a release; times are seconds since its first users."""

    name: str
    good: bool = False
    errors: Callable[[float, str], float] = lambda _at, _service: BASE_ERRORS
    """Share of requests on the rising color that fail."""
    slowness: Callable[[float, str], float] = lambda _at, _service: 1.0
    """Factor on the rising color's response times."""
    slow_share: float = 1.0
    """Share of requests that the slowness meets."""
    dead: bool = False
    """What fails has no answer and is answered by the other color; after a while there is not even an attempt."""
    given_up: Callable[[float, str], float] = lambda _at, _service: 0.002
    """Share of requests on the rising color that the client gives up."""
    spread: float = 0.6
    """Standard deviation of the logarithm of response times."""
    jitter: float = 0.05
    """The same for the speed of a color from one reading to the next."""
    shares: tuple[float, ...] = (0.2,) * 5
    """What the services carry."""
    begins: float = 0.0
    """When it turns bad."""
    buckets: tuple[float, ...] = WIDE
    """Bounds of the latency histogram."""


class World:
    """Users, load balancers and clock."""

    def __init__(self, kind: Kind, *, rate: float, dice: random.Random) -> None:
        self.kind, self.rate, self.dice, self.buckets = kind, rate, dice, kind.buckets
        self.at = 0.0
        # 95th percentiles anywhere between 30 and 200 ms, so that every position within a bucket is met.
        self.medians = {
            service: 0.03 * math.exp(dice.random() * math.log(200 / 30)) / math.exp(1.645 * kind.spread)
            for service in SERVICES
        }

    @property
    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.at)

    def step(self, length: timedelta, *, percent: int, asks: Mapping[str, int]) -> Window:
        """Return what a step counts; failures follow the kind at half-second grain."""
        start, seconds = self.now, length.total_seconds()
        swing = {color: math.exp(self.dice.gauss(0, self.kind.jitter)) for color in Color}
        shared = math.exp(self.dice.gauss(0, self.kind.jitter))
        pairs = []
        for service, share in zip(SERVICES, self.kind.shares, strict=True):
            requests = _poisson(self.dice, self.rate * share * seconds)
            rising = _binomial(self.dice, requests, percent / 100)
            green = self._green(service, rising, seconds, speed=shared * swing[Color.GREEN], ask=asks.get(service, 0))
            blue = self._healthy(service, requests - rising + green.failovers, speed=shared * swing[Color.BLUE])
            pairs.append(ServiceCounts(service, blue, green))
        self.at += seconds
        return Window(start, length, tuple(pairs))

    def _healthy(self, service: str, requests: int, *, speed: float) -> Counts:
        failed, abandoned = _binomial(self.dice, requests, BASE_ERRORS), _binomial(self.dice, requests, 0.002)
        return Counts(
            attempts=requests, failed=failed, abandoned=abandoned, latencies=self._latencies(service, requests, speed)
        )

    def _green(self, service: str, requests: int, seconds: float, *, speed: float, ask: int) -> Counts:
        instants = [self.at + seconds * (part + 0.5) / 10 for part in range(10)]
        ratio = sum(self.kind.errors(instant, service) for instant in instants) / 10
        failures = _binomial(self.dice, requests, ratio)
        abandoned = _binomial(self.dice, requests - failures, self.kind.given_up(self.at, service))
        slow = self.kind.slowness(self.at, service)
        if self.kind.dead and ratio > 0.5:
            tried = _binomial(self.dice, failures, 0.2)
            attempts = requests - failures + tried
            return Counts(
                attempts=attempts,
                unreachable=tried,
                failovers=failures,
                latencies=self._latencies(service, attempts, speed),
            )
        hit = _binomial(self.dice, requests, self.kind.slow_share)
        latencies = self._latencies(service, hit, speed * slow, slowest=self.kind.slow_share < 1).combined(
            self._latencies(service, requests - hit, speed, fastest=self.kind.slow_share < 1), int.__add__
        )
        # The worst case: requests of our own ask a healthy path and are fast.
        own = self._latencies(service, ask, speed)
        return Counts(
            attempts=requests + ask,
            failed=failures,
            abandoned=abandoned,
            synthetic=ask,
            latencies=latencies.combined(own, int.__add__),
        )

    def _latencies(
        self, service: str, requests: int, speed: float, *, slowest: bool = False, fastest: bool = False
    ) -> Latencies:
        median, split = self.medians[service] * speed, 1 - self.kind.slow_share
        shares = [_normal(math.log(bound / median) / self.kind.spread) for bound in self.buckets]
        if slowest:
            shares = [max(0.0, share - split) / (1 - split) for share in shares]
        if fastest:
            shares = [min(1.0, share / split) for share in shares]
        return Latencies(self.buckets, _multinomial(self.dice, requests, shares))


def _normal(value: float) -> float:
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))


def _poisson(dice: random.Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def _binomial(dice: random.Random, trials: int, ratio: float) -> int:
    if trials <= 0 or ratio <= 0:
        return 0
    if ratio >= 1:
        return trials
    if ratio > 0.5:
        return trials - _binomial(dice, trials, 1 - ratio)
    if trials * ratio > 30:
        return min(trials, max(0, round(dice.gauss(trials * ratio, math.sqrt(trials * ratio * (1 - ratio))))))
    # The gaps between successes are geometric.
    count, at, scale = 0, 0, math.log1p(-ratio)
    while True:
        at += int(math.log(1.0 - dice.random()) / scale) + 1
        if at > trials:
            return count
        count += 1


def _multinomial(dice: random.Random, trials: int, cumulative: list[float]) -> tuple[int, ...]:
    counts = [0] * (len(cumulative) + 1)
    if trials <= 20:
        for _ in range(trials):
            counts[bisect(cumulative, dice.random())] += 1
        return tuple(counts)
    left, below = trials, 0.0
    for index, share in enumerate(cumulative):
        if left and below < 1:
            counts[index] = _binomial(dice, left, min(1.0, (share - below) / (1 - below)))
            left -= counts[index]
        below = share
    counts[-1] = left
    return tuple(counts)
