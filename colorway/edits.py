"""What an edit of the files means for a stack that runs: why it is refused, and what its users would notice.

Pure: compares what the stack said of itself when it was last applied with what it would say now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from colorway.outputs import NetworkOutputs, PlatformOutputs, ServiceOutputs
from colorway.spec import names
from colorway.spec.hosts import Role, is_majority
from colorway.spec.services import ServiceKind
from colorway.spec.traffic import Color, illegal_changes

IN_PLACE = frozenset({"replicas", "limits", "restart", "update", "placement"})
"""Keys of a service that may change under its users: the swarm moves task by task, and behaviour stays the same."""

STANDSTILL = frozenset({"networks", "port", "uses"})
"""Keys of a shared service whose change its callers notice: they ask at the old port, or it is made anew meanwhile."""

TOLD = frozenset({"direct", "durability", "extensions", "members", "parameters", "password", "pool"})
"""Keys of a data store with several members that these are told while they run, or that only others know."""


def refusals(installed: PlatformOutputs | None, wanted: PlatformOutputs) -> list[str]:
    """Return why an edit is refused, one sentence each with its cure; empty = it may be applied. Design §4, §5.

    Args:
        installed: What the stack said when it was last applied; none = it never was.
        wanted: What it would say with the files as they are.
    """
    if installed is None:
        return []
    return [
        *illegal_changes(installed.installed, wanted.installed),
        *_networks_made_anew(installed.network, wanted.network),
        *_under_users(installed, wanted),
        *_under_callers(installed, wanted),
        *_moved_stores(installed, wanted),
        *_stores_with_other_members(installed, wanted),
        *_peers_that_change(installed, wanted),
        # Of a store with several members each says the same.
        *dict.fromkeys(_stores_of_other_data(installed, wanted)),
        *_hosts_that_leave(installed, wanted),
    ]


def sentence(installed: PlatformOutputs | None, wanted: PlatformOutputs) -> str:
    """Return in words what an edit does to a stack, what users would notice first."""
    if installed is None:
        on = " and ".join(
            f"{color.value} at {wanted.versions.of(color)} with {wanted.traffic.of(color)} %"
            for color in wanted.versions.on
        )
        return f"first install: {on} of the traffic"
    parts = [
        *_traffic_words(installed, wanted),
        *_version_words(installed, wanted),
        *_service_words(installed, wanted),
        *_member_words(installed, wanted),
        *_host_words(installed, wanted),
    ]
    return "; ".join(parts) if parts else "nothing that users would notice"


def _under_users(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what would change in a color that has users, without a version that says so."""
    for color in installed.versions.on:
        share = installed.traffic.of(color)
        if share == 0 or installed.versions.of(color) != wanted.versions.of(color):
            continue
        cure = (
            f"while {color.value} has {share} % of the traffic; write it under `services` of the next version's "
            "manifest and release that"
        )
        before, after = _of(installed, color), _of(wanted, color)
        for name in sorted(before | after):
            if name not in after:
                yield f"the service {name} leaves {color.value} {cure}"
            elif name not in before:
                yield f"the service {name} comes to {color.value} {cure}"
            else:
                keys = [key for key in _changed(before[name], after[name]) if key not in IN_PLACE]
                if keys:
                    yield f"the service {name} of {color.value} changes ({', '.join(keys)}) {cure}"


def _under_callers(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what takes a shared service away from those that have users: it has no version that could say so."""
    after = _of(wanted, None)
    for name, was in _of(installed, None).items():
        if was.kind is not ServiceKind.SHARED:
            continue
        callers = [
            f"{one.logical} of {one.color.value} names it"
            for one in installed.services
            if one.color and name in one.calls and (installed.traffic.of(one.color) or wanted.traffic.of(one.color))
        ]
        if name not in after:
            if callers:
                cure = "release a version that does without it, then leave it out"
                yield f"the shared service {name} goes while {' and '.join(callers)}; {cure}"
            continue
        keys = [key for key in _changed(was, after[name]) if key in STANDSTILL]
        callers += ["routes lead users to it"] if "routes" in was.definition else []
        if keys and callers:
            cure = "add one of another name, let the next version and the routes name that, then leave this one out"
            yield f"the shared service {name} changes ({', '.join(keys)}) while {' and '.join(callers)}; {cure}"


def _networks_made_anew(installed: NetworkOutputs | None, wanted: NetworkOutputs | None) -> Iterator[str]:
    """Yield what no network changes in place: it would be made anew, and with it every service that is on it."""
    if wanted is None:
        return
    outage = "every service on it would be made anew, which is an outage"
    if installed is None:
        yield f"the stack has the networks of an older Colorway, and {outage}; take the stack down first"
        return
    cure, anew = f"{outage}; put it back", "or take the stack down and up again"
    for key in ("range", "encrypted", "mtu"):
        before, after = getattr(installed, key), getattr(wanted, key)
        if before != after:
            yield f"colorway:network's {key} changes from {_word(before)} to {_word(after)}; {cure}, {anew}"
    for store, slot in installed.slots.items():
        if wanted.slots.get(store, slot) != slot:
            yield (
                f"the data store {store} changes its slot from {slot} to {wanted.slots[store]}; {cure} with "
                f"`slot: {slot}`, {anew}"
            )


def _word(value: object) -> str:
    """Return a value as the stack's file writes it."""
    return "nothing" if value is None else str(value).lower()


def _moved_stores(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield the stores that would start on another host, where their volume is empty."""
    before = {one.service: one for one in installed.services if one.store_host}
    for service in wanted.services:
        was = before.get(service.service)
        if was is not None and service.store_host is not None and service.store_host != was.store_host:
            yield (
                f"the data store {service.logical} moves from the host {was.store_host} to {service.store_host}, and "
                "its data stays behind; leave it there (hosts with the role database keep their order), or move it "
                "with a backup and a restore"
            )


def _members(outputs: PlatformOutputs) -> dict[str, list[str]]:
    """Return the hosts of each data store that has several members; a member has its host's name in its own."""
    found: dict[str, list[str]] = {}
    for one in outputs.services:
        if one.store and one.store_host and one.logical == names.member(one.store, one.store_host):
            found.setdefault(one.store, []).append(one.store_host)
    return found


def _stores_with_other_members(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield the stores whose data would not be there where members come, or not all of it where they go."""
    before, after = _members(installed), _members(wanted)
    kept = [service.logical for service in wanted.services if service.store_host]
    for store, was in before.items():
        if store in kept:
            yield _begins_anew(store, "several members", "one")
            continue
        gone = [host for host in was if host not in after.get(store, was)]
        if len(gone) > 1:
            yield (
                f"the data store {store} would lose its members on {', '.join(gone)} at once, and with them what only "
                "those have; take out one at a time, each with its own `up`"
            )
    for store in after:
        if any(one.logical == store and one.store_host for one in installed.services):
            yield _begins_anew(store, "one member", "several")


def _begins_anew(store: str, few: str, many: str) -> str:
    return (
        f"the data store {store} has {few} and would have {many}, which begin without its data; add one of another "
        "name, bring the data there with a dump, and let the next version use that"
    )


def _peers_that_change(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what members of data stores, and etcd, know each other by: it is settled when they begin."""
    if not (_members(installed) and _members(wanted)):
        return
    if installed.network and wanted.network and installed.network.host_ports != wanted.network.host_ports:
        yield (
            f"colorway:network's host-ports changes from {installed.network.host_ports} to "
            f"{wanted.network.host_ports}, and members of data stores know each other by their ports; put it back"
        )
    if not all(any(one.logical.startswith(names.etcd("")) for one in each.services) for each in (installed, wanted)):
        return
    before, after = _managers(installed), _managers(wanted)
    lost = "and etcd, which knows who leads the members of data stores, would count it among those that are lost"
    for name, address in before.items():
        if name not in after:
            yield f"the manager {name} leaves, {lost}; keep it: a machine in its place takes its name and its address"
        elif after[name] != address:
            yield f"the manager {name} changes its address from {address} to {after[name]}, {lost}; put it back"


def _managers(outputs: PlatformOutputs) -> dict[str, str]:
    return {host.name: host.address for host in outputs.hosts if Role.MANAGER in host.roles}


def _stores_of_other_data(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield the stores whose volume does not hold what they would be told to serve, or would no longer be kept."""
    before = {one.service: one for one in installed.services if one.store_host}
    add = "add one of another name, let the next version use that, and leave this one out once nobody does"
    for service in wanted.services:
        was = before.get(service.service)
        keys = _changed(was, service) if was is not None and service.store_host else []
        name = service.store or service.logical
        if "kind" in keys:
            yield f"the data store {name} changes its kind, and its volume has another program's data; {add}"
            continue
        for key in ("database", "user"):
            if key in keys:
                yield (
                    f"the data store {name} changes its {key}, which is made on an empty volume only, so "
                    "that it would not start; put it back, or make the new one by hand and say --in-place"
                )
        # Of several members `from` is only how the first cluster begins; with one it is the volume.
        if "from" in keys and service.logical == service.store:
            yield f"the data store {name} changes its `from`, and would be served from another volume than now; {add}"
        # What is the default is not in a definition, and that is a queue.
        if "use" in keys and "use" in service.definition:
            yield f"the data store {name} becomes a cache, and what is queued in it is gone; {add}"


def _hosts_that_leave(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield whose leaving takes more away than those that stay can make up for."""
    kept = {host.name for host in wanted.hosts}
    managers = [host.name for host in installed.hosts if Role.MANAGER in host.roles]
    gone = [name for name in managers if name not in kept]
    left = len(managers) - len(gone)
    if gone and not is_majority(left, of=len(managers)):
        yield (
            f"the managers {', '.join(gone)} leave, and the {left} that stay would be no majority of {len(managers)}: "
            "nothing could be changed any more; take out one at a time, each with its own `up`"
        )
    edge = [one.host for one in installed.load_balancers]
    if installed.hosts and not kept.intersection(edge):
        yield (
            f"with {', '.join(edge)} the last load balancer leaves that has users; add the new one first, and take the "
            "old one out once its users have come over"
        )


def _host_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> list[str]:
    kept = {host.name for host in wanted.hosts}
    gone = [host.name for host in installed.hosts if host.name not in kept]
    return [f"the host {name} leaves: its tasks move to others, and it is taken out of the swarm" for name in gone]


def _traffic_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> list[str]:
    before, after = installed.traffic, wanted.traffic
    found: list[str] = []
    if (before.blue, before.green) != (after.blue, after.green):
        found.append(
            f"traffic {before.blue}:{before.green} → {after.blue}:{after.green} (blue:green), the load balancers "
            "reload, no task restarts"
        )
    if before.active != after.active:
        found.append(f"{after.active.value} becomes active: workers, schedulers and crons move there")
    return found


def _version_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> list[str]:
    found: list[str] = []
    for color in Color:
        before, after = installed.versions.of(color), wanted.versions.of(color)
        if before == after:
            continue
        users = installed.traffic.of(color)
        seen = f", seen by {users} % of the users" if users else ", seen by no user"
        if after is None:
            found.append(f"{color.value} ({before}) goes off")
        elif before is None:
            found.append(f"{color.value} comes up with {after}{seen}")
        else:
            found.append(f"{color.value} changes from {before} to {after}{seen}")
    return found


def _service_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> list[str]:
    """Return what happens to services whose version stays or that have none."""
    before = {one.service: one for one in installed.services}
    kept = {one.service for one in wanted.services}
    members = {names.member(store, host) for store, hosts in _members(wanted).items() for host in hosts}
    found: list[str] = []
    for service in wanted.services:
        was = before.get(service.service) if service.logical not in members else None
        if was is None and service.kind is ServiceKind.SHARED:
            found.append(f"{service.service} comes up beside both colors")
        if was is None or (service.color is not None and was.version != service.version):
            continue
        keys = _changed(was, service)
        if keys:
            found.append(f"{service.service} ({', '.join(keys)}) {_how(service, keys)}")
    gone = [name for name, one in before.items() if one.kind is ServiceKind.SHARED and name not in kept]
    return [*found, *(f"{name} goes, under both colors" for name in gone)]


def _member_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what happens to data stores with several members, which all say the same of their store."""
    before, after = _of(installed, None), _of(wanted, None)
    for store, hosts in _members(wanted).items():
        kept = [name for name in (names.member(store, host) for host in hosts) if name in before]
        keys = _changed(before[kept[0]], after[kept[0]]) if kept else []
        if keys:
            how = "no member restarts" if TOLD.issuperset(keys) else "its members restart one after the other"
            yield f"the data store {store} changes ({', '.join(keys)}), {how}"


def _how(service: ServiceOutputs, keys: Sequence[str]) -> str:
    """Return how a service changes in place, and for whom."""
    if service.store_host:
        return "restarts, its clients wait"
    if service.kind is not ServiceKind.SHARED:
        return "rolls, task by task"
    if STANDSTILL.intersection(keys):
        return "stands still for a moment, for the users of both colors"
    if service.pauses:
        return "restarts, its clients in both colors wait"
    return "rolls, task by task, for the users of both colors at once"


def _of(outputs: PlatformOutputs, color: Color | None) -> dict[str, ServiceOutputs]:
    return {service.logical: service for service in outputs.services if service.color is color}


def _changed(before: ServiceOutputs, after: ServiceOutputs) -> Sequence[str]:
    """Return the keys of a service that differ; of one that an older program described, nothing is known."""
    if not before.definition:
        return []
    keys = sorted(before.definition.keys() | after.definition.keys())
    return [key for key in keys if before.definition.get(key) != after.definition.get(key)]
