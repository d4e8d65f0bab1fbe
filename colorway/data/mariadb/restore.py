"""A MariaDB with two members taken back to a point, as a new generation of it: the old one is stopped, and stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from colorway.data.generations import Generations, Hold
from colorway.data.mariadb.pair import Pair, Server
from colorway.data.members import MembersError
from colorway.data.restore import Counted, Services, refuse_loss
from colorway.render.templates import store_script
from colorway.spec import names
from colorway.spec.stores.generations import NO_TRANSACTION, is_time, is_transaction
from colorway.swarm.connections import DockerError

ARCHIVED_WITHIN = 180
"""Seconds that the primary's binary logs may take to be in the repository; they are archived each minute."""
STOPPED_WITHIN = 180.0
"""Seconds that a member may take to stop."""
_BECOME = ("setpriv", "--reuid=mysql", "--regid=mysql", "--init-groups", "--", "/bin/sh", "-euc")


@dataclass(frozen=True, kw_only=True)
class Reached(Counted):
    """What a restore to a point begins from, and which transaction it ends with."""

    to: str
    """GTID of the last transaction that counts."""


def read_reached(text: str) -> Reached:
    """Return what the script says that counts.

    Raises:
        MembersError: it is no such line; with its own words.
    """
    found = re.search(r"^([0-9a-f]{8}) ([0-9]+-[0-9]+-[0-9]+) ([0-9]+) ([0-9]+)\s*$", text, re.MULTILINE)
    if found is None:
        said = (text.strip().splitlines() or ["it said nothing"])[-1]
        raise MembersError(f"what came after that point cannot be counted: {said}; nothing was changed")
    return Reached(backup=found[1], to=found[2], commits=int(found[3]), highest=int(found[4]))


def since(position: str, gtid: str) -> int:
    """Return how many transactions a server has after one of them: of its domain, which has no holes.

    Args:
        position: What the server has: of each domain the last transaction.
        gtid: One of them.

    Raises:
        MembersError: the server has less.
    """
    domain, _, number = gtid.split("-")
    found = re.search(rf"(?:^|,) *{domain}-[0-9]+-([0-9]+)", position)
    last = int(found[1]) if found else 0
    if last < int(number):
        raise MembersError(f"the primary has {position or 'nothing'}, which does not go up to {gtid}")
    return last - int(number)


@dataclass(frozen=True, kw_only=True)
class PairRestore:
    """Takes one MariaDB back to a point."""

    pair: Pair
    generations: Generations
    services: Services
    beside: Callable[[str, Sequence[str]], str]
    """Runs a command as a task beside a member, which reaches the repository; returns what it printed."""
    write: Callable[[Mapping[str, Any]], Callable[[], None]]
    """Returns what writes a store's keys into the stack's file and commits them; refuses before, where it cannot."""
    hold: Hold
    say: Callable[[str], None]

    def run(self, *, to: str, accept_loss: int | None = None, dry: bool = False) -> None:
        """Do it; `dry` says what would be done and lost, and changes nothing.

        Raises:
            MembersError: nobody takes writes, no backup leads to the point, or other transactions came after it than
                was accepted; nothing was changed.
            DockerError: something did not answer; what was stopped begins again.
        """
        store, stack = self.pair.store, self.pair.spec.stack
        if not is_time(to) and not is_transaction(to):
            raise MembersError(f"{to!r} {NO_TRANSACTION}")
        if store not in self.pair.spec.backed_up:
            raise MembersError(f"{store} is not backed up, so it has no past to go back to")
        primary = self._primary()
        self.generations.refuse_other(primary.generation)
        earlier = self.generations.live
        words = (to, primary.position, str(earlier), str(ARCHIVED_WITHIN))
        command = (*_BECOME, store_script("mariadb-since"), "since", *words)
        found = read_reached(self.beside(names.backup(store, primary.host), command))
        new = max(found.highest, earlier, *self.generations.there()) + 1
        point = to if to == found.to else f"{to} ({found.to})"
        if dry:
            self.say(
                f"{store}: generation {new} begins from the backup {found.backup} and goes up to {point}. "
                f"{found.commits} commits came after that: they are lost to it, and stay in generation {earlier}, "
                f"which is stopped. Nobody can write until `colorway up {stack}` has made the new one"
            )
            return
        refuse_loss(store, found.commits, to=to, accepted=accept_loss)
        commit = self.write(
            {
                "generation": new,
                "begins-from": {"generation": earlier, "backup": found.backup, "to": found.to},
            }
        )
        with self.hold(f"take {store} back to {to}"):
            self._stop(primary.host, found, to=to, then=commit)
        self.say(f"{store}: generation {earlier} is stopped with all that it has; generation {new} begins at {point}")
        self.say(f"next: colorway up {stack}")

    def _primary(self) -> Server:
        """Return who takes writes: one member, and the one where the new generation begins and its clients are led."""
        store, see = self.pair.store, f"see `colorway data status {self.pair.spec.stack}`"
        lead = self.pair.lead()
        if not lead:
            raise MembersError(f"{store}: nobody takes writes, so what would be lost cannot be counted; {see}")
        named = self.pair.spec.primaries[store]
        if [one.host for one in lead] != [named]:
            takes = " and ".join(one.host for one in lead)
            raise MembersError(
                f"{store}: writes are taken by {takes}, and the stack's file calls {named} the primary; {see}, which "
                "says what ends that. Nothing was changed"
            )
        return lead[0]

    def _stop(self, primary: str, found: Reached, *, to: str, then: Callable[[], None]) -> None:
        """Shut clients out, count again, stop both members, and do what comes then; let both go on where that fails."""
        stopped, done = False, False
        try:
            # It waits for commits that are under way; what was open then fails.
            position = self.pair.fence(primary)
            refuse_loss(self.pair.store, since(position, found.to), to=to, accepted=found.commits)
            stopped = True
            for host in sorted(self.pair.hosts, key=lambda one: one.name == primary):
                service = names.service(self.pair.spec.stack, names.member(self.pair.store, host.name))
                self.services.end(host, service, store=self.pair.store, within=STOPPED_WITHIN)
            then()
            done = True
        finally:
            if not done:
                self._go_on(primary, stopped=stopped)

    def _go_on(self, primary: str, *, stopped: bool) -> None:
        for host in self.pair.hosts if stopped else ():
            self.services.scale(names.service(self.pair.spec.stack, names.member(self.pair.store, host.name)), 1)
        try:
            self.pair.told(primary, "unfence")
        except DockerError:
            # One that begins again is what it was, and takes writes.
            if not stopped:
                raise
