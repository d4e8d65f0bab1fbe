"""Why an edit is refused while users are served, and what would be right."""

from __future__ import annotations

from collections.abc import Iterator

from colorway.edits.stores import store_refusals
from colorway.outputs import NetworkOutputs, PlatformOutputs
from colorway.spec.edge.tls import Issuer
from colorway.spec.hosts import Role, is_majority
from colorway.spec.release import due
from colorway.spec.services import ServiceKind
from colorway.spec.stack import LockDown
from colorway.spec.traffic import Color, illegal_changes

IN_PLACE = frozenset({"replicas", "limits", "restart", "update", "placement"})
"""Keys of a service that may change under its users: the swarm moves task by task, and behaviour stays the same."""
STANDSTILL = frozenset({"networks", "port", "uses"})
"""Keys of a shared service whose change its callers notice: they ask at the old port, or it is made anew meanwhile."""


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
        *store_refusals(installed, wanted),
        *_hosts_that_leave(installed, wanted),
        *_locked_out(installed, wanted),
        *_not_yet_issued(installed, wanted),
        *_in_the_way_of_migrations(installed, wanted),
    ]


def due_migrations(installed: PlatformOutputs | None, wanted: PlatformOutputs) -> tuple[str, ...]:
    """Return the migrations that waited for a color to be off, and run now because it is."""
    if installed is None:
        return ()
    return due(installed.held, on=[wanted.versions.of(color) for color in Color], waits=wanted.held)


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
        before, after = installed.of(color), wanted.of(color)
        for name in sorted(before | after):
            if name not in after:
                yield f"the service {name} leaves {color.value} {cure}"
            elif name not in before:
                yield f"the service {name} comes to {color.value} {cure}"
            else:
                keys = [key for key in after[name].changed_since(before[name]) if key not in IN_PLACE]
                if keys:
                    yield f"the service {name} of {color.value} changes ({', '.join(keys)}) {cure}"


def _under_callers(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what takes a shared service away from those that have users: it has no version that could say so."""
    after = wanted.of(None)
    for name, was in installed.of(None).items():
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
        keys = [key for key in after[name].changed_since(was) if key in STANDSTILL]
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


def _locked_out(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what would have load balancers refuse Cloudflare, and with it all users, until it shows a certificate."""
    if installed.lock_down is LockDown.OPEN and wanted.lock_down is LockDown.CLOSED:
        yield (
            "colorway:lock-down goes from open to closed at once, and until all of Cloudflare shows the stack's "
            "certificate, which takes minutes, its requests would be refused; write colorway:lock-down: ready, and "
            "take that out again some minutes after its `up`"
        )
    before, after = installed.origin_certificate, wanted.origin_certificate
    if LockDown.OPEN not in {installed.lock_down, wanted.lock_down} and abs(after - before) > 1:
        yield (
            f"colorway:lock-down.certificate changes from {before} to {after}, and load balancers know the next one "
            f"alone; write {before + (1 if after > before else -1)}, and go on some minutes after its `up`"
        )


def _not_yet_issued(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what would have Cloudflare refuse certificates that no authority has signed yet, and so all users."""
    zones = sorted(set(wanted.strict_zones) - set(installed.strict_zones))
    if zones and wanted.issuer is not installed.issuer and wanted.issuer is not Issuer.SELF_SIGNED:
        yield (
            f"colorway:tls goes from {installed.issuer} to {wanted.issuer}, and until that has issued certificates "
            f"Cloudflare would answer 526 under {', '.join(zones)}; write encryption: full for these in "
            "colorway:zones, and take it out again once `colorway status` shows the certificates"
        )


def _in_the_way_of_migrations(installed: PlatformOutputs, wanted: PlatformOutputs) -> Iterator[str]:
    """Yield what would come up in place of a color that a migration waits for, before or after it nobody could say."""
    for color in Color:
        before, after = installed.versions.of(color), wanted.versions.of(color)
        waiting = [one for one in due_migrations(installed, wanted) if installed.held[one] != after]
        if before and after and before != after and waiting:
            yield (
                f"{color.value} changes from {before} to {after} while {', '.join(waiting)} waits until {before} is "
                f"off; turn {color.value} off first (`colorway finish`), then give it {after}"
            )
