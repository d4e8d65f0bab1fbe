"""What a data store with several members says beside its members: who leads them, and what stands before them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from colorway.spec.base import StrictSpec
from colorway.spec.fields import Label, PinnedImage
from colorway.spec.hosts import HostSpec
from colorway.spec.task.policies import LimitsSpec

PORTS_OF_ETCD = 2
"""For its clients, and for its peers."""
ENTRIES = 2
"""Tasks before the members, each on a host of its own where there are as many: one is enough for all that asks."""

Members = Annotated[int, Field(ge=1, le=5, strict=True)]


class Durability(StrEnum):
    """What a commit waits for, and so what the loss of a host can take with it."""

    ASYNCHRONOUS = "asynchronous"
    """The leader's own disk. Its loss takes what no other member had yet: usually less than a second of commits."""
    SYNCHRONOUS = "synchronous"
    """One other member's disk, too; none while there is no other. The loss of one host takes nothing."""
    STRICT = "strict"
    """One other member's disk, always: without another member no commit returns. For three members and more."""


class PoolMode(StrEnum):
    """When a pooled connection of the database is given to another client; PgBouncer's words."""

    TRANSACTION = "transaction"
    """After each transaction: what belongs to a session (advisory locks, LISTEN, SET) needs the direct way."""
    SESSION = "session"
    """When the client leaves."""


class HelperSpec(StrictSpec):
    """A program beside a store's members."""

    build: Label | None = None
    """Folder under images/, for a platform with `images: local`."""
    image: PinnedImage | None = None
    """Image with its digest, for a platform with `images: registry`."""
    limits: LimitsSpec = LimitsSpec(cpus=1, memory=128 * 2**20)
    """The most that one of its tasks may use."""


class EtcdSpec(HelperSpec):
    """etcd ≥ 3.5, one on each manager: what knows which member of a store leads. One cluster for all stores."""

    limits: LimitsSpec = LimitsSpec(cpus=1, memory=256 * 2**20)
    """The most that one of its tasks may use."""


class DirectSpec(HelperSpec):
    """HAProxy, which leads to the member that takes writes: `<store>-direct` at 5432; at 5433 to those that answer."""


class EntrySpec(HelperSpec):
    """HAProxy, which services find under the store's own name: it leads to the member that takes writes."""


class PoolSpec(HelperSpec):
    """PgBouncer, which services find under the store's own name."""

    mode: PoolMode = PoolMode.TRANSACTION
    """When a connection is given to another client."""
    size: Annotated[int, Field(ge=1, le=1000, strict=True)] = 20
    """Connections to the database that each of its tasks keeps, at most."""
    clients: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 1000
    """Clients that each of its tasks takes, at most."""


@dataclass(frozen=True, kw_only=True)
class HostPorts:
    """Two ports on a member's host; it is on the host's own network."""

    main: int
    """Where clients ask."""
    other: int
    """Of etcd for its peers, of Patroni for whoever asks how a member is, of a queue's Sentinel."""


def etcd_ports(first: int) -> HostPorts:
    """Return the ports of etcd, given the first of a stack's ports on hosts."""
    return HostPorts(main=first, other=first + 1)


def store_ports(first: int, *, slot: int) -> HostPorts:
    """Return the ports of a store's members, by its slot as its addresses are: they depend on no other store."""
    main = first + PORTS_OF_ETCD + 2 * slot
    return HostPorts(main=main, other=main + 1)


def entry_hosts(hosts: tuple[HostSpec, ...]) -> int:
    """Return on how many of the web hosts each program before the members runs."""
    return min(ENTRIES, len(hosts))
