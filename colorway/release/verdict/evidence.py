"""Evidence: one measure of one service, what it is, what it may be, and a sentence that says so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from colorway.release.verdict.window import Counts, ServiceCounts
from colorway.spec.release import GateSpec
from colorway.spec.traffic import Color

CHANCE = 0.001
"""What counts as chance: more often than once in a thousand. Below it, a count is evidence."""
RARE = 0.00001
"""The same where a limit is looked at again and again in stretches of many lengths: once in a hundred thousand."""
LIKELY = 0.01
"""Below it a broken limit is probably no chance, and a stage does not pass."""
_SIGMAS = 3.09
"""Standard deviations that a normal variable exceeds with probability CHANCE."""
_NEGLIGIBLE = 1e-12


def chance_of_at_least(failures: int, *, of: int, ratio: float) -> float:
    """Return how likely `failures` or more of `of` requests fail where each fails with probability `ratio`."""
    if failures <= 0 or ratio >= 1:
        return 1.0
    if failures > of or ratio <= 0:
        return 0.0
    if failures <= of * ratio:
        return 1.0 - chance_of_at_most(failures - 1, of=of, ratio=ratio)
    return min(1.0, sum(_binomial_terms(failures, of=of, ratio=ratio, step=1)))


def chance_of_at_most(failures: int, *, of: int, ratio: float) -> float:
    """Return how likely `failures` or fewer of `of` requests fail where each fails with probability `ratio`."""
    if failures >= of or ratio <= 0:
        return 1.0
    if failures < 0 or ratio >= 1:
        return 0.0
    if failures > of * ratio:
        return 1.0 - chance_of_at_least(failures + 1, of=of, ratio=ratio)
    return min(1.0, sum(_binomial_terms(failures, of=of, ratio=ratio, step=-1)))


def chance_of_difference(failures: int, of: int, other_failures: int, other_of: int) -> float:
    """Return how likely the first group has that many failures or more if both groups fail alike.

    Fisher's exact test, one-sided: all failures are dealt to the two groups blindly.
    """
    total, failed = of + other_of, failures + other_failures
    if failures <= max(0, failed - other_of):
        return 1.0
    at = failures
    term = math.exp(_log_choose(of, at) + _log_choose(other_of, failed - at) - _log_choose(total, failed))
    chance = term
    while at < min(of, failed) and (term > chance * _NEGLIGIBLE or at * total < of * failed):
        term *= (of - at) * (failed - at) / ((at + 1) * (other_of - failed + at + 1))
        at += 1
        chance += term
    return min(1.0, chance)


def requests_needed(failures: int, *, ratio: float) -> int:
    """Return how many requests exclude a failure ratio of `ratio` if `failures` of them fail, or a little more.

    It is the upper bound of a Poisson mean (Wilson and Hilferty), rounded up to tens.
    """
    seen = failures + 1
    mean = seen * (1 - 1 / (9 * seen) + _SIGMAS / (3 * math.sqrt(seen))) ** 3
    return 10 * math.ceil(mean / ratio / 10)


def _binomial_terms(at: int, *, of: int, ratio: float, step: int) -> Iterator[float]:
    """Yield the probabilities of `at` and its neighbors in one direction, away from the mean, until they vanish."""
    first = term = math.exp(_log_choose(of, at) + at * math.log(ratio) + (of - at) * math.log1p(-ratio))
    odds = ratio / (1 - ratio)
    while 0 <= at <= of and term > first * _NEGLIGIBLE:
        yield term
        term *= (of - at) / (at + 1) * odds if step > 0 else at / (of - at + 1) / odds
        at += step


def _log_choose(of: int, chosen: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


FULL_PROOF_SHARE = 0.2
"""A service that carries this share of all requests, or more, has to exclude the excluded values themselves."""
LEAST_PROOF = 10.0
"""A service that carries less has to prove less, down to a tenth: what it can spoil is small."""
HALF = 0.5
"""However little a service carries, half of its requests may not be bad."""


class Measure(StrEnum):
    """What was measured."""

    REQUESTS = "requests"
    """Requests of users and the release tool's own on the rising color."""
    ERROR_RATIO = "error-ratio"
    """Share of answered requests that failed."""
    ERROR_RATIO_POINTS = "error-ratio-points"
    """Share of requests that failed or were given up, less the active color's."""
    P95 = "p95"
    """95th percentile of response times, seconds."""
    P95_FACTOR = "p95-factor"
    """95th percentile over the active color's."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What speaks against a pass."""

    service: str
    measure: Measure
    chance: float | None
    """How likely chance alone breaks the limit so far; none = the limit is kept, but a bad release is not excluded."""
    rising: float
    """The rising color's value, in the measure's unit."""
    active: float | None
    """The active color's value; none = it had no requests."""
    limit: float
    """What the value may be at most; of requests, what they must be at least."""
    sentence: str
    """The same for people."""

    def beyond(self, chance: float) -> bool:
        """Tell whether a limit is broken, by chance at most this often."""
        return self.chance is not None and self.chance <= chance

    def is_like(self, other: Evidence) -> bool:
        """Tell whether both speak of the same measure of the same service."""
        return (self.service, self.measure) == (other.service, other.measure)


@dataclass(frozen=True)
class Judged:
    """A service under judgement."""

    pair: ServiceCounts
    whole: ServiceCounts
    """The sum over services."""
    color: Color
    """The rising color."""
    policy: GateSpec

    @property
    def service(self) -> str:
        """Name of the service."""
        return self.pair.service

    @property
    def rising(self) -> Counts:
        """The rising color's counts."""
        return self.pair.of(self.color)

    @property
    def active(self) -> Counts:
        """The active color's counts."""
        return self.pair.of(self.color.other)

    def remaining(self, excluded: float) -> float:
        """Return the share of bad requests that this service has to exclude, by what it carries.

        It is `excluded` where the service carries a fifth of all requests or more, and up to ten times as much, at most
        half, where it carries less: a service that few people ask would hold every release, and can spoil little.
        Where nobody asks any service, nothing is known of what it carries, and there is no leniency.
        """
        asked, total = self.pair.asked, self.whole.asked
        if not total:
            return excluded
        leniency = max(1.0, min(LEAST_PROOF, FULL_PROOF_SHARE * total / asked)) if asked else LEAST_PROOF
        return min(excluded * leniency, max(excluded, HALF))


def percent(ratio: float, *, digits: int = 1) -> str:
    """Return a share for people, `20.1 %`."""
    return f"{100 * ratio:.{digits}f} %"


def limit_percent(ratio: float) -> str:
    """Return a limit for people, `1 %`."""
    return f"{100 * ratio:g} %"


def milliseconds(seconds: float) -> str:
    """Return a response time for people, `81 ms` or `1.25 s`."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
