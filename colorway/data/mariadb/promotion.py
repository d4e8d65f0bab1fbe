"""The replica of a MariaDB store made its primary, by an operator's command: fences first, and says what is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from colorway.data.generations import Hold
from colorway.data.mariadb.pair import Pair, Server
from colorway.data.members import MembersError
from colorway.swarm.connections import DockerError


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a promotion has to do."""

    fences: bool
    """Whether the old primary answers, so that it is told to take no writes before."""
    waits: bool
    """Whether the new one receives what the old one has until it has all."""
    leads: bool
    """Whether the new one does not take writes yet."""
    loses: str = ""
    """What may be lost, in words; empty = nothing that was acknowledged."""


@dataclass(frozen=True, kw_only=True)
class Two:
    """Both members of a store, before a promotion."""

    store: str
    to: str
    """Host of the one that is to lead."""
    other: str
    """Host of the other one."""
    new: Server | None
    """The one that is to lead; none = it does not answer."""
    old: Server | None
    """The other one."""

    @property
    def loses(self) -> str:
        """What may be lost, in words; empty = nothing that was acknowledged."""
        if self.new is None:
            return ""
        if self.new.has_diverged:
            return f"{self.to} has what {self.other} never had, and lacks what that has"
        if self.old is None or self.old.is_empty:
            return "" if self.new.had_all else f"nobody knows whether each commit on {self.other} waited for {self.to}"
        return "" if self.new.follows else f"{self.to} does not follow {self.other} ({self.new.why_not or 'no reason'})"

    def step(self, *, accept_loss: bool) -> Step:
        """Return what makes the new one the primary.

        Args:
            accept_loss: Whether what only the old one has may be lost.

        Raises:
            MembersError: it cannot lead, or what was acknowledged could be lost; nothing was changed.
        """
        if self.new is None:
            raise MembersError(f"{self.store}: the member on {self.to} does not answer; see `colorway data status`")
        if self.new.is_empty:
            raise MembersError(f"{self.store}: the member on {self.to} has no data yet, so it cannot lead")
        if self.old is not None and self.old.generation != self.new.generation:
            raise MembersError(
                f"{self.store}: {self.to} has generation {self.new.generation}, and {self.other} has "
                f"{self.old.generation}: neither has what the other one has. `colorway up` goes on where it was cut off"
            )
        answers = self.old is not None and not self.old.is_empty
        if self.new.takes_writes:
            return Step(fences=answers and self.old is not None and self.old.takes_writes, waits=False, leads=False)
        if self.loses and not accept_loss:
            raise MembersError(
                f"{self.store}: {self.loses}, so commits that were acknowledged could be lost; say --accept-loss to do "
                "it anyway"
            )
        return Step(fences=answers, waits=answers and self.new.follows, leads=True, loses=self.loses)


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """Makes the member on another host the primary of one store."""

    pair: Pair
    lead_to: Callable[[str], int]
    """Has what stands before the members lead to the one on a host, and returns how many do."""
    write: Callable[[str], Callable[[], None]]
    """Returns what writes the primary's host into the stack's file and commits it; refuses before, where it cannot."""
    hold: Hold
    say: Callable[[str], None]

    def run(self, *, to: str, accept_loss: bool = False, dry: bool = False) -> None:
        """Do it; `dry` says what would be done and changes nothing.

        Raises:
            MembersError: it cannot lead, or what was acknowledged could be lost; nothing was changed.
        """
        store, known = self.pair.store, [one.name for one in self.pair.hosts]
        if to not in known:
            raise MembersError(f"{store}: {to} has no member; those are on {' and '.join(known)}")
        other = self.pair.other(to)
        new = self.pair.server(to)
        two = Two(store=store, to=to, other=other, new=new, old=self.pair.server(other))
        wanted = two.step(accept_loss=accept_loss)
        if not wanted.leads and not wanted.fences and self.pair.spec.primaries[store] == to:
            raise MembersError(f"{store}: {to} is the primary already")
        commit = self.write(to)
        if dry:
            self.say(f"{store}: {to} becomes the primary; {_words(wanted, other, new)}")
            return
        with self.hold(f"make {to} the primary of {store}"):
            self._lead(wanted, to=to, other=other)
            count = self.lead_to(to)
            self.say(f"{store}: {to} takes writes, and {count} of the entries lead there; {_words(wanted, other, new)}")
            if wanted.fences:
                self.pair.told(other, "follow")
            commit()
        self.say(f"next: colorway up {self.pair.spec.stack}")

    def _lead(self, wanted: Step, *, to: str, other: str) -> None:
        """Fence the old one, and let the new one lead once it has all; where that fails, the old one goes on."""
        store, position = self.pair.store, self.pair.fence(other) if wanted.fences else ""
        if not wanted.leads:
            return
        try:
            self.pair.told(to, "lead", *([position] if wanted.waits and position else []))
        except DockerError as error:
            if not wanted.fences:
                raise MembersError(f"{store}: {to} could not be made the primary: {error}") from None
            self.pair.told(other, "unfence")
            raise MembersError(f"{store}: {to} could not be made the primary, {other} goes on: {error}") from None


def _words(wanted: Step, other: str, new: Server | None) -> str:
    if wanted.loses:
        return f"{wanted.loses}: what only {other} has is lost"
    if wanted.fences:
        return f"{other} takes no writes before and follows afterwards, nothing is lost"
    when = new.heard.partition(" ")[2] if new is not None else ""
    heard = f" (heard last at {when})" if when else ""
    return f"{other} does not answer, and each of its commits waited for the other one{heard}"
