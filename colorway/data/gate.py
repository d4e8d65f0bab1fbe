"""What the data stores have to be before a release's migrations change them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from colorway.data.mariadb.pair import Pair, pair
from colorway.data.members import OF_CLIENTS, Ask, Cluster, Member, MembersError, Part, cluster
from colorway.data.proofs import doubt, proof
from colorway.errors import ColorwayError
from colorway.render.replication import PGDATA
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import PostgresqlSpec
from colorway.spec.stores.replication import Durability
from colorway.swarm.connections import DockerError, NoAnswerError

OLDEST_TRANSACTION = 60
"""Seconds that a transaction of a client may be open: a migration waits for its locks, and everybody else behind it."""
LEAST_FREE = 0.2
"""Part of the volume's disk that a migration, which may write a table anew, has to find free."""
ARCHIVED_WITHIN = 60.0
"""Seconds that a restore point may take to be in the repository."""
_POLL = 1.0
_PROVEN = "its backup is proven by a restore"
_STATE = f"""
SELECT json_build_object(
  'oldest', (SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0) {OF_CLIENTS}),
  'whose', (SELECT application_name || ', process ' || pid {OF_CLIENTS} ORDER BY xact_start LIMIT 1),
  'archive_fails', (SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)
    FROM pg_stat_archiver))
"""  # noqa: S608 - of constants
_POINT = "SELECT pg_walfile_name(pg_create_restore_point('{point}')) || ' ' || pg_walfile_name(pg_switch_wal())"
_ARCHIVED = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver"


class ClosedError(ColorwayError):
    """A data store could not be brought back, or a migration would do harm now."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Asks the stores with several members or backups before migrations change them; closed, it says what opens it."""

    spec: PlatformSpec
    ask: Ask
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    """Seconds since 1970, as the proof of a backup counts them."""

    def make(self, *, point: str) -> str:
        """Make a restore point in each store that is backed up, and return in words what there is.

        Args:
            point: What it is called: `release-<version>` or `finish-<version>`.

        Raises:
            ClosedError: a store has no other member that has all, a client's transaction is open for long, the disk is
                nearly full, the archive fails, or no restore has proven the newest backup; nothing was changed.
        """
        found = [self._of(cluster(self.spec, name, ask=self.ask), point) for name in self.spec.replicated_databases]
        found += [self._of_pair(pair(self.spec, name, ask=self.ask)) for name in self.spec.primaries]
        asked = {*self.spec.replicated_databases, *self.spec.primaries}
        found += [self._of_backup(name) for name in self.spec.backed_up if name not in asked]
        return "; ".join(found)

    def _of_backup(self, name: str) -> str:
        """Return what brings a store with one member back, or a queue: its backup has to be proven."""
        self._proven(name)
        members = len(self.spec.members(name))
        return f"{name} has {f'{members} members' if members > 1 else 'one member'}, {_PROVEN}"

    def _of_pair(self, store: Pair) -> str:
        """Return which members of a MariaDB have every commit; it has to be both."""
        primary = self.spec.primaries[store.store]
        replica = store.other(primary)
        leads, follows = store.server(primary), store.server(replica)
        if leads is None or not leads.takes_writes or follows is None or not follows.follows:
            raise ClosedError(
                f"{store.store}: {primary} takes no writes, or {replica} does not have them, and the loss of one host "
                f"would take the migration; see `colorway data status {self.spec.stack}`"
            )
        said = f"{store.store} is on {primary} and {replica}"
        if store.store not in self.spec.backed_up:
            return said
        self._proven(store.store)
        # To which `data restore` goes back, as there are no named points.
        return f"{said}, {_PROVEN}, its last transaction is {leads.position}"

    def _of(self, store: Cluster, point: str) -> str:
        name = store.store
        try:
            leader, *others = store.members()
            follower = self._follower(store, leader, others)
            state: dict[str, Any] = json.loads(store.sql(leader.host, " ".join(_STATE.split())))
            free = self._free(store, leader)
        except (MembersError, DockerError, ValueError) as error:
            raise ClosedError(f"{name}: {error}; no migration runs before it answers") from None
        if state["oldest"] > OLDEST_TRANSACTION:
            raise ClosedError(
                f"{name}: a transaction has been open for {state['oldest']:.0f} s ({state['whose']}), and a migration "
                f"would wait for it, and everybody behind that; end it, then run the command again"
            )
        if free < LEAST_FREE:
            raise ClosedError(
                f"{name}: {free:.0%} of the disk of {leader.host} is free, and a migration may need {LEAST_FREE:.0%}; "
                "make room there, then run the command again"
            )
        said = f"{name} is on {leader.host}" + (f" and {follower}" if follower else "")
        if name not in self.spec.backed_up:
            return said
        self._proven(name)
        if state["archive_fails"]:
            raise ClosedError(
                f"{name}: its archive fails, so no point could be restored; see the log of "
                f"{self.spec.stack}-{name}-{leader.host}, then run the command again"
            )
        self._point(store, leader, point)
        return f"{said}, {_PROVEN}, restore point {point} is archived"

    def _proven(self, store: str) -> None:
        """See that the newest backup was restored, and not long ago.

        Raises:
            ClosedError: it was not.
        """
        cure = f"`colorway data verify-backup {self.spec.stack} {store}` proves it now, and says what is wrong"
        try:
            why = doubt(proof(self.spec, store, ask=self.ask), now=self.now())
        except NoAnswerError as error:
            why = f"whether its backup is proven, nobody knows: {error}"
        if why is not None:
            raise ClosedError(f"{store}: {why}; {cure}")

    def _follower(self, store: Cluster, leader: Member, others: list[Member]) -> str | None:
        """Return who else has every commit; none where the store's file does not want it."""
        wanted = store.spec.platform.data_stores[store.store]
        if leader.part is not Part.LEADER or not leader.is_well:
            raise MembersError(f"nobody leads; see `colorway data status {self.spec.stack}`")
        if isinstance(wanted, PostgresqlSpec) and wanted.durability is Durability.ASYNCHRONOUS:
            return None
        found = next((one.host for one in others if one.part is Part.SYNC_STANDBY and one.is_well), None)
        if found is None:
            raise MembersError(
                f"commits are on {leader.host} alone, whose loss would take the migration; see `colorway data status "
                f"{self.spec.stack}`"
            )
        return found

    def _free(self, store: Cluster, leader: Member) -> float:
        """Return which part of the disk of the leader's volume is free."""
        [host] = [one for one in store.hosts if one.name == leader.host]
        # Blocks: all, used, available.
        said = store.on(host, "df", "-Pk", PGDATA)
        found = re.search(r"^\S+ +(?P<all>[1-9]\d*) +\d+ +(?P<available>\d+) ", said, re.MULTILINE)
        if found is None:
            raise MembersError(f"how much of the disk of {host.name} is free, `df` there did not say: {said.strip()!r}")
        return int(found["available"]) / int(found["all"])

    def _point(self, store: Cluster, leader: Member, point: str) -> None:
        try:
            _, ends = store.sql(leader.host, _POINT.format(point=point)).split()
            until = self.clock() + ARCHIVED_WITHIN
            while store.sql(leader.host, _ARCHIVED)[-24:] < ends:
                if self.clock() > until:
                    raise ClosedError(
                        f"{store.store}: the restore point {point} is not in the archive after "
                        f"{ARCHIVED_WITHIN:.0f} s; see the log of {self.spec.stack}-{store.store}-{leader.host}"
                    )
                self.sleep(_POLL)
        except (DockerError, ValueError) as error:
            raise ClosedError(f"{store.store}: no restore point could be made: {error}") from None
