"""What was counted in a stretch of time, per service and color; or why it could not be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add, sub

from colorway.spec.traffic import Color

TAIL = 0.05
"""Share of requests that are slower than the 95th percentile."""
ALL_SERVICES = "all services"
"""Name of the sum over services."""


@dataclass(frozen=True, kw_only=True)
class QueryError:
    """A reading that failed. It says nothing about the release: neither failure nor pass."""

    at: datetime
    """When the reading was tried."""
    reason: str
    """One sentence."""


class DifferentBucketsError(ValueError):
    """Two histograms cannot be combined."""


@dataclass(frozen=True)
class Latencies:
    """A histogram of response times."""

    bounds: tuple[float, ...] = ()
    """Upper bounds of the buckets, seconds, growing; without the last bucket's, which has none."""
    counts: tuple[int, ...] = ()
    """Requests in each bucket, not cumulative; one more than bounds."""

    @property
    def total(self) -> int:
        """Requests with a response time."""
        return sum(self.counts)

    def above(self, bound: float) -> int:
        """Return the number of requests slower than a bound of the histogram."""
        return sum(self.counts[self.bounds.index(bound) + 1 :])

    @property
    def p95(self) -> float:
        """The 95th percentile in seconds, interpolated within its bucket as Prometheus does; NaN without requests.

        In the last bucket, which has no upper bound, it is the highest bound.
        """
        rank, below = (1 - TAIL) * self.total, 0
        for index, count in enumerate(self.counts[:-1]):
            if count and below + count >= rank:
                lower = self.bounds[index - 1] if index else 0.0
                return lower + (self.bounds[index] - lower) * (rank - below) / count
            below += count
        return self.bounds[-1] if self.total else math.nan

    def combined(self, other: Latencies, how: Callable[[int, int], int]) -> Latencies:
        """Return both together, bucket by bucket; a histogram without requests may have no buckets.

        Raises:
            DifferentBucketsError: the buckets differ.
        """
        if not other.bounds:
            return self
        if self.bounds and self.bounds != other.bounds:
            raise DifferentBucketsError
        return Latencies(other.bounds, tuple(map(how, self.counts or (0,) * len(other.counts), other.counts)))


@dataclass(frozen=True)
class Counts:
    """What one color of one service did: attempts by upstream address, whatever the user got in the end."""

    attempts: int = 0
    """Requests that a load balancer sent to the color, retries included."""
    failed: int = 0
    """Attempts that ended in a 5xx, 502 and 504 not included."""
    unreachable: int = 0
    """Attempts that ended in 502 or 504: no connection, no answer. Only these are retried on the other color."""
    abandoned: int = 0
    """Attempts without a status, and 499: the client left before an answer came."""
    failovers: int = 0
    """Requests meant for this color that the other one answered, with or without an attempt here."""
    synthetic: int = 0
    """Attempts among those above that were the release tool's own and went well."""
    latencies: Latencies = Latencies()
    """Response times of the attempts."""

    @property
    def failures(self) -> int:
        """Requests that the color failed.

        A failover is a failure of the color that was meant, and usually counted as unreachable already;
        where no task has an address there is no attempt at all, so the larger number counts.
        """
        return self.failed + max(self.unreachable, self.failovers)

    @property
    def asked(self) -> int:
        """Requests of users meant for this color, those given up included."""
        return self.attempts + max(0, self.failovers - self.unreachable) - self.synthetic

    @property
    def answered(self) -> int:
        """Requests of users that had an end, good or bad: those asked, without those given up."""
        return self.asked - self.abandoned

    @property
    def let_down(self) -> int:
        """Requests that failed or that the client gave up."""
        return self.failures + self.abandoned

    def combined(self, other: Counts, how: Callable[[int, int], int]) -> Counts:
        """Return both together, number by number."""
        if other == _NOTHING:
            return self
        return Counts(
            how(self.attempts, other.attempts),
            how(self.failed, other.failed),
            how(self.unreachable, other.unreachable),
            how(self.abandoned, other.abandoned),
            how(self.failovers, other.failovers),
            how(self.synthetic, other.synthetic),
            self.latencies.combined(other.latencies, how),
        )


_NOTHING = Counts()


@dataclass(frozen=True)
class ServiceCounts:
    """Both colors of one service."""

    service: str
    blue: Counts = Counts()
    green: Counts = Counts()

    @property
    def asked(self) -> int:
        """Requests of users, both colors."""
        return self.blue.asked + self.green.asked

    def of(self, color: Color) -> Counts:
        """Return a color's counts."""
        return self.blue if color is Color.BLUE else self.green

    def combined(self, other: ServiceCounts, how: Callable[[int, int], int]) -> ServiceCounts:
        """Return both together under the name of the first."""
        return ServiceCounts(self.service, self.blue.combined(other.blue, how), self.green.combined(other.green, how))


@dataclass(frozen=True)
class Window:
    """What was counted from `start` on, for `length`."""

    start: datetime
    length: timedelta
    services: tuple[ServiceCounts, ...]
    """Every service that users can ask, in the same order in all windows of a stage; with zeros if nobody asked it."""
    missing: str = ""
    """Why a load balancer's figures are not in it: what is bad here is bad, and what is good says nothing of it."""

    @property
    def end(self) -> datetime:
        """When the window ends."""
        return self.start + self.length

    def of(self, service: str) -> ServiceCounts:
        """Return the counts of a service, or under `ALL_SERVICES` their sum."""
        return together(self.services) if service == ALL_SERVICES else self._by_name[service]

    @property
    def _by_name(self) -> dict[str, ServiceCounts]:
        return {pair.service: pair for pair in self.services}

    def since(self, earlier: Window) -> Window:
        """Return what came after an earlier window that began together with this one."""
        return Window(earlier.end, self.length - earlier.length, self._combined(earlier, sub), self.missing)

    def then(self, later: Window) -> Window:
        """Return this window and the one right after it as one."""
        return Window(self.start, later.end - self.start, self._combined(later, add), later.missing)

    def without(self, part: Window) -> Window:
        """Return this window with a part of it set aside; it keeps its place and loses the part's length."""
        return Window(self.start, self.length - part.length, self._combined(part, sub), self.missing)

    def _combined(self, other: Window, how: Callable[[int, int], int]) -> tuple[ServiceCounts, ...]:
        pairs = zip(self.services, other.services, strict=True)
        return tuple(one.combined(two, how) for one, two in pairs)


def together(services: Sequence[ServiceCounts]) -> ServiceCounts:
    """Return the sum over services without response times, which have no common 95th percentile."""
    return ServiceCounts(
        ALL_SERVICES, _requests(pair.blue for pair in services), _requests(pair.green for pair in services)
    )


def _requests(counts: Iterable[Counts]) -> Counts:
    columns = zip(
        *((one.attempts, one.failed, one.unreachable, one.abandoned, one.failovers, one.synthetic) for one in counts),
        strict=True,
    )
    attempts, failed, unreachable, abandoned, failovers, synthetic = map(sum, columns)
    return Counts(attempts, failed, unreachable, abandoned, failovers, synthetic)
