"""What an edit does to a stack that runs, in words: what its users would notice first."""

from __future__ import annotations

from collections.abc import Sequence

from colorway.edits.refusals import STANDSTILL, due_migrations
from colorway.edits.stores import members, store_words
from colorway.outputs import PlatformOutputs, ServiceOutputs
from colorway.spec import names
from colorway.spec.services import ServiceKind
from colorway.spec.stack import LockDown
from colorway.spec.traffic import Color

NOTHING = "nothing that users would notice"
"""The sentence of an edit that changes nothing for users."""


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
        *_maintenance_words(installed, wanted),
        *_lock_down_words(installed, wanted),
        *_version_words(installed, wanted),
        *_migration_words(installed, wanted),
        *_service_words(installed, wanted),
        *store_words(installed, wanted),
        *_host_words(installed, wanted),
    ]
    return "; ".join(parts) if parts else NOTHING


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


def _maintenance_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> list[str]:
    before, after = installed.maintenance, wanted.maintenance
    found = [
        f"{place} is closed for maintenance: visitors get a page with 503, whoever has the link goes through, what is "
        "under way is finished, no task restarts"
        for place in after
        if place not in before
    ]
    found += [f"{place} is open again after maintenance" for place in before if place not in after]
    return found + [
        f"visitors of {place}, which is closed, read something else"
        for place, message in after.items()
        if before.get(place, message) != message
    ]


def _lock_down_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> list[str]:
    if installed.lock_down is wanted.lock_down:
        return []
    refused = "are refused" if wanted.lock_down is LockDown.CLOSED else "are answered"
    return [f"requests that come past Cloudflare {refused} (lock-down: {wanted.lock_down.value})"]


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


def _migration_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> list[str]:
    found = [
        f"the migration {one} of {version} waits until the other color, which would not work afterwards, is off"
        for one, version in wanted.held.items()
        if one not in installed.held
    ]
    if names_of := ", ".join(due_migrations(installed, wanted)):
        found.append(f"then {names_of} runs, after which no older version works; only a restore leads back")
    return found


def _service_words(installed: PlatformOutputs, wanted: PlatformOutputs) -> list[str]:
    """Return what happens to services whose version stays or that have none."""
    before = {one.service: one for one in installed.services}
    kept = {one.service for one in wanted.services}
    of_stores = {names.member(store, host) for store, hosts in members(wanted).items() for host in hosts}
    found: list[str] = []
    for service in wanted.services:
        was = before.get(service.service) if service.logical not in of_stores else None
        if was is None and service.kind is ServiceKind.SHARED:
            found.append(f"{service.service} comes up beside both colors")
        if was is None or (service.color is not None and was.version != service.version):
            continue
        keys = service.changed_since(was)
        if keys:
            found.append(f"{service.service} ({', '.join(keys)}) {_how(service, was, keys)}")
    gone = [name for name, one in before.items() if one.kind is ServiceKind.SHARED and name not in kept]
    return [*found, *(f"{name} goes, under both colors" for name in gone)]


def _how(service: ServiceOutputs, was: ServiceOutputs, keys: Sequence[str]) -> str:
    """Return how a service changes in place, and for whom."""
    if service.store_host:
        return "restarts, its clients wait" if service.restarts_since(was) else "does not restart"
    if service.kind is not ServiceKind.SHARED:
        return "rolls, task by task"
    if STANDSTILL.intersection(keys):
        return "stands still for a moment, for the users of both colors"
    if service.pauses:
        return "restarts, its clients in both colors wait"
    return "rolls, task by task, for the users of both colors at once"
