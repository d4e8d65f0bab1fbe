"""The two members of a MariaDB store, each as it says it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from colorway.data.members import Ask, MembersError
from colorway.render.templates import store_script
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores.generations import FIRST
from colorway.swarm.connections import DockerError, MissingError

DIVERGED = "1236"
"""MariaDB's number for a replica that has what the primary never had, or lacks what the primary has no more."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """One member that answers."""

    host: str
    """Its host in the stack file."""
    generation: int = FIRST
    """Which generation of the store it is, whatever the stack's file says meanwhile."""
    is_empty: bool = False
    """Whether it waits for somebody to copy from, or is copying."""
    takes_writes: bool = False
    position: str = ""
    """GTID of the last transaction that it has."""
    is_followed: bool = False
    """Of one that takes writes: whether each commit waits until the other one has it."""
    follows: bool = False
    """Whether it receives what the other one writes, and writes it, too."""
    why_not: str = ""
    """What the server says of why it does not follow."""
    behind: int | None = None
    """Seconds that it is behind the one that it follows; none = nobody knows."""
    apart: tuple[str, ...] = ()
    """Folders of its volume with what it had before it began anew; see `colorway data rejoin`."""
    heard: str = "unknown"
    """Of a replica: what it heard last of whether the primary's commits wait for it, ON or OFF, and when."""

    @property
    def had_all(self) -> bool:
        """Whether each commit waited for it, as far as it ever heard."""
        return self.heard.startswith("ON ")

    @property
    def has_diverged(self) -> bool:
        """Whether it has what the other one never had."""
        return f"error {DIVERGED}" in self.why_not


def read_server(host: str, text: str) -> Server:
    """Return a member, given what its script says of its state.

    Raises:
        MembersError: it is no such text.
    """
    said = {
        key.strip(): value.strip() for key, colon, value in (line.partition(":") for line in text.splitlines()) if colon
    }
    generation = int(said.get("generation", FIRST))
    if said.get("waits") == "yes":
        return Server(host=host, generation=generation, is_empty=True)
    if "read_only" not in said or "position" not in said:
        raise MembersError(f"{host}: what its MariaDB says of itself is not readable; is its version 11.4 or newer?")
    behind = said.get("Seconds_Behind_Master", "")
    return Server(
        host=host,
        generation=generation,
        takes_writes=said["read_only"] == "0",
        position=said["position"],
        is_followed=said.get("waits_for_replica") == "ON",
        follows=(said.get("Slave_IO_Running"), said.get("Slave_SQL_Running")) == ("Yes", "Yes"),
        why_not=said.get("Last_SQL_Error") or said.get("Last_IO_Error", ""),
        behind=int(behind) if behind.isdecimal() else None,
        apart=tuple(said.get("apart", "").split()),
        heard=said.get("heard", "unknown"),
    )


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A MariaDB store with two members."""

    spec: PlatformSpec
    store: str
    ask: Ask

    @property
    def hosts(self) -> tuple[HostSpec, ...]:
        """The hosts that its members are on."""
        return tuple(one.host for one in self.spec.members(self.store))

    def other(self, host: str) -> str:
        """Return the host of the other member."""
        [found] = [one.name for one in self.hosts if one.name != host]
        return found

    def server(self, host: str) -> Server | None:
        """Return the member on a host; none = it does not answer."""
        try:
            said = self.told(host, "state")
        except DockerError:
            return None
        return read_server(host, said)

    def servers(self) -> tuple[Server, ...]:
        """Return the members that answer."""
        asked = (self.server(host.name) for host in self.hosts)
        return tuple(one for one in asked if one is not None)

    def lead(self) -> list[Server]:
        """Return the members that take writes: one, unless something is wrong."""
        return [one for one in self.servers() if one.takes_writes]

    def is_stopped(self) -> bool:
        """Return whether none of its members runs, and both of their hosts say so."""
        for host in self.hosts:
            try:
                self.told(host.name, "state")
            except MissingError:
                continue
            except DockerError:
                return False
            return False
        return True

    def told(self, host: str, part: str, *words: str) -> str:
        """Return what a member's script says when it is told its part.

        Raises:
            DockerError: it fails, or there is no member.
        """
        [there] = [one for one in self.hosts if one.name == host]
        service = names.service(self.spec.stack, names.member(self.store, host))
        return self.ask(there, service, ("sh", "-euc", store_script("mariadb-part"), "part", part, *words))

    def fence(self, host: str) -> str:
        """Have a member take no writes any more, and return where it ends, empty where it never wrote anything.

        Where it does not say so, it goes on.

        Raises:
            DockerError: it fails, or there is no member.
            MembersError: it does not say where it ends.
        """
        said = self.told(host, "fence")
        position = said.splitlines()[-1] if said else said
        if not said or not re.fullmatch(r"([0-9]+-[0-9]+-[0-9]+(,[0-9]+-[0-9]+-[0-9]+)*)?", position):
            self.told(host, "unfence")
            raise MembersError(f"{self.store}: where {host} ends is not readable: {position!r}; it goes on")
        return position


def pair(spec: PlatformSpec, store: str, *, ask: Ask) -> Pair:
    """Return a MariaDB store with two members.

    Raises:
        MembersError: the platform has no such store, or it is none of these.
    """
    if store not in spec.primaries:
        known = ", ".join(spec.primaries) or "none"
        raise MembersError(f"{store} is no MariaDB with two members; those of {spec.stack}: {known}")
    return Pair(spec=spec, store=store, ask=ask)
