"""The members of a queue, each as it says it is, and the Sentinels that choose its leader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from colorway.data.members import Ask
from colorway.render.templates import store_script
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import DockerError


@dataclass(frozen=True, kw_only=True)
class QueueServer:
    """One member that answers."""

    leads: bool
    follows: bool
    """Whether it receives what the leader writes."""
    has_followers: bool
    """Of a leader: whether it takes writes, which it does only while another one has them, too."""
    offset: int
    """Bytes of all that was ever written, as far as it has them."""
    sentinels: frozenset[str]
    """Addresses of the Sentinels that answer it."""


def read_server(text: str) -> QueueServer | None:
    """Return a member, given what its script says; none = it does not say it, for example because it still loads."""
    lines = [line.strip().partition(":") for line in text.splitlines()]
    said = {key: value for key, _, value in lines}
    if said.get("role") not in {"master", "slave"}:
        return None
    leads = said["role"] == "master"
    offset = said.get("master_repl_offset" if leads else "slave_repl_offset", "")
    return QueueServer(
        leads=leads,
        follows=said.get("master_link_status") == "up",
        has_followers=said.get("min_slaves_good_slaves", "0") != "0",
        offset=int(offset) if offset.isdecimal() else 0,
        sentinels=frozenset(value for key, _, value in lines if key == "sentinel"),
    )


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A Redis or Valkey store with several members."""

    spec: PlatformSpec
    store: str
    ask: Ask

    @property
    def hosts(self) -> tuple[HostSpec, ...]:
        """The hosts that its members and their Sentinels are on."""
        return tuple(one.host for one in self.spec.members(self.store))

    def servers(self) -> dict[str, QueueServer | None]:
        """Return the member on each host; none = it does not answer."""
        return {host.name: self._server(host) for host in self.hosts}

    def _server(self, host: HostSpec) -> QueueServer | None:
        service = names.service(self.spec.stack, names.member(self.store, host.name))
        kind = self.spec.platform.data_stores[self.store].kind
        try:
            said = self.ask(host, service, ("sh", "-euc", store_script("queue-state"), "state", kind))
        except DockerError:
            return None
        return read_server(said)

    def silent(self, servers: Mapping[str, QueueServer | None]) -> list[str]:
        """Return the hosts whose Sentinel answers no member."""
        heard = {address for one in servers.values() if one for address in one.sentinels}
        return [host.name for host in self.hosts if str(host.address) not in heard]


def queues(spec: PlatformSpec, *, ask: Ask) -> Iterator[Queue]:
    """Yield the queues with several members."""
    for name in spec.replicated_stores:
        if spec.watchers(name):
            yield Queue(spec=spec, store=name, ask=ask)
