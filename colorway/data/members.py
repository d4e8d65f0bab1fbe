"""The members of a data store, as their own cluster manager knows them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from colorway.errors import ColorwayError
from colorway.render.replication import CONFIG, INTERNAL, SOCKETS
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import DockerError, MissingError

Ask = Callable[[HostSpec, str, Sequence[str]], str]
"""Returns what a command says in the container that a service has on a host; raises DockerError where it fails."""


OF_CLIENTS = (
    "FROM pg_stat_activity WHERE backend_type = 'client backend' AND xact_start IS NOT NULL "
    f"AND usename NOT IN ({', '.join(map(repr, INTERNAL))})"
)
"""Transactions of clients that are under way."""
_LIST = r"""
get='GET /cluster HTTP/1.0\r\n\r\n'
said=$(printf "$get" | timeout 5 openssl s_client -quiet -verify_quiet -connect "$1" 2>/dev/null)
case $said in
  HTTP/1.[01]' 200 '*) printf '%s\n' "$said" | tail -n 1 ;;
  *) exec patronictl -c "$2" list --format json ;;
esac
"""
"""Has the member's own Patroni list all of them: its tool takes 0.7 s of a processor before it asks anybody, and is
still there where Patroni does not answer. Arguments: what is asked for, Patroni's address, its configuration."""
_UNDER_WAY = f"SELECT count(*) {OF_CLIENTS}"


class MembersError(ColorwayError):
    """The members of a data store do not answer, or cannot do what is asked for."""


class StoppedError(MembersError):
    """None of the members of a data store runs, and all of their hosts say so."""


class Part(StrEnum):
    """What a member does for the others; the words of PostgreSQL and Patroni."""

    LEADER = "leader"
    SYNC_STANDBY = "sync standby"
    REPLICA = "replica"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One member of a store."""

    scope: str
    """What its generation is called."""
    host: str
    """Its host in the stack file; also its name among the members."""
    part: Part
    state: str
    """Patroni's word: running (a leader), streaming, starting, stopped, crashed …."""
    behind: int | None
    """Bytes that it lacks of what the leader has; none = nobody knows."""
    timeline: int | None
    """Counts the leaders; all members of a store that is well have the same."""
    wants_restart: bool = False
    """Whether it has settings that only a restart gives it."""

    @property
    def is_well(self) -> bool:
        """Whether it does what its part is."""
        return self.state == ("running" if self.part is Part.LEADER else "streaming")


def read_members(text: str) -> tuple[Member, ...]:
    """Return the members that Patroni lists, the leader first.

    Args:
        text: What its API says of its cluster, or what `patronictl list --format json` says.

    Raises:
        MembersError: it is no such list.
    """
    # What the tool warns of, above all of an etcd that does not answer, stands before it.
    line = next((line for line in text.splitlines() if line.startswith(("[{", "{"))), text)
    try:
        told = json.loads(line)
        of_api = isinstance(told, dict)
        found = [_answered(one, told["scope"]) for one in told["members"]] if of_api else [_member(one) for one in told]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MembersError("Patroni's list of members is not readable; is its version 4 or newer?") from None
    return tuple(sorted(found, key=lambda one: (one.part is not Part.LEADER, one.host)))


def _member(one: dict[str, object]) -> Member:
    part, behind = _part(str(one["Role"]).lower()), one.get("Lag in MB", one.get("Receive Lag"))
    timeline = one.get("TL")
    return Member(
        scope=str(one["Cluster"]),
        host=str(one["Member"]),
        part=part,
        state=str(one["State"]),
        behind=behind * 2**20 if isinstance(behind, int) and part is not Part.LEADER else None,
        timeline=timeline if isinstance(timeline, int) else None,
        wants_restart=bool(one.get("Pending restart")),
    )


def _answered(one: dict[str, object], scope: str) -> Member:
    """Return a member as Patroni's API tells it: the tool's words in small letters, and bytes."""
    behind, timeline = one.get("lag", one.get("receive_lag")), one.get("timeline")
    part = _part(str(one["role"]).replace("_", " "))
    return Member(
        scope=scope,
        host=str(one["name"]),
        part=part,
        state=str(one["state"]),
        behind=behind if isinstance(behind, int) and part is not Part.LEADER else None,
        timeline=timeline if isinstance(timeline, int) else None,
        wants_restart=bool(one.get("pending_restart")),
    )


def _part(role: str) -> Part:
    return Part.LEADER if "leader" in role else Part.SYNC_STANDBY if role.startswith("sync") else Part.REPLICA


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A PostgreSQL store with several members, asked through whichever of them answers."""

    spec: PlatformSpec
    store: str
    ask: Ask

    @property
    def hosts(self) -> tuple[HostSpec, ...]:
        """The hosts that its members are on."""
        return tuple(one.host for one in self.spec.members(self.store))

    def members(self) -> tuple[Member, ...]:
        """Return its members, the leader first.

        Raises:
            MembersError: none of them answers.
        """
        return read_members(self._first(self._listed))

    def scope(self) -> str:
        """Return what the generation is called that runs: another one that the files name comes with an `up` only.

        Raises:
            MembersError: no member answers.
        """
        return self.members()[0].scope

    def scope_on(self, member: str) -> str | None:
        """Return what the generation of the member on one host is called; None where it does not answer."""
        [host] = [one for one in self.hosts if one.name == member]
        try:
            return read_members(self._listed(host))[0].scope
        except (DockerError, MembersError, IndexError):
            return None

    def is_synchronous(self) -> bool:
        """Return whether commits wait for another member, as it is now and whatever the files say: `up` tells them.

        Raises:
            MembersError: no member answers.
        """
        # What is not readable counts as if they did: then somebody waits, and nothing is lost.
        return re.search(r"^synchronous_mode: false$", self.patronictl("show-config"), re.MULTILINE) is None

    def has_standby(self, members: Sequence[Member]) -> bool:
        """Return whether one of the members could lead with all that was ever committed, where commits wait for that.

        One that streams is none before the leader has said so in etcd: were it lost meanwhile, nobody could lead.

        Raises:
            MembersError: no member answers.
        """
        return any(one.part is Part.SYNC_STANDBY for one in members) or not self.is_synchronous()

    def patronictl(self, command: str, *words: str) -> str:
        """Return what Patroni's own tool says, in the first member that answers.

        Raises:
            StoppedError: none of them runs.
            MembersError: it fails in all of them.
        """
        return self._first(lambda host: self.on(host, "patronictl", "-c", CONFIG, command, *words))

    def _listed(self, host: HostSpec) -> str:
        api = f"{host.address}:{self.spec.store_ports(self.store).other}"
        return self.on(host, "sh", "-c", _LIST, "list", api, CONFIG)

    def _first(self, answer: Callable[[HostSpec], str]) -> str:
        """Return what the first member says that answers; errors as of `patronictl`."""
        reasons: list[DockerError] = []
        for host in self.hosts:
            try:
                return answer(host)
            except DockerError as error:
                reasons.append(error)
        kind = StoppedError if all(isinstance(one, MissingError) for one in reasons) else MembersError
        raise kind(f"{self.store}: no member answers: {'; '.join(map(str, reasons))}")

    def transactions(self, leader: str) -> int:
        """Return how many transactions of clients are under way in the leader.

        Raises:
            DockerError: it does not answer.
            MembersError: what it says is no number.
        """
        said = self.sql(leader, _UNDER_WAY)
        if not said.isdecimal():
            raise MembersError(f"{self.store}: whose transactions are under way on {leader} is not readable: {said!r}")
        return int(said)

    def sql(self, member: str, statement: str) -> str:
        """Return what a statement of the superuser's says in a member, in one line.

        Args:
            member: Its host's name.
            statement: Nothing secret: it is an argument of a program.

        Raises:
            DockerError: it does not answer, or refuses.
        """
        [host] = [one for one in self.hosts if one.name == member]
        port = self.spec.store_ports(self.store).main
        becomes = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--")
        told = ("psql", "-XAtqc", statement, "-v", "ON_ERROR_STOP=1", f"host={SOCKETS} port={port} dbname=postgres")
        said = self.on(host, *becomes, *told).strip()
        return said.splitlines()[-1] if said else ""

    def on(self, host: HostSpec, *command: str) -> str:
        """Return what a command says in the member on a host.

        Raises:
            DockerError: it fails, or there is no member.
        """
        service = names.service(self.spec.stack, names.member(self.store, host.name))
        return self.ask(host, service, command)


def cluster(spec: PlatformSpec, store: str, *, ask: Ask) -> Cluster:
    """Return a store with several members.

    Raises:
        MembersError: the platform has no such store, or it has one member.
    """
    found = spec.platform.data_stores.get(store)
    several = ", ".join(spec.replicated_databases) or "none"
    if found is None:
        raise MembersError(f"{spec.stack} has no data store {store}; those with several members: {several}")
    if store in spec.replicated_stores and store not in spec.replicated_databases:
        if store in spec.primaries:
            raise MembersError(f"{store} is a MariaDB: `colorway data promote {spec.stack} {store} --to HOST` moves it")
        raise MembersError(f"{store} is no PostgreSQL: its Sentinels give the lead to another member by themselves")
    if store not in spec.replicated_databases:
        raise MembersError(f"the data store {store} has one member, so nobody else could lead; several have: {several}")
    return Cluster(spec=spec, store=store, ask=ask)
