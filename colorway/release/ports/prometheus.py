"""Counts what users do, from Prometheus: differences between readings of the load balancers' counters."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from colorway.errors import ColorwayError
from colorway.release.ports.protocols import Clock
from colorway.release.verdict.counters import OwnRequests, Snapshot, counters_query, parse, window_between
from colorway.release.verdict.window import QueryError, Window

TIMEOUT = 5.0
"""Seconds for one answer."""
LONGEST_ANSWER = 16 * 2**20
"""Bytes of an answer that are read."""


class PrometheusError(ColorwayError):
    """Prometheus does not answer; one sentence."""


@dataclass(frozen=True)
class Prometheus:
    """One Prometheus."""

    url: Callable[[], str]
    """Asked for its address, without the path."""
    timeout: float = TIMEOUT

    def query(self, expression: str, *, at: datetime) -> bytes:
        """Return what Prometheus answers to an instant query at a time, whatever the status: it says so itself.

        Raises:
            PrometheusError: it did not answer in time.
        """
        parameters = urlencode({"query": expression, "time": f"{at.timestamp():.3f}"})
        address = f"{self.url().rstrip('/')}/api/v1/query?{parameters}"
        # Looked at here and not left to urllib, which would open files, too.
        if not address.startswith(("http://", "https://")):
            raise PrometheusError("Prometheus has no HTTP address")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(address, timeout=self.timeout) as response:
                return bytes(response.read(LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            return error.read(LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise PrometheusError(f"Prometheus does not answer: {reason or type(error).__name__}") from None


@dataclass(kw_only=True)
class PrometheusMeter:
    """Counts the requests of one stack; see `Meter`."""

    prometheus: Prometheus
    clock: Clock
    load_balancers: Sequence[str]
    """Hosts whose counters should all be there."""
    scrape_interval: timedelta
    _services: Sequence[str] = field(default=(), init=False)
    _last: Snapshot | None = field(default=None, init=False)

    def begin(self, *, services: Sequence[str]) -> None:
        """Forget what was counted so far; see `Meter.begin`."""
        self._services = services
        found = self._snapshot()
        self._last = found if isinstance(found, Snapshot) else None

    def read(self, *, own: OwnRequests) -> Window | QueryError:
        """Return what was counted since the beginning or the last good reading; see `Meter.read`."""
        found = self._snapshot()
        if isinstance(found, QueryError):
            return found
        before = self._last
        if before is None:
            self._last = found
            return QueryError(at=self.clock.now(), reason="nothing was read before, so nothing can be compared yet")
        if found.scraped <= before.scraped:
            # Nothing new, or one was scraped later than the mean of those that are here now: the next reading has it.
            return window_between(before, before, services=self._services)
        self._last = found.over(before)
        return window_between(before, self._last, services=self._services, own=own)

    def _snapshot(self) -> Snapshot | QueryError:
        now = self.clock.now()
        try:
            answer = self.prometheus.query(counters_query(self.scrape_interval), at=now)
        except PrometheusError as error:
            return QueryError(at=now, reason=str(error))
        return parse(answer, at=now, load_balancers=self.load_balancers)
