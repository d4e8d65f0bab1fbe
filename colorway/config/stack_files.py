"""From a user's files to one `PlatformSpec`, or to the list of all that is wrong with them.

`parse` is pure. `from_file` feeds it for the release tool and the tests; `pulumi_config` feeds it for the program.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from colorway.config.checks import (
    build_mistakes,
    certbot_mistakes,
    clash_mistakes,
    closed_mistakes,
    host_port_mistakes,
    kept_mistakes,
    length_mistakes,
    manifest_mistakes,
    member_mistakes,
    named_registries,
    password_mistakes,
    registry_mistakes,
    room_mistakes,
    route_mistakes,
    smoke_mistakes,
    token_mistakes,
)
from colorway.config.documents import Document, Problem, read_document
from colorway.config.engine_text import as_meant
from colorway.config.explain import explain
from colorway.config.layers import (
    SERVICES,
    VERSIONS,
    changes_services,
    for_stack,
    for_version,
    layer_problems,
    removal_mistakes,
    shared_mistakes,
    version_override_mistakes,
)
from colorway.config.service_checks import config_files, file_mistakes, issuer_file_mistakes, service_mistakes
from colorway.errors import ColorwayError
from colorway.spec import names
from colorway.spec.base import Mistake, StrictSpec, hint, nearest, to_kebab
from colorway.spec.fields import Label
from colorway.spec.names import NOTICE_SECRET, PURGE_SECRET, ZONE_SECRET
from colorway.spec.platform_file import ImageSource, PlatformFile
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.release import ReleaseManifest
from colorway.spec.stack import Environment, StackSettings

NAMESPACE = "colorway:"
"""Prefix of our keys in a stack file."""
MANAGER_VARIABLE = "COLORWAY_MANAGER"
"""Environment variable that names the manager that commands go to, where the first one does not answer."""
SECRETS = "secrets:"
"""Prefix of the platform's secrets in a stack file."""
TOP_LEVEL = ("config", "encryptionsalt", "encryptedkey", "environment", "secretsprovider")
"""What the engine knows at the top of a stack file."""
OTHER_NAMESPACES = ("cloudflare", "command", "docker", "pulumi")
"""Namespaces of the engine and of the plugins that the program uses."""


def stack_file_problems(document: Document, *, stack: str) -> list[Problem]:
    """Return what is wrong around the settings of a stack file, whatever its platform."""
    found: list[Mistake] = [
        ((key,), f"is no known key; {hint(key, TOP_LEVEL)}") for key in document.data if key not in TOP_LEVEL
    ]
    config = document.value("config")
    if config is not None and not isinstance(config, dict):
        found.append((("config",), "must be a mapping: keys, each with a value"))
    section = document.section("config").keys_with_prefix("")
    return document.problems(found) + section.problems(
        ((key,), message) for key, value in section.data.items() for message in _key_mistake(key, value, stack)
    )


def secret_name_problems(document: Document, *, secrets: Iterable[str]) -> list[Problem]:
    """Return the secrets that a stack file sets and its platform does not know."""
    known = [*secrets, ZONE_SECRET, PURGE_SECRET]
    section = document.section("config").keys_with_prefix(SECRETS)
    return section.problems(
        ((name,), f"is no secret of the platform; {hint(name, [*known, NOTICE_SECRET])}")
        for name in section.data
        if name not in known and not name.startswith(NOTICE_SECRET)
    )


def _key_mistake(key: str, value: object, stack: str) -> list[str]:
    namespace, colon, name = key.partition(":")
    if not colon:
        near = nearest(key, [to_kebab(field) for field in StackSettings.model_fields])
        cure = f"did you mean {NAMESPACE}{near}?" if near else f"colorway's own keys begin with {NAMESPACE}"
        return [f"has no namespace; {cure}"]
    if f"{namespace}:" == SECRETS and not (isinstance(value, dict) and set(value) == {"secure"}):
        cure = f"remove the line and run `pulumi config set --secret {key} --stack {stack}`"
        return [f"is in plain text, and git would keep it; {cure}"]
    ours = [NAMESPACE.rstrip(":"), SECRETS.rstrip(":")]
    meant = None if namespace in {*ours, *OTHER_NAMESPACES} else nearest(namespace, ours)
    return [f"has an unknown namespace; did you mean {meant}:{name}?"] if meant else []


DIGEST_LENGTH = 12


def digest_of(folder: Path) -> str:
    """Return 12 hex digits over the names, executable bits and contents of all files below a folder.

    Python's caches do not count: running the tests must not change an image's name.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            executable = bool(path.stat().st_mode & 0o100)
            total.update(f"{path.relative_to(folder).as_posix()}\0{executable}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:DIGEST_LENGTH]


Spec = TypeVar("Spec", bound=StrictSpec)
_LABEL: TypeAdapter[str] = TypeAdapter(Label)


class ConfigError(ColorwayError):
    """Mistakes in a user's files: all of them, in the order of the lines, each with its file and its cure."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = list(dict.fromkeys(problems))
        files = list(dict.fromkeys(problem.file for problem in found))
        self.problems = tuple(sorted(found, key=lambda problem: (files.index(problem.file), problem.line or 0)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


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


def user_directory(stack: str) -> Path:
    """Return the directory of a `local` stack: its user's own, where the XDG base directory specification has it."""
    said = Path(os.environ.get("XDG_STATE_HOME", ""))
    home = said if said.is_absolute() else Path.home() / ".local" / "state"
    return home / "colorway" / stack


def from_file(*, root: Path, stack: str) -> PlatformSpec:
    """Read a stack's files.

    Raises:
        ConfigError: something in them is wrong, or a file is missing.
    """
    name = stack_file(stack)
    _raise(_stack_name(stack))
    if not (root / name).is_file():
        stacks = [known.removeprefix("Pulumi.") for known in known_names(root, "Pulumi.*.yaml")]
        raise ConfigError([Problem(file=name, message=f"there is no such stack; {hint(stack, stacks)}")])
    document = _read(root, name)
    problems = stack_file_problems(document, stack=stack)
    settings = document.section("config").keys_with_prefix(NAMESPACE)
    if not settings.data:
        _raise(problems)  # a missing `config` is one mistake, not one for each key
    try:
        spec = load(root=root, stack=stack, settings=settings)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    registries = spec.settings.registries
    named = [*(registry.password for registry in registries.values()), spec.settings.tls.token]
    secrets = document.section("config").keys_with_prefix(SECRETS).data
    unset = settings.problems(
        [
            *password_mistakes(registries, stack=stack, secrets=secrets),
            *token_mistakes(spec.settings.tls, stack=stack, secrets=secrets),
        ]
    )
    # A secret that nobody knows may be the one that a registry or an issuer misspells: one slip, one mistake.
    _raise(problems + (unset or secret_name_problems(document, secrets=[*spec.platform.secrets, *filter(None, named)])))
    return spec


def load(*, root: Path, stack: str, settings: Document) -> PlatformSpec:
    """Read what a stack's settings name, and put it together.

    Args:
        root: The project's folder.
        stack: Name of the stack.
        settings: The keys under `colorway:`, without that prefix.

    Raises:
        ConfigError: something is wrong.
    """
    # As the engine hands them to the program: what is made of them must not depend on who reads.
    settings = as_meant(settings.in_order())
    parsed = _valid(StackSettings, settings)
    name = platform_file(parsed.platform)
    if not (root / name).is_file():
        cure = hint(parsed.platform, known_names(root, "platforms/*.yaml"))
        raise ConfigError([settings.problem(("platform",), f"names a file that platforms/ does not have; {cure}")])
    platform = _read(root, name)
    releases: dict[str, Document] = {}
    missing: list[Mistake] = []
    for color in parsed.versions.on:
        version = str(parsed.versions.of(color))
        path = release_file(parsed.platform, version)
        if (root / path).is_file():
            releases[version] = _read(root, path)
            continue
        cure = hint(version, known_names(root, release_file(parsed.platform, "*")))
        message = f"names a release manifest that {Path(path).parent.as_posix()}/ does not have; {cure}"
        missing.append((("versions", color.value), message))
    overrides = settings.section("overrides")
    known = known_names(root, release_file(parsed.platform, "*"))
    _raise(settings.problems(missing) + overrides.problems(version_override_mistakes(overrides, known=known)))
    # A release moves one line, so what the stack says of the services of a version is there before it is on.
    is_more_said = overrides.section(SERVICES).data.keys() - platform.section(SERVICES).data.keys()
    named = named_registries([platform, overrides, *releases.values()]) if parsed.registries else set()
    is_more_asked = bool(parsed.registries.keys() - named)
    off = [version for version in known if version not in releases] if is_more_said or is_more_asked else []
    spec = parse(
        stack=stack,
        settings=settings,
        platform=platform,
        releases=releases,
        off=[_read(root, release_file(parsed.platform, version)) for version in off],
        build_digests=_digests(root, for_stack(platform, overrides)),
        files=config_files(root, [platform, *releases.values(), settings]),
    )
    if parsed.environment is not Environment.LOCAL:
        return spec.model_copy(update={"answering_manager": os.environ.get(MANAGER_VARIABLE)})
    # No root: what a stack of this machine keeps is its user's.
    return spec.model_copy(update={"directory": str(user_directory(stack))})


def parse(  # noqa: PLR0913 - one for each kind of file
    *,
    stack: str,
    settings: Document,
    platform: Document,
    releases: Mapping[str, Document],
    build_digests: Mapping[str, str],
    off: Sequence[Document] = (),
    files: Mapping[str, bytes] | None = None,
) -> PlatformSpec:
    """Validate documents and put them together; pure.

    Args:
        stack: Name of the stack.
        settings: The keys under `colorway:`, without that prefix.
        platform: The platform file.
        releases: Release manifests of the versions that are on.
        off: Those of others.
        build_digests: Digest of each folder under images/.
        files: Content of the files that services name under `config-files`, by their paths in the project.

    Raises:
        ConfigError: all mistakes of the first file that has any.
    """
    _raise(_stack_name(stack))
    parsed = _valid(StackSettings, settings)
    overrides = settings.section("overrides")
    every = [*releases.values(), *off]
    merged = for_stack(platform, overrides, every)
    _raise(overrides.problems(removal_mistakes(overrides, platform, *every)))
    file = _valid_platform(platform, last=overrides, merged=merged)
    _raise(
        problem for document in releases.values() for problem in document.problems(_mistakes(ReleaseManifest, document))
    )
    manifests = {version: _valid(ReleaseManifest, document) for version, document in releases.items()}
    files_of = dict.fromkeys(releases, file)
    layered = dict.fromkeys(releases, merged)
    for version, document in releases.items():
        named = overrides.section(VERSIONS).section(version)
        _raise(
            document.problems([*removal_mistakes(document, platform), *shared_mistakes(document, merged)])
            + named.problems(
                [*removal_mistakes(named, merged, document, of="this version"), *shared_mistakes(named, merged)]
            )
        )
        if changes_services(document, overrides, version=version):
            layered[version] = for_version(merged, document, overrides, version=version, platform=platform)
            files_of[version] = _valid_platform(platform, last=document, merged=layered[version])
    spec = PlatformSpec(
        stack=stack,
        settings=parsed,
        platform=file,
        releases=manifests,
        definitions={version: known.colored for version, known in files_of.items()},
        directory=names.directory(stack),
        build_digests=dict(build_digests),
        config_files={path: content.decode(errors="replace") for path, content in (files or {}).items()},
    )
    declared = (inventory := spec.inventory()).declared
    lengths = length_mistakes(stack, [*declared, *inventory.networks])
    problems = [Problem(file=settings.name, message=message) for message in lengths]
    problems += settings.problems(room_mistakes(parsed.network.range, inventory, hosts=len(parsed.hosts)))
    for version in manifests:
        problems += releases[version].problems(manifest_mistakes(version, manifests, file, spec.definitions[version]))
    together = [*clash_mistakes(declared), *member_mistakes(file, parsed.hosts)]
    problems += merged.problems([*together, *file_mistakes(spec, files=files or {})])
    of_stores = kept_mistakes(parsed.stores, file, parsed.hosts)
    problems += settings.problems([*of_stores, *host_port_mistakes(inventory, parsed.hosts), *closed_mistakes(spec)])
    problems += settings.problems(certbot_mistakes(spec) + issuer_file_mistakes(spec, files=files or {}))
    problems += merged.problems(smoke_mistakes(file.release.smoke, domains=parsed.domains))
    for known, layer in ((None, merged), *layered.items()):
        ours = [service for service in declared if service.version == known]
        problems += layer.problems(build_mistakes(ours, folders=build_digests))
        services = (file if known is None else files_of[known]).services
        problems += layer.problems(service_mistakes(services, spec, files=files or {}))
        if known is None or layer is not merged:
            problems += layer.problems(route_mistakes(services, spec))
    if parsed.registries:
        hosts = named_registries([platform, overrides, *every])
        problems += settings.problems(registry_mistakes(parsed.registries, file, named=hosts))
    # The lab's hosts get what is built here from the lab.
    are_rented = not parsed.hosts[0].is_local and parsed.environment is not Environment.LAB
    if file.images is ImageSource.LOCAL and are_rented:
        message = "are not this machine, and the platform's images are built here; use a registry"
        problems.append(settings.problem(("hosts",), message))
    _raise(problems)
    return spec


def _valid_platform(platform: Document, *, last: Document, merged: Document) -> PlatformFile:
    """Return the platform with its layers; what they break is said of the layer that breaks it.

    The platform file must be right by itself: other stacks use it, too.
    """
    alone = _mistakes(PlatformFile, platform)
    together = [mistake for mistake in _mistakes(PlatformFile, merged) if mistake not in alone]
    _raise(platform.problems(alone) + layer_problems(merged=merged, last=last, found=together))
    return _valid(PlatformFile, merged)


def _stack_name(stack: str) -> list[Problem]:
    try:
        _LABEL.validate_python(stack)
    except ValidationError:
        message = "the stack's name must be small letters, digits and -, beginning with a letter, at most 40"
        return [Problem(file=stack_file(stack), message=message)]
    return []


def _digests(root: Path, platform: Document) -> dict[str, str]:
    if platform.value("images") != ImageSource.LOCAL:
        return {}
    return {folder.parent.name: digest_of(folder.parent) for folder in sorted(root.glob("images/*/Dockerfile"))}


def _read(root: Path, name: str) -> Document:
    document, problems = read_document(root / name, name=name)
    _raise(problems)
    return document


def _valid(model: type[Spec], document: Document) -> Spec:
    _raise(document.problems(_mistakes(model, document)))
    return model.model_validate(document.data, by_alias=True, by_name=False)


def _mistakes(model: type[Spec], document: Document) -> list[Mistake]:
    try:
        # By alias only: `start_period` would be a second spelling.
        model.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as error:
        return explain(model, error)
    return []


def _raise(problems: Iterable[Problem]) -> None:
    error = ConfigError(problems)
    if error.problems:
        raise error
