"""What an edit means for the data stores of a stack that runs: what would cost data, and what their clients notice."""

from __future__ import annotations

from collections.abc import Iterator

from colorway.outputs import GenerationOutputs, PlatformOutputs
from colorway.spec import names
from colorway.spec.hosts import Role
from colorway.spec.stores.logins import FIRST_LOGIN


def store_refusals(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield why an edit of data stores is refused, one sentence each with its cure."""
    yield from _moved_stores(installed, wanted)
    yield from _stores_with_other_members(installed, wanted)
    yield from _generations_that_jump(installed, wanted)
    yield from _logins_that_jump(installed, wanted)
    yield from _peers_that_change(installed, wanted)
    # Of a store with several members each says the same.
    yield from dict.fromkeys(_stores_of_other_data(installed, wanted))


def store_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield in words what an edit does to data stores with several members."""
    yield from _generation_words(installed, wanted)
    yield from _login_words(installed, wanted)
    yield from _member_words(installed, wanted)


def stores_going_back(installed: PlatformOutputs, wanted: PlatformOutputs) -> tuple[str, ...]:
    """Return the stores that go back to an earlier generation; whether its data is still there, only hosts know."""
    return tuple(store for store, was, after in _generations(installed, wanted) if after.number < was.number)


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


def members(outputs: PlatformOutputs) -> dict[str, list[str]]:
    """Return the hosts of each data store that has several members; a member has its host's name in its own."""
    found: dict[str, list[str]] = {}
    for one in outputs.services:
        if one.store and one.store_host and one.logical == names.member(one.store, one.store_host):
            found.setdefault(one.store, []).append(one.store_host)
    return found


def _stores_with_other_members(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield the stores whose data would not be there where members come, or not all of it where they go."""
    before, after = members(installed), members(wanted)
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


def _generations(
    installed: PlatformOutputs, wanted: PlatformOutputs
) -> Iterator[tuple[str, GenerationOutputs, GenerationOutputs]]:
    """Yield the stores that were there, each with the generation that it was and that it is to be."""
    there = {one.store for one in installed.services}
    for store, after in wanted.generations.items():
        if store in there:
            yield store, installed.generations.get(store, GenerationOutputs()), after


def _generations_that_jump(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield the stores that would become what their generation neither began from nor leads to."""
    for store, was, after in _generations(installed, wanted):
        begins = f"`colorway data restore {wanted.stack} {store} --to POINT` begins a new one"
        of_it = after.begins_from.generation if after.begins_from else None
        came_from = was.begins_from.generation if was.begins_from else None
        if after.number > was.number and of_it != was.number:
            yield (
                f"the data store {store} changes its generation from {was.number} to {after.number}, which begins from "
                f"another one; put it back: {begins}"
            )
        elif after.number < was.number and after.number != came_from:
            yield (
                f"the data store {store} changes its generation from {was.number} to {after.number}, and it began from "
                f"{came_from}; go back to that one first, by reverting the commit that began generation {was.number}"
            )
        elif after.number == was.number and after.begins_from != was.begins_from:
            yield (
                f"the data store {store} says something else of how its generation {was.number} began, and it has "
                f"begun; put it back: {begins}"
            )


def _logins(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[tuple[str, int, int]]:
    """Yield the PostgreSQL stores whose services get another login, each with the one that they have."""
    for store, after in wanted.logins.items():
        was = installed.logins.get(store, FIRST_LOGIN)
        if was != after and any(one.store == store for one in installed.services):
            yield store, was, after


def _logins_that_jump(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield the stores whose services would have the login that others of them have now, with another password."""
    for store, was, after in _logins(installed, wanted):
        if abs(after - was) > 1:
            further = was + (1 if after > was else -1)
            yield (
                f"the data store {store} changes its login from {was} to {after}, and there are two in turn, so that a "
                f"password in use could end; write {further}, with an `up` of its own"
            )


def _peers_that_change(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what members of data stores, and etcd, know each other by: it is settled when they begin."""
    if not (members(installed) and members(wanted)):
        return
    if installed.network and wanted.network and installed.network.host_ports != wanted.network.host_ports:
        yield (
            f"colorway:network's host-ports changes from {installed.network.host_ports} to "
            f"{wanted.network.host_ports}, and members of data stores know each other by their ports; put it back"
        )
    if abs(wanted.certificates - installed.certificates) > 1:
        further = installed.certificates + (1 if wanted.certificates > installed.certificates else -1)
        yield (
            f"colorway:certificates changes from {installed.certificates} to {wanted.certificates}, and members of "
            f"data stores trust those of one number more or less only; write {further} first"
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
        keys = service.changed_since(was) if was is not None and service.store_host else []
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


def _generation_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    for store, was, after in _generations(installed, wanted):
        both = f"from generation {was.number} to {after.number}"
        if after.number > was.number and after.begins_from:
            yield (
                f"the data store {store} goes {both}, which begins at {after.begins_from.to}: what came after that is "
                f"not in it; nobody can write until it has begun, and generation {was.number} stays beside it"
            )
        elif after.number < was.number:
            yield (
                f"the data store {store} goes back {both}: what was written since generation {was.number} began is not "
                "in it, and stays beside it"
            )


def _login_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    for store, was, after in _logins(installed, wanted):
        yield (
            f"the data store {store} goes from login {was} to {after}: its services restart one after the other, and "
            "both logins count until the last one has"
        )


def _member_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what happens to data stores with several members, which all say the same of their store."""
    before, after = installed.of(None), wanted.of(None)
    for store, hosts in members(wanted).items():
        kept = [name for name in (names.member(store, host) for host in hosts) if name in before]
        if not kept:
            continue
        was, is_ = before[kept[0]], after[kept[0]]
        if keys := is_.changed_since(was):
            how = "its members restart one after the other" if is_.restarts_since(was) else "no member restarts"
            yield f"the data store {store} changes ({', '.join(keys)}), {how}"
