"""The networks of a stack: which there are, which addresses each has, and who joins which."""

from __future__ import annotations

import math
import zlib
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from colorway.spec.base import StrictSpec
from colorway.spec.fields import Network
from colorway.spec.services import ServiceSpec
from colorway.spec.traffic import Color

SMALLEST_PREFIX = 18
"""A color has a 32nd of it, a /23: 512 addresses."""
LARGEST_PREFIX = 8
"""The largest private network is a /8."""
DEFAULT_RANGE = IPv4Network("10.90.0.0/16")
"""Apart from what Docker and Swarm hand out by themselves."""
DEFAULT_MTU = 1500
"""Of a network between hosts whose stack says nothing, in bytes."""
STORE_SLOTS = 26
"""Networks of data stores that a range has room for."""
FIRST_HOST_PORT = 20000
"""Below what Swarm publishes by itself (30000) and what programs that call somebody have (32768)."""
FIRST_STORE = 6
"""Number of 32nds before the first store's."""
KEPT = 16
"""Addresses of a network that no service's task gets.

Its own, the gateway's and the broadcast's; the others are for migrations and one-off commands.
"""


class NetworkName(StrEnum):
    """The networks that every stack has; the value is the last part of the physical name."""

    BLUE = "blue"
    """Services of the blue color, and the load balancers."""
    GREEN = "green"
    """Services of the green color, and the load balancers."""
    SHARED = "shared"
    """Services that both colors share, those of both colors that may call them, and the load balancers."""
    MONITORING = "monitoring"
    """Everything that can be asked for figures, and Prometheus."""

    @classmethod
    def of(cls, color: Color) -> NetworkName:
        """Return the network of a color."""
        return cls(color.value)


class NetworkSettings(StrictSpec):
    """The overlay networks of a stack; settled when it is made, since a network never changes in place."""

    range: Network = DEFAULT_RANGE
    """Addresses of all networks of the stack; must not be in use elsewhere."""
    encrypted: bool | None = None
    """Whether what goes between hosts is encrypted (ESP); none = yes, unless the stack is this machine."""
    host_ports: Annotated[int, Field(ge=1024, le=32000, strict=True)] = FIRST_HOST_PORT
    """First of the 54 ports of hosts that stores with several members have; two stacks of one host need two ranges."""
    mtu: Annotated[int, Field(ge=1280, le=9216, strict=True)] | None = None
    """MTU of the network between the hosts, in bytes; none = 1500. A task gets what VXLAN and ESP leave of it."""

    @model_validator(mode="before")
    @classmethod
    def _is_no_text(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError("must be a mapping with the range as a key of it; write for example {range: 10.90.0.0/16}")  # noqa: TRY004 - pydantic wants ValueError
        return value

    @field_validator("range", mode="after")
    @classmethod
    def _has_room_and_is_private(cls, value: IPv4Network) -> IPv4Network:
        if value.prefixlen > SMALLEST_PREFIX:
            raise ValueError(
                f"is too small for a stack's networks; write at least a /{SMALLEST_PREFIX}, for example {DEFAULT_RANGE}"
            )
        if value.prefixlen < LARGEST_PREFIX or not value.is_private:
            raise ValueError(
                f"is not private, and would hide a part of the internet; write for example {DEFAULT_RANGE}"
            )
        return value


def store_network(store: str) -> str:
    """Return the name of a data store's network, without the stack's."""
    return f"store-{store}"


def store_slot(store: str, *, wanted: int | None = None) -> int:
    """Return which of the stores' slots a data store has: the wanted one, else one by its name alone."""
    if wanted is not None:
        return wanted
    return zlib.crc32(store.encode()) % STORE_SLOTS


def subnet(base: IPv4Network, name: NetworkName) -> IPv4Network:
    """Return the addresses of a network that every stack has, in the stack's range.

    A slot depends on nothing that changes, neither on replicas nor on what else the files say or in which order:
    a network whose addresses change is made anew, and with it every service on it. So the slots are as large as
    the range allows: blue and green a 32nd each, `shared` and `monitoring`, which tasks of both colors join, two.
    Docker advises against more than 256 addresses in an overlay where services have virtual addresses; ours have
    none (`dnsrr`).
    """
    bits, number = {
        NetworkName.BLUE: (5, 0),
        NetworkName.GREEN: (5, 1),
        NetworkName.SHARED: (4, 1),
        NetworkName.MONITORING: (4, 2),
    }[name]
    return _part(base, bits, number)


def store_subnet(base: IPv4Network, slot: int) -> IPv4Network:
    """Return the addresses of a data store's network: a 32nd of the range, as much as a color has.

    With more slots it would be rarer that two names mean the same one, and each would be smaller. Two stores in one
    slot are found before anything is made, and one key cures it; a full slot can only be cured by another range.
    """
    return _part(base, 5, FIRST_STORE + slot)


def gateway(addresses: IPv4Network) -> str:
    """Return the first address of a network; without it a refresh wants to replace the network."""
    return str(addresses.network_address + 1)


def _part(base: IPv4Network, bits: int, number: int) -> IPv4Network:
    prefix = base.prefixlen + bits
    return IPv4Network((int(base.network_address) + number * 2 ** (32 - prefix), prefix))


def joined(service: ServiceSpec, *, color: Color | None) -> tuple[str, ...]:
    """Return the networks that the tasks of a service join, the one that it is looked up in first.

    All from the first day: a network more on a running service replaces it, which is an outage. So each joins
    `shared` before there is anything to call, and `monitoring` as soon as it has a port.

    Args:
        service: What the platform file says.
        color: Its color; none = shared by both.
    """
    first = [NetworkName.of(color)] if color is not None else []
    figures = [NetworkName.MONITORING] if service.port is not None else []
    return (*first, NetworkName.SHARED, *figures, *(store_network(name) for name in sorted(service.uses)))


def addresses_needed(*, tasks: int, hosts: int) -> int:
    """Return how many addresses a network must have.

    Two for each task: a task's successor has its address before the task gives its own back, and start-first
    updates do not wait for those that still finish their requests. One for each host: Swarm's own load-balancer
    endpoint, which exists without virtual addresses, too. And those that are kept.
    """
    return 2 * tasks + hosts + KEPT


def prefix_for(base: IPv4Network, addresses: IPv4Network, *, needed: int) -> int:
    """Return the prefix of the smallest range whose network of the same kind has so many addresses."""
    return base.prefixlen - max(0, math.ceil(math.log2(needed / addresses.num_addresses)))
