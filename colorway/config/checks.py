"""What must hold between the files of a stack, each of which is well formed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from colorway.config.documents import Document, Problem
from colorway.spec import names
from colorway.spec.base import Mistake, hint, nearest
from colorway.spec.fields import LABEL_LIMIT
from colorway.spec.hosts import Role
from colorway.spec.platform_file import ImageSource, PlatformFile
from colorway.spec.release import ReleaseManifest
from colorway.spec.stack import StackSettings
from colorway.spec.traffic import Color


def override_problems(*, merged: Document, overrides: Document, found: Iterable[Mistake]) -> list[Problem]:
    """Return mistakes that only exist with a stack's overrides, at the override that makes each."""
    result = []
    for path, message in found:
        below = next((origin for origin in merged.origins if origin[: len(path)] == path), None)
        if any(path[:length] in merged.origins for length in range(1, len(path) + 1)):
            result.append(merged.problem(path, message))
        elif below is not None:
            result.append(overrides.problem(below, f"with this, {'.'.join(path)} {message}"))
        else:
            result.append(overrides.problem((), f"with these, {'.'.join(path)} {message}"))
    return result


def manifest_mistakes(manifest: ReleaseManifest, platform: PlatformFile) -> list[Mistake]:
    """Return what a release manifest says that does not fit its platform."""
    unknown = [name for name in manifest.images if name not in platform.services]
    found: list[Mistake] = [
        (("images", name), f"is no service of the platform; {hint(name, platform.services)}") for name in unknown
    ]
    if platform.images is ImageSource.LOCAL and manifest.images:
        found.append((("images",), "are listed, and the platform builds its own; leave images out"))
    if platform.images is ImageSource.REGISTRY:
        meant = {nearest(name, platform.services) for name in unknown}
        found += [
            (("images",), f"has no image for {name}; a version is one image per service")
            for name in sorted(set(platform.services) - set(manifest.images) - meant)
        ]
    if manifest.migrations and platform.migrations is None:
        found.append(
            (
                ("migrations",),
                "are listed, and the platform has no migration command; add `migrations` to the platform file",
            )
        )
    return found


def build_mistakes(platform: PlatformFile, digests: Mapping[str, str]) -> list[Mistake]:
    """Return the build folders that the platform names and images/ does not have."""
    edge, monitoring = platform.edge, platform.monitoring
    named: list[tuple[tuple[str, ...], str | None]] = [
        *((("services", name, "build"), service.build) for name, service in platform.services.items()),
        *((("data-stores", name, "build"), store.build) for name, store in platform.data_stores.items()),
        (("edge", "build"), edge.build),
        (("monitoring", "build"), monitoring.build),
        (("monitoring", "mtail-build"), monitoring.mtail_build),
    ]
    return [
        (path, f"names a folder that images/ does not have (with a Dockerfile); {hint(folder, digests)}")
        for path, folder in named
        if folder is not None and folder not in digests
    ]


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
