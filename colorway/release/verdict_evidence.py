"""Evidence: one measure of one service, what it is, what it may be, and a sentence that says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from colorway.release.window import Counts, ServiceCounts
from colorway.spec.release import GateSpec
from colorway.spec.traffic import Color

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
