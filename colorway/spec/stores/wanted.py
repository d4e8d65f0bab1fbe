"""What the data stores of a stack have in the swarm and on their hosts; a part of the inventory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from colorway.spec import names, networks
from colorway.spec.hosts import Role
from colorway.spec.stores.generations import FIRST
from colorway.spec.stores.replication import entry_hosts, etcd_ports
from colorway.spec.wanted import Wanted, WantedService, WantedVolume

if TYPE_CHECKING:
    from colorway.spec.platform_spec import PlatformSpec


def wanted_of_stores(spec: PlatformSpec) -> Iterator[Wanted]:
    """Yield the members of all stores, what stands before them and chooses their leaders, and what backs them up."""
    yield from _members(spec)
    yield from _replication(spec)
    yield from _backups(spec)


def _members(spec: PlatformSpec) -> Iterator[Wanted]:
    for name, store in spec.platform.data_stores.items():
        members, watchers = spec.members(name), spec.watchers(name)
        for member in (*members, *watchers):
            yield WantedService(
                stack=spec.stack,
                logical=member.name,
                owner=f"the data store {name}",
                path=("data-stores", name),
                networks=() if store.is_replicated else (networks.store_network(name),),
                host_ports=_host_ports(spec, name, watches=member in watchers),
                image=spec.shared_image(build=store.build, image=store.image, path=("data-stores", name, "build")),
                cpus=0 if member in watchers else store.limits.cpus,
                role=Role.DATABASE,
                host=member.host.name,
                peers=tuple(one.host.name for one in members if one.host != member.host),
                peers_needed=store.members_needed,
                is_protected=spec.is_guarded,
            )
            if member.adopted is None:
                yield WantedVolume(name=names.volume(spec.stack, member.volume), host=member.host)
        for number in range(FIRST, spec.kept(name).generation):
            for host in (member.host for member in members):
                yield WantedVolume(name=names.generation_volume(spec.stack, name, host.name, number), host=host)


def _host_ports(spec: PlatformSpec, name: str, *, watches: bool) -> tuple[int, ...]:
    """Return the ports of a store's task on its host; at the other one a Sentinel answers, or a member's Patroni."""
    store = spec.platform.data_stores[name]
    if not store.is_replicated:
        return ()
    ports = spec.store_ports(name)
    if watches:
        return (ports.other,)
    return (ports.main, ports.other) if store.needs_etcd else (ports.main,)


def _replication(spec: PlatformSpec) -> Iterator[Wanted]:
    """Yield etcd, and what stands before the members of each store that has several."""
    entries = entry_hosts(spec.hosts(Role.WEB))
    for name, store in spec.replicated_stores.items():
        for key, helper in store.helpers.items():
            yield WantedService(
                stack=spec.stack,
                logical=names.direct(name) if key == "direct" else name,
                owner=f"the {key} of the data store {name}",
                path=("data-stores", name, key),
                networks=(networks.store_network(name),),
                replicas=entries,
                most=entries,
                image=spec.shared_image(
                    build=helper.build, image=helper.image, path=("data-stores", name, key, "build")
                ),
                cpus=helper.limits.cpus,
                role=Role.WEB,
            )
    etcd = spec.platform.etcd
    if etcd is None or not spec.replicated_databases:
        return
    ports = etcd_ports(spec.settings.network.host_ports)
    managers = spec.hosts(Role.MANAGER)
    for host in managers:
        logical = names.etcd(host.name)
        yield WantedService(
            stack=spec.stack,
            logical=logical,
            owner=f"etcd of the host {host.name}",
            host_ports=(ports.main, ports.other),
            image=spec.shared_image(build=etcd.build, image=etcd.image, path=("etcd", "build")),
            cpus=etcd.limits.cpus,
            role=Role.MANAGER,
            host=host.name,
            peers=tuple(one.name for one in managers if one != host),
            peers_needed=len(managers) // 2 + 1,
            is_protected=spec.is_guarded,
        )
        yield WantedVolume(name=names.volume(spec.stack, logical), host=host)


def _backups(spec: PlatformSpec) -> Iterator[Wanted]:
    """Yield what backs each store up beside its members, and what proves the backups."""
    for name, store in spec.backed_up.items():
        image = spec.shared_image(build=store.build, image=store.image, path=("data-stores", name, "build"))
        hosts = [member.host.name for member in spec.members(name)]
        for host in hosts:
            yield WantedService(
                stack=spec.stack,
                logical=names.backup(name, host),
                owner=f"the backups of the data store {name}",
                path=("data-stores", name, "backup"),
                networks=(networks.store_network(name),) if store.is_asked_by_name else (),
                image=image,
                role=Role.DATABASE,
                host=host,
                peers=tuple(one for one in hosts if one != host),
            )
        yield WantedService(
            stack=spec.stack,
            logical=names.verify(name),
            owner=f"the proof of the backups of the data store {name}",
            path=("data-stores", name, "verify"),
            image=image,
            role=Role.MONITORING,
            host=spec.monitoring_host.name,
        )
        yield WantedVolume(name=names.volume(spec.stack, names.verify(name)), host=spec.monitoring_host)
