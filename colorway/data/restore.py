"""A data store taken back to a point in time, as a new generation of it: the old one is stopped, and stays."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from colorway.data.entries import LONGEST_SHUT, Entries
from colorway.data.generations import Generations, Hold
from colorway.data.members import OF_CLIENTS, Ask, Cluster, Member, MembersError, Part, cluster
from colorway.render.replication import INTERNAL
from colorway.render.templates import store_script
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import RedisSpec, ValkeySpec
from colorway.spec.stores.generations import NO_POINT, is_point, is_time
from colorway.spec.stores.redis import Use
from colorway.swarm.connections import DockerError, MissingError

ARCHIVED_WITHIN = 120.0
"""Seconds that the leader's last segment may take to be in the repository."""
GONE_WITHIN = 10.0
"""Seconds that clients' transactions may go on."""
POLL = 1.0
"""Seconds between two looks."""
_BECOME = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", "/bin/sh", "-euc")
# The end of the segment that this ends: where the next one begins, however much of it was written.
_END = (
    "SELECT '0/0'::pg_lsn + ceil((pg_switch_wal() - '0/0') / size) * size || ' ' || timeline_id "
    "FROM (SELECT setting::numeric AS size FROM pg_settings WHERE name = 'wal_segment_size') AS of, "
    "pg_control_checkpoint()"
)
_ARCHIVED = """
SELECT (pg_stat_file('pg_wal/archive_status/' || pg_walfile_name('{end}'::pg_lsn - 1) || '.ready', true)).size IS NULL
"""
_CLIENTS = f"""
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND usename NOT IN ({", ".join(map(repr, INTERNAL))})
"""  # noqa: S608 - of constants


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What a restore to a point begins from, and what was committed after that point."""

    backup: str
    """Label of the last backup before it."""
    commits: int
    """All that were committed after it, PostgreSQL's own among them."""
    highest: int
    """The highest generation of the store that its repository knows."""


def restorable(spec: PlatformSpec, store: str, *, ask: Ask) -> Cluster:
    """Return a store that the command takes back to a point.

    Raises:
        MembersError: the platform has no such store, or it is none with several members whose log is archived.
    """
    found = spec.platform.data_stores.get(store)
    if isinstance(found, RedisSpec | ValkeySpec):
        if found.use is Use.CACHE:
            raise MembersError(f"{store} is a cache, and what it has can be made again; it is never backed up")
        raise MembersError(
            f"{store} is a queue, of which each backup is one moment and no command restores it; docs/data-stores.md "
            "says how that is done by hand"
        )
    return cluster(spec, store, ask=ask)


def read_counted(text: str) -> Counted:
    """Return what the script says that counts.

    Raises:
        MembersError: it is no such line; with its own words.
    """
    found = re.search(r"^(\S+) [0-9]+ ([0-9]+) ([0-9]+)\s*$", text, re.MULTILINE)
    if found is None:
        said = (text.strip().splitlines() or ["it said nothing"])[-1]
        raise MembersError(f"what came after that point cannot be counted: {said}; nothing was changed")
    return Counted(backup=found[1], commits=int(found[2]), highest=int(found[3]))


def refuse_loss(store: str, lost: int, *, to: str, accepted: int | None) -> None:
    """Refuse a restore whose loss is not the one that was accepted.

    Raises:
        MembersError: it is another one, or none was.
    """
    if lost == accepted:
        return
    said = f"and not {accepted}" if accepted is not None else "which would be lost"
    raise MembersError(
        f"{store}: {lost} commits came after {to}, {said}; `--accept-loss {lost}` does it if that is meant. "
        "Nothing was changed; whoever writes meanwhile changes the number"
    )


@dataclass(frozen=True, kw_only=True)
class Services:
    """What begins and ends the members of a store."""

    scale: Callable[[str, int], None]
    """Tells the swarm how many tasks a service has."""
    runs: Callable[[HostSpec, str], bool]
    """Whether a service has a container that runs on a host."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def end(self, host: HostSpec, service: str, *, store: str, within: float) -> None:
        """Stop a member of a store, and wait until it has; so many seconds.

        Raises:
            MembersError: it does not stop.
        """
        ends = self.clock() + within
        self.scale(service, 0)
        while self.runs(host, service):
            if self.clock() > ends:
                raise MembersError(f"{store}: the member on {host.name} does not stop; it goes on")
            self.sleep(POLL)


@dataclass(frozen=True, kw_only=True)
class Restore:
    """Takes one store back to a point."""

    cluster: Cluster
    entries: Entries
    generations: Generations
    services: Services
    beside: Callable[[str, Sequence[str]], str]
    """Runs a command as a task beside a member, which reads its volume and the repository; returns what it printed."""
    write: Callable[[Mapping[str, Any]], Callable[[], None]]
    """Returns what writes a store's keys into the stack's file and commits them; refuses before, where it cannot."""
    hold: Hold
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self, *, to: str, accept_loss: int | None = None, dry: bool = False) -> None:
        """Do it; `dry` says what would be done and lost, and changes nothing.

        Raises:
            MembersError: nobody leads, no backup leads to the point, or other commits came after it than was accepted;
                nothing was changed.
            DockerError: something did not answer; what was stopped begins again.
        """
        store, stack = self.cluster.store, self.cluster.spec.stack
        if not is_point(to):
            raise MembersError(f"{to!r} {NO_POINT}")
        if store not in self.cluster.spec.backed_up:
            raise MembersError(f"{store} is not backed up, so it has no past to go back to")
        leader = self._leader()
        self.generations.refuse_other(names.generation_number(leader.scope, store))
        end, timeline = self._end(leader)
        self._await_archived(leader, end)
        kind = "time" if is_time(to) else "name"
        command = (*_BECOME, store_script("postgresql-since"), "since", kind, to, end)
        found = read_counted(self.beside(names.backup(store, leader.host), command))
        earlier = self.generations.live
        new = max(found.highest, earlier, *self.generations.there()) + 1
        if dry:
            self.say(
                f"{store}: generation {new} begins from the backup {found.backup} and goes up to {to}. {found.commits} "
                f"commits came after that: they are lost to it, and stay in generation {earlier}, which is stopped. "
                f"Nobody can write until `colorway up {stack}` has made the new one"
            )
            return
        refuse_loss(store, found.commits, to=to, accepted=accept_loss)
        begins = {"generation": earlier, "backup": found.backup, "to": to}
        commit = self.write({"generation": new, "begins-from": begins})
        with self.hold(f"take {store} back to {to}"):
            self._stop(leader, since=(end, timeline), lost=found.commits, to=to, then=commit)
        self.say(f"{store}: generation {earlier} is stopped with all that it has; generation {new} begins at {to}")
        self.say(f"next: colorway up {stack}")

    def _stop(self, leader: Member, *, since: tuple[str, str], lost: int, to: str, then: Callable[[], None]) -> None:
        """Shut clients out, count again, stop all members, and do what comes then; let all go on where that fails."""
        began, stopped, done = self.clock(), False, False
        try:
            self.entries.pause()
            self.entries.shut()
            self._await_clients(leader)
            end, _ = self._end(leader)
            refuse_loss(self.cluster.store, lost + self._meanwhile(leader, since, end), to=to, accepted=lost)
            stopped = True
            for host in sorted(self.cluster.hosts, key=lambda one: one.name == leader.host):
                within = began + LONGEST_SHUT - GONE_WITHIN - self.clock()
                self.services.end(host, self._service(host), store=self.cluster.store, within=within)
            then()
            done = True
        finally:
            if not done:
                for host in self.cluster.hosts if stopped else ():
                    self.services.scale(self._service(host), 1)
                self.entries.open()
                self.entries.resume()

    def _service(self, host: HostSpec) -> str:
        return names.service(self.cluster.spec.stack, names.member(self.cluster.store, host.name))

    def _leader(self) -> Member:
        leader = self.cluster.members()[0]
        if leader.part is not Part.LEADER or not leader.is_well:
            raise MembersError(
                f"{self.cluster.store}: nobody leads, so what would be lost cannot be counted; see "
                f"`colorway data status {self.cluster.spec.stack}`"
            )
        return leader

    def _end(self, leader: Member) -> tuple[str, str]:
        """End the leader's segment, and return where its log ends, and its timeline."""
        said = self._sql(leader, _END)
        found = re.fullmatch(r"([0-9A-F]+/[0-9A-F]+) ([0-9]+)", said)
        if found is None:
            raise MembersError(f"{self.cluster.store}: where its log ends is not readable: {said!r}")
        return found[1], found[2]

    def _meanwhile(self, leader: Member, since: tuple[str, str], end: str) -> int:
        """Return how many commits are in the leader's log after what was counted."""
        [host] = [one for one in self.cluster.hosts if one.name == leader.host]
        script = ("postgresql-meanwhile", since[1], since[0], end)
        said = self.cluster.on(host, *_BECOME, store_script(script[0]), *script)
        found = re.search(r"^([0-9]+)\s*\Z", said, re.MULTILINE)
        if found is None:
            raise MembersError(
                f"{self.cluster.store}: what was committed meanwhile cannot be counted: {said.strip()!r}; nothing was "
                "changed"
            )
        return int(found[1])

    def _await_archived(self, leader: Member, end: str) -> None:
        if not self._until(lambda: self._sql(leader, _ARCHIVED.format(end=end)) == "t", ARCHIVED_WITHIN):
            raise MembersError(
                f"{self.cluster.store}: its log is not in the archive after {ARCHIVED_WITHIN:.0f} s, so what would be "
                f"lost cannot be counted; see the log of {self.cluster.spec.stack}-{self.cluster.store}-{leader.host}"
            )

    def _await_clients(self, leader: Member) -> None:
        """Wait until nobody is in that could write; whoever takes longer is cut off.

        Raises:
            MembersError: somebody comes in by another way.
        """
        if self._until(lambda: self._sql(leader, _CLIENTS) == "0", GONE_WITHIN):
            return
        self._sql(leader, f"SELECT pg_terminate_backend(pid) {OF_CLIENTS}")
        if not self._until(lambda: self._sql(leader, _CLIENTS) == "0", GONE_WITHIN):
            raise MembersError(
                f"{self.cluster.store}: clients are still in after all ways in are shut; end them, then restore again. "
                "Nothing was changed"
            )

    def _sql(self, leader: Member, statement: str) -> str:
        return self.cluster.sql(leader.host, " ".join(statement.split()))

    def _until(self, condition: Callable[[], bool], within: float) -> bool:
        ends = self.clock() + within
        while not condition():
            if self.clock() > ends:
                return False
            self.sleep(POLL)
        return True


def runs(ask: Callable[[HostSpec, str, Sequence[str]], str], host: HostSpec, service: str) -> bool:
    """Return whether a service has a container that runs on a host; one that does not answer counts as running."""
    try:
        ask(host, service, ("true",))
    except MissingError:
        return False
    except DockerError:
        return True
    return True
