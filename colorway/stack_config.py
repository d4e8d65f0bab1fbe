"""From a user's files to one `PlatformSpec`, or to the list of all that is wrong with them.

`parse` is pure. `from_file` feeds it for the release tool and the tests; `pulumi_config` feeds it for the program.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from colorway.build_context import digest_of
from colorway.documents import Document, Problem, read_document
from colorway.errors import ColorwayError
from colorway.explain import explain
from colorway.spec.base import StrictSpec
from colorway.spec.platform import ImageSource, PlatformFile
from colorway.spec.release import ReleaseManifest
from colorway.spec.root import PlatformSpec
from colorway.spec.stack import StackSettings

NAMESPACE = "colorway:"
"""Prefix of our keys in a stack file."""

Spec = TypeVar("Spec", bound=StrictSpec)
Path_ = tuple[str, ...]


class ConfigError(ColorwayError):
    """Mistakes in a user's files: all of them, each with its file, its line and its cure."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


def stack_file(stack: str) -> str:
    """Return the name of a stack's file."""
    return f"Pulumi.{stack}.yaml"


def platform_file(platform: str) -> str:
    """Return the path of a platform's file below the project."""
    return f"platforms/{platform}.yaml"


def release_file(platform: str, version: str) -> str:
    """Return the path of a release manifest below the project."""
    return f"releases/{platform}/{version}.yaml"


def known_names(root: Path, pattern: str) -> list[str]:
    """Return the names (without suffix) of the files below the project that match a glob."""
    return sorted(path.name.removesuffix(".yaml") for path in root.glob(pattern))


def from_file(*, root: Path, stack: str) -> PlatformSpec:
    """Read a stack's files.

    Raises:
        ConfigError: something in them is wrong, or a file is missing.
    """
    name = stack_file(stack)
    if not (root / name).is_file():
        stacks = ", ".join(known.removeprefix("Pulumi.") for known in known_names(root, "Pulumi.*.yaml")) or "none"
        raise ConfigError([Problem(file=name, message=f"there is no such stack; known: {stacks}")])
    document = _read(root, name)
    settings = document.section("config").keys_with_prefix(NAMESPACE)
    return load(root=root, stack=stack, settings=settings)


def load(*, root: Path, stack: str, settings: Document) -> PlatformSpec:
    """Read what a stack's settings name, and put it together.

    Args:
        root: The project's folder.
        stack: Name of the stack.
        settings: The keys under `colorway:`, without that prefix.

    Raises:
        ConfigError: something is wrong.
    """
    parsed = _validate(StackSettings, settings)
    _raise(settings.problems(parsed.problems()))
    name = platform_file(parsed.platform)
    if not (root / name).is_file():
        known = ", ".join(known_names(root, "platforms/*.yaml")) or "none"
        raise ConfigError([settings.problem(("platform",), f"there is no {name}; known platforms: {known}")])
    platform = _read(root, name)
    releases: dict[str, Document] = {}
    missing = []
    for color in parsed.versions.on:
        version = str(parsed.versions.of(color))
        path = release_file(parsed.platform, version)
        if (root / path).is_file():
            releases[version] = _read(root, path)
            continue
        known = ", ".join(known_names(root, f"releases/{parsed.platform}/*.yaml")) or "none"
        missing.append(settings.problem(("versions", color.value), f"there is no {path}; known versions: {known}"))
    _raise(missing)
    return parse(
        stack=stack,
        settings=settings,
        platform=platform,
        releases=releases,
        build_digests=_digests(root, platform),
    )


def parse(
    *,
    stack: str,
    settings: Document,
    platform: Document,
    releases: Mapping[str, Document],
    build_digests: Mapping[str, str],
) -> PlatformSpec:
    """Validate documents and put them together; pure.

    Args:
        stack: Name of the stack.
        settings: The keys under `colorway:`, without that prefix.
        platform: The platform file.
        releases: Release manifests by version.
        build_digests: Digest of each folder under images/.

    Raises:
        ConfigError: all mistakes of the first file that has any.
    """
    parsed = _validate(StackSettings, settings)
    merged = platform.overridden_by(settings.section("overrides"))
    file = _validate(PlatformFile, merged)
    _raise(settings.problems(parsed.problems()) + merged.problems(file.problems()))
    manifests = {version: _validate(ReleaseManifest, document) for version, document in releases.items()}
    problems: list[Problem] = []
    for version, manifest in manifests.items():
        problems += releases[version].problems(_manifest_problems(manifest, file))
    problems += settings.problems(_name_problems(stack, file))
    problems += merged.problems(_build_problems(file, build_digests))
    if file.images is ImageSource.LOCAL and not parsed.hosts[0].is_local:
        problems.append(
            settings.problem(
                ("hosts",), "are not this machine, and the platform's images are built here; use a registry"
            )
        )
    _raise(problems)
    return PlatformSpec(
        stack=stack, settings=parsed, platform=file, releases=manifests, build_digests=dict(build_digests)
    )


def _manifest_problems(manifest: ReleaseManifest, platform: PlatformFile) -> list[tuple[Path_, str]]:
    colored = {name for name, service in platform.services.items() if service.colored}
    found: list[tuple[Path_, str]] = []
    for name in manifest.images:
        if name not in colored:
            near = difflib.get_close_matches(name, colored, n=1)
            hint = f"did you mean {near[0]}?" if near else f"colored services: {', '.join(sorted(colored))}"
            found.append((("images", name), f"is no colored service of the platform; {hint}"))
    if platform.images is ImageSource.LOCAL and manifest.images:
        found.append((("images",), "are listed, and the platform builds its own; leave images out"))
    if platform.images is ImageSource.REGISTRY:
        found += [
            (("images",), f"has no image for {name}; a version is one image per colored service")
            for name in sorted(colored - set(manifest.images))
        ]
    if manifest.migrations and platform.migrations is None:
        found.append(
            (
                ("migrations",),
                "are listed, and the platform has no migration command; add `migrations` to the platform file",
            )
        )
    return found


def _name_problems(stack: str, platform: PlatformFile) -> list[tuple[Path_, str]]:
    longest = max([*platform.services, *platform.data_stores], key=len)
    room = 63 - len(longest) - len("--green")
    if len(stack) <= room:
        return []
    return [((), f"the stack's name {stack} is too long for the service {longest}; use at most {room} characters")]


def _build_problems(platform: PlatformFile, digests: Mapping[str, str]) -> list[tuple[Path_, str]]:
    folders = ", ".join(sorted(digests)) or "none"
    named = [
        *((("services", name, "build"), service.build) for name, service in platform.services.items()),
        *((("data-stores", name, "build"), store.build) for name, store in platform.data_stores.items()),
        (("edge", "build"), platform.edge.build),
        (("monitoring", "build"), platform.monitoring.build),
        (("monitoring", "mtail-build"), platform.monitoring.mtail_build),
    ]
    return [
        (path, f"names the folder images/{folder}, which is not there; known: {folders}")
        for path, folder in named
        if folder is not None and folder not in digests
    ]


def _digests(root: Path, platform: Document) -> dict[str, str]:
    if platform.value("images") != ImageSource.LOCAL:
        return {}
    return {folder.parent.name: digest_of(folder.parent) for folder in sorted(root.glob("images/*/Dockerfile"))}


def _read(root: Path, name: str) -> Document:
    document, problems = read_document(root / name, name=name)
    _raise(problems)
    return document


def _validate(model: type[Spec], document: Document) -> Spec:
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(document.problems(explain(model, error))) from None


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise ConfigError(problems)
