"""The names that a stack takes in the swarm: none too long, none twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from colorway.spec import names
from colorway.spec.base import Mistake
from colorway.spec.fields import LABEL_LIMIT
from colorway.spec.hosts import Role
from colorway.spec.platform import PlatformFile
from colorway.spec.release import ReleaseManifest
from colorway.spec.stack import StackSettings
from colorway.spec.traffic import Color


class SwarmName(NamedTuple):
    """A service's name without the stack's, and whose it is."""

    logical: str
    owner: str
    path: tuple[str, ...] = ()
    """Where the platform file names it."""


def swarm_names(
    settings: StackSettings, platform: PlatformFile, manifests: Iterable[ReleaseManifest]
) -> tuple[SwarmName, ...]:
    """Return every name of a stack; what the platform file names comes last."""
    return tuple(_named(settings, platform, manifests))


def _named(
    settings: StackSettings, platform: PlatformFile, manifests: Iterable[ReleaseManifest]
) -> Iterator[SwarmName]:
    yield SwarmName(names.PROMETHEUS, "Prometheus")
    for host in settings.hosts:
        if host.has(Role.LOAD_BALANCER):
            yield SwarmName(names.load_balancer(host.name), f"the load balancer of the host {host.name}")
            yield SwarmName(names.mtail(host.name), f"the log reader of the host {host.name}")
    for manifest in manifests:
        for migration in manifest.migrations:
            yield SwarmName(names.migration(migration.id), f"the migration {migration.id}")
    for service in platform.services:
        for color in Color:
            alias = names.colored_alias(service, color)
            yield SwarmName(alias, f"the service {service}", ("services", service))
    for store in platform.data_stores:
        yield SwarmName(store, f"the data store {store}", ("data-stores", store))


def length_mistakes(stack: str, taken: Sequence[SwarmName]) -> list[str]:
    """Return why a stack's name is too long, if it is: `<stack>-<name>` is a DNS label."""
    longest = max(taken, key=lambda name: len(name.logical))
    room = LABEL_LIMIT - len(longest.logical) - len("-")
    if len(stack) <= room:
        return []
    return [f"the stack's name is too long for {longest.owner}; use at most {room} characters, or rename that"]


def clash_mistakes(taken: Sequence[SwarmName]) -> list[Mistake]:
    """Return the names that two things would have."""
    owners: dict[str, str] = {}
    found: list[Mistake] = []
    for name in taken:
        first = owners.setdefault(name.logical, name.owner)
        if first != name.owner:
            found.append((name.path, f"would be called {name.logical} in the swarm, as {first} is; rename one"))
    return found
