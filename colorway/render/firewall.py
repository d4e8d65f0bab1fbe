"""What each host of a stack lets in, as text for nftables."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

from colorway.render.cloudflare import cloudflare_ranges, of_version
from colorway.render.templates import fill_in
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.task.process import Protocol

PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")))
"""Addresses that nobody has on the internet: who has one came by the private network, or by a VPN."""
SWARM_PORTS = frozenset({(2377, Protocol.TCP), (7946, Protocol.TCP), (7946, Protocol.UDP), (4789, Protocol.UDP)})
"""Ports of Swarm: its managers', its gossip, and the overlay networks'."""
HARMLESS = frozenset({(68, Protocol.UDP), (546, Protocol.UDP), (5353, Protocol.UDP), (5355, Protocol.UDP)})
"""Ports that need no opening though something listens: DHCP comes in, and names are looked up without neighbors."""

Ports = frozenset[tuple[int, Protocol]]


@dataclass(frozen=True, kw_only=True)
class LetIn:
    """What a host lets in."""

    everybody: Ports
    cloudflare: Ports
    """From Cloudflare's networks; from private addresses and the stack's hosts, too."""
    private: Ports
    """From private addresses only; the release tool has one, since it asks Prometheus."""
    hosts: Ports
    """From the stack's hosts only."""

    @property
    def ports(self) -> Ports:
        """All ports that somebody may come in by."""
        return self.everybody | self.cloudflare | self.private | self.hosts


def let_in(spec: PlatformSpec, host: HostSpec) -> LetIn:
    """Return what a host lets in: SSH, what the stack publishes there, what its file leaves open, Swarm and stores."""
    published = spec.inventory().ports_on(host)
    opened = {(one.port, one.protocol) for one in spec.settings.bootstrap.open}
    public = {(one.port, one.protocol) for one in published if one.is_public and not one.is_walled}
    walled = frozenset((one.port, one.protocol) for one in published if one.is_walled)
    return LetIn(
        everybody=frozenset({(host.ssh_port, Protocol.TCP), *opened, *public}),
        cloudflare=walled,
        private=walled | {(one.port, one.protocol) for one in published if not one.is_public},
        hosts=walled | SWARM_PORTS | {(port, Protocol.TCP) for port in spec.inventory().host_ports_on(host)},
    )


def firewall(spec: PlatformSpec, host: HostSpec) -> str:
    """Return what a stack adds to the firewall of one of its hosts."""
    found = let_in(spec, host)
    hosts = _from(str(one.address) for one in spec.settings.hosts)
    sources_of = [("", found.everybody), (_from(map(str, PRIVATE)), found.private), (hosts, found.hosts)]
    if found.cloudflare:
        networks = cloudflare_ranges()
        sources_of += [
            (_from(of_version(version, networks), family=family), found.cloudflare)
            for version, family in ((4, "ip"), (6, "ip6"))
        ]
    rules = [
        {"sources": sources, "protocol": protocol.value, "ports": ports}
        for sources, wanted in sources_of
        for protocol in Protocol
        if (ports := _of(wanted, protocol))
    ]
    return fill_in(
        "hosts/firewall.nft.j2", stack=spec.stack, chain=names.firewall_chain(spec.stack), rules=rules, hosts=hosts
    )


def _from(addresses: Iterable[str], *, family: str = "ip") -> str:
    return f"{family} saddr {{ {', '.join(addresses)} }} "


def _of(ports: Collection[tuple[int, Protocol]], protocol: Protocol) -> list[int]:
    return sorted(port for port, spoken in ports if spoken is protocol)
