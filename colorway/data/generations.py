"""The generations of a data store that are on its hosts, and the end of one that nobody wants any more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from colorway.config.stack_files import stack_file
from colorway.data.mariadb.pair import pair
from colorway.data.members import Ask, MembersError, cluster
from colorway.edits.stores import stores_going_back
from colorway.outputs import PlatformOutputs
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores.generations import FIRST
from colorway.swarm.connections import Connection, MissingError, NoAnswerError
from colorway.swarm.ssh import kept

Hold = Callable[[str], AbstractContextManager[object]]
"""Holds the stack's lock, for a reason in words."""


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """The volumes of one host."""

    connection: Connection

    def names(self) -> list[str]:
        """Return what they are called.

        Raises:
            NoAnswerError: Docker does not answer.
        """
        listed: Any = self.connection.ask("its volumes", lambda api: api.volumes())
        return [str(one["Name"]) for one in listed.get("Volumes") or ()]

    def remove(self, name: str) -> None:
        """Remove one, and the containers that have ended and had it.

        Raises:
            RefusedError: a container that runs has it.
            NoAnswerError: Docker does not answer.
        """
        ended = {"volume": name, "status": ["exited", "dead", "created"]}
        had: Any = self.connection.ask("its containers", lambda api: api.containers(all=True, filters=ended))
        for identifier in [one["Id"] for one in had]:
            self.connection.ask("the end of a container", partial(_remove_container, identifier))
        self.connection.ask(f"the removal of {name}", lambda api: api.remove_volume(name))


def volumes_of(host: HostSpec) -> Volumes:
    """Return the volumes of a host, asked of its own Docker."""
    return Volumes(connection=Connection(host))


def _remove_container(identifier: str, api: Any) -> None:  # noqa: ANN401 - docker-py is untyped here
    api.remove_container(identifier)


VolumesOf = Callable[[HostSpec], Volumes]
"""Returns the volumes of a host."""


@dataclass(frozen=True, kw_only=True)
class Generations:
    """The generations of one store."""

    spec: PlatformSpec
    store: str
    volumes: VolumesOf

    @property
    def live(self) -> int:
        """The one that the stack's file says."""
        return self.spec.kept(self.store).generation

    def there(self) -> dict[int, tuple[str, ...]]:
        """Return the hosts that have a volume of each generation, oldest first.

        Raises:
            NoAnswerError: a host does not answer, so that nobody knows.
        """
        found: dict[int, tuple[str, ...]] = {}
        for host in self._hosts:
            for number in self._on(host):
                found[number] = (*found.get(number, ()), host.name)
        return dict(sorted(found.items()))

    def _on(self, host: HostSpec) -> dict[int, tuple[str, ...]]:
        numbers = (self._number(name, host.name) for name in self.volumes(host).names())
        return {number: (host.name,) for number in numbers if number is not None}

    def others(self) -> dict[int, tuple[str, ...]]:
        """Return the same without the live one.

        Raises:
            NoAnswerError: a host does not answer, so that nobody knows.
        """
        return {number: hosts for number, hosts in self.there().items() if number != self.live}

    def refuse_other(self, runs: int) -> None:
        """Refuse what is meant for the one that the stack's file says where another one runs.

        Raises:
            MembersError: no `up` has followed yet where the file went back, or forward again.
        """
        if runs != self.live:
            raise MembersError(
                f"{self.store}: generation {runs} runs, and the stack's file says {self.live}; "
                f"`colorway up {self.spec.stack}` brings that one, or put the file back. Nothing was changed"
            )

    def refuse_gone(self) -> None:
        """Refuse to go back to the one that the stack's file says where nothing is left of it.

        One host that has it is enough: the others copy from that, and one that is silent is not waited for.

        Raises:
            MembersError: it was forgotten: its members would wait for data that nobody has.
            NoAnswerError: a host does not answer, and none of the others has it, so that nobody knows.
        """
        there: dict[int, tuple[str, ...]] = {}
        silent: NoAnswerError | None = None
        for host in self._hosts:
            try:
                there |= self._on(host)
            except NoAnswerError as error:
                silent = error
        if self.live in there:
            return
        if silent is not None:
            raise silent
        left = ", ".join(map(str, sorted(there))) or "none"
        raise MembersError(
            f"{stack_file(self.spec.stack)}: the data store {self.store} goes back to generation {self.live}, of which "
            f"no host has any data: `colorway data forget` removed it, or its hosts are new; those there: {left}. "
            "Nothing was changed; revert the commit that goes back"
        )

    def refuse_running(self, number: int, running: Collection[int]) -> None:
        """Refuse to forget a generation that runs: Docker keeps what is in use, and not what a member has that is down.

        Args:
            number: Which one is to be forgotten.
            running: Those that members say they are, whatever the file says.

        Raises:
            MembersError: it runs, or nobody says which one does.
        """
        if not running:
            see = f"see `colorway data status {self.spec.stack}`"
            raise MembersError(f"{self.store}: no member says which generation runs; {see}. Nothing was changed")
        if number in running:
            self.refuse_other(number)

    def forget(
        self,
        number: int,
        *,
        hold: Hold,
        say: Callable[[str], None],
        sure: Callable[[str], object],
        dry: bool = False,
    ) -> None:
        """Remove the volumes of a generation on their hosts; its backups stay as long as the repository keeps them.

        Args:
            number: Which generation.
            hold: Holds the stack's lock.
            say: Prints a line.
            sure: Asks whether that is meant, and does not return where it is not.
            dry: Say what would be removed, and remove nothing.

        Raises:
            MembersError: it is the live one, or there is none of it.
            DockerError: a host does not do it; what is gone stays gone, and the command goes on.
        """
        if number == self.live:
            raise MembersError(f"{self.store}: generation {number} is the one that serves; it is not forgotten")
        others = self.others()
        if number not in others:
            known = ", ".join(map(str, others)) or "none"
            raise MembersError(
                f"{self.store}: there is no generation {number} beside the live one; those there: {known}"
            )
        on = " and ".join(others[number])
        if dry:
            volumes = ", ".join(self._volume(host, number) for host in others[number])
            say(f"{self.store}: would remove generation {number} on {on}, with all that it has: {volumes}")
            return
        sure(f"Remove all data of generation {number} of {self.store} on {on}? There is no way back to it then.")
        with hold(f"forget generation {number} of {self.store}"):
            for host in (one for one in self._hosts if one.name in others[number]):
                try:
                    self.volumes(host).remove(self._volume(host.name, number))
                except MissingError:
                    continue
        say(f"{self.store}: generation {number} is removed on {on}")

    @property
    def _hosts(self) -> Sequence[HostSpec]:
        return [one.host for one in self.spec.members(self.store)]

    def _volume(self, host: str, number: int) -> str:
        return names.generation_volume(self.spec.stack, self.store, host, number)

    def _number(self, volume: str, host: str) -> int | None:
        """Return which generation a volume is of; none = of none of this store."""
        if volume == self._volume(host, FIRST):
            return FIRST
        return names.later_number(volume, names.later_volumes(self.spec.stack, self.store, host))


def running(spec: PlatformSpec, store: str, *, ask: Ask) -> set[int]:
    """Return which generations of a store its members say they are; empty where none answers.

    Raises:
        MembersError: the platform has no such store, or it has no generations.
    """
    if store in spec.primaries:
        return {one.generation for one in pair(spec, store, ask=ask).servers()}
    members = cluster(spec, store, ask=ask)
    try:
        return {names.generation_number(members.scope(), store)}
    except MembersError:
        return set()


def refuse_gone(
    spec: PlatformSpec,
    installed: PlatformOutputs | None,
    wanted: PlatformOutputs,
    *,
    unknown: Callable[[str], None] | None = None,
) -> None:
    """Refuse an edit that goes back to a generation of a data store of which no host has anything.

    Hosts are asked only where an edit goes back.

    Args:
        spec: The stack.
        installed: What runs.
        wanted: What the files say.
        unknown: Told where a silent host might have it; without it, that is refused, too.

    Raises:
        MembersError: such a generation was forgotten; see `Generations.refuse_gone`.
        NoAnswerError: a host does not answer, and none of the others has it.
    """
    for store in stores_going_back(installed, wanted) if installed else ():
        try:
            with kept(*(member.host for member in spec.members(store))):
                Generations(spec=spec, store=store, volumes=volumes_of).refuse_gone()
        except NoAnswerError as error:
            if unknown is None:
                raise
            unknown(f"whether {store} still has the data of an earlier generation is not known: {error}")
