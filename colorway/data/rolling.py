"""The members of a data store begun anew one after the other: none of their clients fails, and never two at once."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

from colorway.data.members import Cluster, Member, MembersError, Part
from colorway.data.switchover import Switchover, candidate, switchover
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.ssh import COME_IN, kept

FOLLOWS_WITHIN = 300.0
"""Seconds that a member which was begun anew may take to have all again; it may have much to read."""
KNOWN_WITHIN = 12.0
"""Seconds until the members say what they wait for: two of their rounds."""


@dataclass(frozen=True, kw_only=True)
class Rolling:
    """Begins the members of one store anew, or lets somebody else do it."""

    switchover: Switchover

    @property
    def _cluster(self) -> Cluster:
        return self.switchover.cluster

    def make_way(self, host: str) -> None:
        """Let the member on a host be replaced: all others have all, and if it leads, one of them does so before.

        Nothing is waited for where the ways lead to nobody: no client could notice, and what comes may be the cure. Nor
        where the member is of another generation than what comes: its clients are left behind with all of it, and the
        first one that comes may be one that only the other one can lead. For whoever holds the stack's lock.

        Raises:
            MembersError: the others do not have all in time; the member stays as it is.
        """
        wanted = self._cluster.spec.generation(self._cluster.store)
        if not self.switchover.entries.lead_to() or self._cluster.scope_on(host) not in {None, wanted}:
            return
        self._await_others(host)
        if self._cluster.members()[0].host == host:
            self._give_away(host)

    def restart(self, *, dry: bool = False) -> None:
        """Restart the members that have settings which only a restart gives them; the leader last, once another leads.

        A parameter of which PostgreSQL keeps the larger value on members that follow (`max_connections`, …) and which
        is lowered needs the leader first: it restarts where it is, while its clients wait. What was killed on its way
        is gone on with, since whoever has restarted waits for nothing.

        Raises:
            MembersError: a member is not well, or not in time.
        """
        store, say = self._cluster.store, self.switchover.say
        self.switchover.until(lambda: bool(self._waiting()), within=KNOWN_WITHIN)
        waiting = self._waiting()
        if not waiting:
            say(f"{store}: no member has settings that only a restart gives it; nothing was changed")
            return
        if dry:
            order = " and then ".join(one.host for one in sorted(waiting, key=lambda one: one.part is Part.LEADER))
            say(f"{store}: restarts {order}; who leads gives the lead away before, and clients wait some seconds")
            return
        with self.switchover.hold(f"restart the members of {store}"):
            self._restart_all()
        if left := self._waiting():
            raise MembersError(
                f"{store}: {', '.join(one.host for one in left)} restarted and waits for a restart all the same; see "
                f"`colorway data status {self._cluster.spec.stack}`"
            )
        say(f"{store}: the members have restarted, and all of them are well")

    def _restart_all(self) -> None:
        restarted: set[str] = set()
        # Each restarts once, or twice where the leader has to be the first; the lead moves once.
        for _ in range(2 * len(self._cluster.hosts) + 2):
            leader, waiting = self._cluster.members()[0].host, {one.host for one in self._waiting()}
            if fresh := sorted(waiting - restarted - {leader}):
                self._restart(fresh[0], leader=leader)
                restarted.add(fresh[0])
            elif leader in restarted or leader not in waiting:
                return
            elif waiting == {leader}:
                self._give_away(leader)
            else:
                # Those that follow keep a larger value for as long as the leader has it.
                self._restart(leader, leader=leader)
                restarted = {leader}

    def _restart(self, host: str, *, leader: str) -> None:
        """Restart a member, and wait until all is well and it has said what it still waits for."""
        scope = self._cluster.scope()
        self._await_others(host)
        with self.switchover.clients_waiting(leader, then=leader) if host == leader else nullcontext():
            self._cluster.patronictl("restart", scope, host, "--force")
        self.switchover.await_well(leader)
        self.switchover.until(lambda: host not in {one.host for one in self._waiting()}, within=KNOWN_WITHIN)

    def _await_others(self, host: str) -> None:
        if self.switchover.until(lambda: self._can_do_without(host), within=FOLLOWS_WITHIN):
            return
        states = "; ".join(f"{one.host} is a {one.part.value}, {one.state}" for one in self._cluster.members())
        raise MembersError(
            f"{self._cluster.store}: without {host} nobody would have all, or could write: {states}; it stays as it "
            f"is; see `colorway data status {self._cluster.spec.stack}`"
        )

    def _give_away(self, leader: str) -> None:
        chosen = candidate(self._cluster.members(), store=self._cluster.store, to=None)
        self.switchover.give(leader, chosen.host)
        self.switchover.say(f"{self._cluster.store}: the lead goes from {leader} to {chosen.host}")

    def _waiting(self) -> list[Member]:
        return [one for one in self._cluster.members() if one.wants_restart]

    def _can_do_without(self, host: str) -> bool:
        """Whether all other members that are known are well and, if this one leads, one of them has all that it has."""
        try:
            members = self._cluster.members()
        except MembersError:
            # etcd may just begin anew, too.
            return False
        others = [one for one in members if one.host != host]
        if not others or not all(one.is_well for one in others):
            return False
        return any(one.part is Part.LEADER for one in others) or self._cluster.has_standby(others)


def make_way(spec: PlatformSpec, store: str, host: str) -> list[str]:
    """Let the member of a store on a host be replaced, for an `up`, which holds the stack's lock; return what was done.

    Raises:
        MembersError: the others do not have all in time; the member stays as it is.
    """
    said: list[str] = []
    with kept(*spec.settings.hosts, within=COME_IN):
        Rolling(switchover=switchover(spec, store, hold=nullcontext, say=said.append)).make_way(host)
    return said
