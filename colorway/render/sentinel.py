"""What the programs of a Redis or Valkey store with several members are told, as text: servers, Sentinels, HAProxy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from colorway.render.templates import fill_in
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import RedisSpec, StoreMember, ValkeySpec

DATA = "/data"
"""Where a server and a Sentinel find their volumes."""
DOWN_AFTER = timedelta(seconds=5)
"""How long a leader may be silent before a Sentinel thinks it lost."""
MOST_LAG = timedelta(seconds=3)
"""How long ago a follower must have answered a leader that takes writes: it ends before another one is chosen."""


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """Where a task finds what it trusts and what it shows."""

    ca: str
    """The authority's certificate."""
    own: str
    """Its own certificate, and its private key."""


def server(
    spec: PlatformSpec, name: str, member: StoreMember, *, store: RedisSpec | ValkeySpec, files: TlsFiles
) -> str:
    """Return the settings of a member that are no secret; its entry script adds the others, and whom it follows.

    Args:
        spec: The stack.
        name: The store's name.
        member: Which member.
        store: The store.
        files: Its certificates.
    """
    return fill_in(
        "stores/queue.conf.j2",
        address=member.host.address,
        port=spec.store_ports(name).main,
        data=DATA,
        ca=files.ca,
        member=files.own,
        max_memory=store.max_memory,
        lag=int(MOST_LAG.total_seconds()),
    )


def sentinel(spec: PlatformSpec, name: str, watcher: StoreMember, *, files: TlsFiles) -> str:
    """Return what a Sentinel begins with, on an empty volume; the first member leads where nobody was chosen yet.

    Args:
        spec: The stack.
        name: The store's name.
        watcher: Which Sentinel.
        files: Its certificates.
    """
    ports = spec.store_ports(name)
    return fill_in(
        "stores/sentinel.conf.j2",
        store=name,
        address=watcher.host.address,
        port=ports.other,
        first=spec.members(name)[0].host.address,
        server_port=ports.main,
        data=DATA,
        ca=files.ca,
        member=files.own,
        down_after=int(DOWN_AFTER.total_seconds() * 1000),
    )


def leader_entry(spec: PlatformSpec, name: str, *, port: int, ca: str) -> str:
    """Return the file of the HAProxy before a store's members; it listens on `port`."""
    main = spec.store_ports(name).main
    members = [{"name": one.host.name, "address": one.host.address, "port": main} for one in spec.members(name)]
    return fill_in("stores/queue-entry.cfg.j2", members=members, port=port, ca=ca)
