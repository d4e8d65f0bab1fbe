"""A platform in layers: its file, what a version says of itself, what the stack says; later layers win.

`overrides` of a stack file has the platform file's keys, and under `versions` the same for one version only.
A service that a layer sets to null is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from colorway.config.documents import Document, Problem
from colorway.spec.base import Mistake, hint
from colorway.spec.services import ServiceKind, ServiceSpec

SERVICES = "services"
MIGRATIONS = "migrations"
MIGRATION_SERVICE = "migration-service"
VERSIONS = "versions"
SHARED_CURE = "write it into the platform file, or under overrides.services of a stack"


def for_stack(platform: Document, overrides: Document, manifests: Iterable[Document] = ()) -> Document:
    """Return a platform file with what the stack changes in it, whatever the version.

    Args:
        platform: The platform file.
        overrides: `colorway:overrides`.
        manifests: Of every version; what the stack changes in a service that only they have is for those versions.
    """
    elsewhere = {name for manifest in manifests for name in manifest.section(SERVICES).data}
    services = overrides.section(SERVICES).data
    known = {name for name, said in services.items() if name not in elsewhere or _is_whole(said)}
    return platform.overridden_by(_of_known(overrides, known={*platform.section(SERVICES).data, *known}))


def for_version(
    merged: Document, manifest: Document, overrides: Document, *, version: str, platform: Document
) -> Document:
    """Return a platform file with what a version says of its services, and what the stack says of both.

    Args:
        merged: The platform file as the stack changes it whatever the version.
        manifest: The version's.
        overrides: `colorway:overrides`.
        version: The version.
        platform: The platform file.
    """
    defined = platform.overridden_by(_of_version(manifest, platform))
    named = overrides.section(VERSIONS).section(version)
    of_stack = merged.section(SERVICES).data.keys() - platform.section(SERVICES).data.keys()
    changed = defined.overridden_by(_of_known(overrides, known={*defined.section(SERVICES).data, *of_stack}))
    return changed.overridden_by(_only_services(named.data, named))


def changes_services(manifest: Document, overrides: Document, *, version: str) -> bool:
    """Return whether a version's services may be others than the platform file's."""
    said = manifest.value(SERVICES) or manifest.value(MIGRATION_SERVICE)
    return bool(said) or version in overrides.section(VERSIONS).data


def version_override_mistakes(overrides: Document, *, known: Iterable[str]) -> list[Mistake]:
    """Return what is wrong with the part of `overrides` that is for one version.

    Args:
        overrides: `colorway:overrides`.
        known: Versions that have a release manifest.
    """
    said = overrides.value(VERSIONS)
    if said is None:
        return []
    if not isinstance(said, Mapping):
        return [
            ((VERSIONS,), 'must be a mapping: versions in quotes, each with its services, for example {"1.9.0": …}')
        ]
    versions = list(known)
    found: list[Mistake] = []
    for version, below in said.items():
        if version not in versions:
            found.append(((VERSIONS, version), f"is no version with a release manifest; {hint(version, versions)}"))
        elif not isinstance(below, Mapping):
            found.append(((VERSIONS, version), "must be a mapping with the key services"))
        else:
            found += [
                (
                    (VERSIONS, version, key),
                    "belongs to no version; only services do, so write it under overrides itself",
                )
                for key in below
                if key != SERVICES
            ]
    return found


def removal_mistakes(layer: Document, *below: Document, of: str = "the platform file") -> list[Mistake]:
    """Return the services that a layer leaves out and no layer below it has.

    Args:
        layer: The layer.
        below: The layers below it.
        of: What they are, in the words of the message.
    """
    known = {name: None for one in below for name, said in one.section(SERVICES).data.items() if said is not None}
    return [
        ((SERVICES, name), f"is no service of {of}, so null says nothing; {hint(name, known)}")
        for name, said in layer.section(SERVICES).data.items()
        if said is None and name not in known
    ]


def shared_mistakes(layer: Document, platform: Document) -> list[Mistake]:
    """Return what a version says of shared services: it has none, so it can neither change, add nor drop one.

    Args:
        layer: What a manifest, or a stack for one version, says.
        platform: The platform file with what the stack changes in it.
    """
    known = _kinds(platform)
    found: list[Mistake] = []
    for name, kind in _kinds(layer).items():
        if known.get(name) == ServiceKind.SHARED:
            found.append(((SERVICES, name), f"is shared by all versions; {SHARED_CURE}"))
        elif kind == ServiceKind.SHARED:
            message = f"cannot be shared here: a shared service is of no version; {SHARED_CURE}"
            found.append(((SERVICES, name, "kind"), message))
    return found


def layer_problems(*, merged: Document, last: Document, found: Iterable[Mistake]) -> list[Problem]:
    """Return mistakes that exist only with the layers, each in the layer that makes it.

    Args:
        merged: The document with all its layers.
        last: The layer that is named where none made the mistake by itself.
        found: The mistakes.
    """
    result = []
    for path, message in found:
        below = next((origin for origin in merged.origins if origin[: len(path)] == path), None)
        if any(path[:length] in merged.origins for length in range(1, len(path) + 1)):
            result.append(merged.problem(path, message))
        elif below is not None:
            document, inside = merged.origins[below]
            result.append(document.problem(inside, f"with this, {'.'.join(path)} {message}"))
        else:
            result.append(last.problem((), f"with these, {'.'.join(path)} {message}"))
    return result


def _kinds(document: Document) -> dict[str, object]:
    """Return what each service says that its kind is; nothing is known to be well formed yet."""
    services = document.section(SERVICES).data
    return {name: said.get("kind") if isinstance(said, Mapping) else None for name, said in services.items()}


def _is_whole(said: object) -> bool:
    """Return whether what a stack says of a service is all that a service needs."""
    try:
        ServiceSpec.model_validate(said, by_alias=True, by_name=False)
    except ValidationError:
        return False
    return True


def _of_version(manifest: Document, platform: Document) -> Document:
    """Return what a manifest changes in the platform file, at the places that this has for it."""
    layer = _only_services(manifest.data, manifest)
    name = manifest.value(MIGRATION_SERVICE)
    if not isinstance(name, str) or not platform.value(MIGRATIONS):
        return layer
    place = (MIGRATIONS, "service")
    origins = {**layer.origins, place: (manifest, (MIGRATION_SERVICE,))}
    return replace(layer, data={**layer.data, MIGRATIONS: {"service": name}}, origins=origins)


def _only_services(data: Mapping[str, Any], document: Document) -> Document:
    return replace(document, data={SERVICES: data[SERVICES]} if data.get(SERVICES) else {})


def _of_known(overrides: Document, *, known: Collection[str]) -> Document:
    """Return a stack's overrides without its versions', and without those of services that are not known.

    Other versions may have them; what none has is found where the platform file is looked at by itself.
    """
    data = {key: value for key, value in overrides.data.items() if key != VERSIONS}
    services = data.get(SERVICES)
    if isinstance(services, Mapping):
        data[SERVICES] = {name: value for name, value in services.items() if name in known}
    return replace(overrides, data=data)
