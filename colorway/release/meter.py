"""Counts what users do, from Prometheus: differences between readings of the load balancers' counters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from colorway.release.metrics import Prometheus, PrometheusError
from colorway.release.ports import Clock
from colorway.release.queries import Snapshot, counters_query, parse
from colorway.release.window import QueryError, Window
from colorway.release.window_between import OwnRequests, window_between


@dataclass(kw_only=True)
class PrometheusMeter:
    """Counts the requests of one stack; see `Meter`."""

    prometheus: Prometheus
    clock: Clock
    load_balancers: Sequence[str]
    """Hosts whose counters must all be there."""
    services: Sequence[str]
    """Services that users can ask."""
    scrape_interval: timedelta
    _last: Snapshot | None = field(default=None, init=False)

    def begin(self) -> None:
        """Forget what was counted so far; where nothing can be read, the first good reading is the beginning."""
        found = self._snapshot()
        self._last = found if isinstance(found, Snapshot) else None

    def read(self, *, own: OwnRequests) -> Window | QueryError:
        """Return what was counted since the beginning or the last good reading; see `Meter.read`."""
        found = self._snapshot()
        if isinstance(found, QueryError):
            return found
        before, self._last = self._last, found
        if before is None:
            return QueryError(at=self.clock.now(), reason="nothing was read before, so nothing can be compared yet")
        is_new = found.scraped > before.scraped
        return window_between(before, found, services=self.services, own=own if is_new else None)

    def _snapshot(self) -> Snapshot | QueryError:
        now = self.clock.now()
        try:
            answer = self.prometheus.query(counters_query(self.scrape_interval), at=now)
        except PrometheusError as error:
            return QueryError(at=now, reason=str(error))
        return parse(answer, at=now, load_balancers=self.load_balancers)
