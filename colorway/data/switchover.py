"""The lead of a data store given to another member, while its clients wait and none of them fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from colorway.data.entries import Entries
from colorway.data.members import Cluster, Member, MembersError, Part, cluster
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import Connection
from colorway.swarm.inside import Inside

WELL_WITHIN = 120.0
"""Seconds that the new leader and its standby may take to be well."""
ENDED_WITHIN = 10.0
"""Seconds that transactions may go on before the leader is told to end them."""
LED_WITHIN = 15.0
"""Seconds within which the ways to the leader find the new one."""
_POLL = 0.2
Hold = Callable[[str], AbstractContextManager[object]]
"""Holds the stack's lock, for a reason in words."""


def candidate(members: tuple[Member, ...], *, store: str, to: str | None) -> Member:
    """Return who is to lead: the one that is named, else the one that has all that the leader has.

    Raises:
        MembersError: nobody leads, the named one leads already or cannot, or nobody else can.
    """
    leader = next((one for one in members if one.part is Part.LEADER), None)
    if leader is None:
        raise MembersError(f"{store}: nobody leads, so there is nothing to give; see `colorway data status`")
    others = [one for one in members if one.part is not Part.LEADER]
    if to is not None:
        if to == leader.host:
            raise MembersError(f"{store}: {to} leads already")
        named = next((one for one in others if one.host == to), None)
        if named is None:
            known = ", ".join(one.host for one in others) or "none"
            raise MembersError(f"{store}: {to} has no member that could lead; others than the leader: {known}")
        others = [named]
    ready = [one for one in others if one.is_well]
    synchronous = any(one.part is Part.SYNC_STANDBY for one in members)
    ready = [one for one in ready if one.part is Part.SYNC_STANDBY or not synchronous]
    if not ready:
        states = "; ".join(f"{one.host} is a {one.part.value}, {one.state}" for one in others) or "there is none"
        raise MembersError(
            f"{store}: no other member has all that {leader.host} has, so commits could be lost: {states}; "
            "nothing was changed"
        )
    return ready[0]


@dataclass(frozen=True, kw_only=True)
class Switchover:
    """Gives the lead of one store to another member."""

    cluster: Cluster
    entries: Entries
    hold: Hold
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self, *, to: str | None = None, dry: bool = False) -> None:
        """Give it, and wait until all is well; `dry` says who would get it and changes nothing.

        Raises:
            MembersError: nobody can lead, and nothing was changed; or the new leader is not well in time.
        """
        store, members = self.cluster.store, self.cluster.members()
        chosen, leader = candidate(members, store=store, to=to), members[0]
        what = f"{store}: the lead goes from {leader.host} to {chosen.host}"
        if dry:
            self.say(f"{what}; clients wait some seconds, and what is in a transaction of longer than that fails")
            return
        with self.hold(f"give the lead of {store} to {chosen.host}"):
            self.give(leader.host, chosen.host)
        self.say(f"{what}, and all of its members are well")

    def give(self, leader: str, to: str) -> None:
        """Give the lead from one member to another, and wait until all is well; for whoever holds the stack's lock.

        Args:
            leader: Host of the member that leads.
            to: Host of one that has all.

        Raises:
            MembersError: the other one is refused, or is not well in time.
        """
        scope = self.cluster.scope()
        with self.clients_waiting(leader, then=to):
            self.cluster.patronictl("switchover", "--leader", leader, "--candidate", to, "--force", scope)
        self.await_well(to)

    @contextmanager
    def clients_waiting(self, leader: str, *, then: str) -> Iterator[None]:
        """Let the clients wait while the leader ends, until the ways lead to the member that leads `then`.

        Raises:
            MembersError: no pool could be told.
        """
        self.entries.pause()
        try:
            self._await_transactions(leader)
            yield
            self.until(lambda: self.entries.lead_to() == {then}, within=LED_WITHIN)
        finally:
            self.entries.resume()

    def _await_transactions(self, leader: str) -> None:
        """Wait until what is under way has ended; whoever takes longer is told that it fails."""
        if not self.until(lambda: self.cluster.transactions(leader) == 0, within=ENDED_WITHIN):
            count = self.cluster.transactions(leader)
            self.say(f"{self.cluster.store}: {count} transactions are longer than {ENDED_WITHIN:.0f} s, and fail")

    def await_well(self, leader: str) -> None:
        """Wait until the member on a host leads, all others follow it, and one of them could lead in its place.

        Raises:
            MembersError: they do not in time.
        """
        if self.until(lambda: self._is_well(leader), within=WELL_WITHIN):
            return
        states = "; ".join(f"{one.host} is a {one.part.value}, {one.state}" for one in self.cluster.members())
        raise MembersError(
            f"{self.cluster.store}: not all is well {WELL_WITHIN:.0f} s after {leader} was to lead: {states}; "
            "see `colorway data status`"
        )

    def _is_well(self, leader: str) -> bool:
        members = self.cluster.members()
        is_well = members[0].host == leader and all(one.is_well for one in members)
        return is_well and self.cluster.has_standby(members)

    def until(self, condition: Callable[[], bool], *, within: float) -> bool:
        """Wait until something holds, and return whether it does within some seconds."""
        ends = self.clock() + within
        while not condition():
            if self.clock() > ends:
                return False
            self.sleep(_POLL)
        return True


def switchover(spec: PlatformSpec, store: str, *, hold: Hold, say: Callable[[str], None]) -> Switchover:
    """Return what gives the lead of a store to another member, by the Docker engines of the stack's hosts.

    Raises:
        MembersError: the platform has no such store, or it has one member.
    """
    return Switchover(
        cluster=cluster(spec, store, ask=lambda host, *words: Inside(Connection(host)).said(*words)),
        entries=Entries(spec=spec, store=store, ask=lambda host, *words: Inside(Connection(host)).each(*words)),
        hold=hold,
        say=say,
    )
