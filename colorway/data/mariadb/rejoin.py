"""A member of a MariaDB store that went another way than its primary begins anew with a copy; what it had stays."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from colorway.data.generations import Hold
from colorway.data.mariadb.pair import Pair, Server
from colorway.data.members import MembersError
from colorway.swarm.connections import DockerError

BEGUN_WITHIN = 180.0
"""Seconds within which it has to begin to copy."""
POLL = 2.0
"""Seconds between two looks."""


def beyond(own: str, others: str) -> int:
    """Return how many transactions a server has that another one never had.

    Args:
        own: What it has: of each domain and server the last transaction, as MariaDB's `gtid_binlog_state` has it.
        others: The same of the other one.
    """
    known = {(domain, server): number for domain, server, number in _transactions(others)}
    return sum(max(0, number - known.get((domain, server), 0)) for domain, server, number in _transactions(own))


def _transactions(state: str) -> list[tuple[int, int, int]]:
    found = re.findall(r"(\d+)-(\d+)-(\d+)", state)
    return [(int(domain), int(server), int(number)) for domain, server, number in found]


@dataclass(frozen=True, kw_only=True)
class Rejoin:
    """Has the member of one store that follows no more begin anew."""

    pair: Pair
    hold: Hold
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self, *, dry: bool = False) -> None:
        """Do it; `dry` says what would be done and changes nothing.

        Raises:
            MembersError: none has gone another way, nobody takes writes to copy from, or its volume has no room for a
                copy beside what it has; nothing was changed.
        """
        store, stack = self.pair.store, self.pair.spec.stack
        apart, primary = self._both()
        count = beyond(self._has(apart), self._has(primary))
        folder = f"diverged.{self.now():%Y%m%dT%H%M%SZ}"
        many = "1 transaction" if count == 1 else f"{count} transactions"
        has = f"{many} that {primary} never had" if count else f"nothing that {primary} has not"
        words = f"it begins anew with a copy of what {primary} has; all that it had stays on its volume, in {folder}"
        if dry:
            self.say(f"{store}: {apart} has {has}; {words}")
            return
        with self.hold(f"have {apart} follow {primary} in {store} again"):
            try:
                self.pair.told(apart, "rejoin", folder)
            except DockerError as error:
                raise MembersError(f"{store}: {apart} stays as it is: {error}") from None
            self._await(apart)
        self.say(f"{store}: {apart} had {has}; {words}")
        self.say(f"next: colorway data status {stack}, which says when it follows")

    def _both(self) -> tuple[str, str]:
        """Return the hosts of who has gone another way, and of who takes writes."""
        store = self.pair.store
        servers = self.pair.servers()
        apart = [one.host for one in servers if one.has_diverged and not one.takes_writes]
        lead = [one.host for one in servers if one.takes_writes]
        if len(apart) != 1:
            raise MembersError(
                f"{store}: no member has gone another way than the primary; see `colorway data status "
                f"{self.pair.spec.stack}`. Nothing was changed"
            )
        if not lead:
            raise MembersError(f"{store}: nobody takes writes, so there is nothing to copy; nothing was changed")
        return apart[0], lead[0]

    def _has(self, host: str) -> str:
        return self.pair.told(host, "transactions").strip()

    def _await(self, host: str) -> None:
        for _ in range(int(BEGUN_WITHIN / POLL)):
            if _has_begun(self.pair.server(host)):
                return
            self.sleep(POLL)
        raise MembersError(
            f"{self.pair.store}: the member on {host} has not begun anew within {BEGUN_WITHIN:.0f} s; see "
            f"`docker service logs {self.pair.spec.stack}-{self.pair.store}-{host}`. What it had stays on its volume"
        )


def _has_begun(server: Server | None) -> bool:
    return server is not None and not server.has_diverged and (server.is_empty or server.follows)
