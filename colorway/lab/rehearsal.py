"""A stack's file for a lab that has the hosts of another stack: what is to be rehearsed, with nothing of it secret."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from colorway.config import begun, stack_files
from colorway.config.documents import read_document
from colorway.config.stack_files import platform_file, release_file, stack_file
from colorway.errors import ColorwayError
from colorway.lab import stand_ins
from colorway.lab.host import public_host_key
from colorway.lab.switch import MTU
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import PUBLISHED_SALT, Environment, StackSettings
from colorway.spec.task.policies import LimitsSpec

_FIRST_HOST = 11
_LABS = tuple(IPv4Network(f"10.78.{number}.0/24") for number in range(1, 255))
"""Where such labs are; 10.77.0.0/24 is the stack `lab`'s."""


HERE = "here"
LAB = "lab"


def stack_name(like: str, where: str = LAB) -> str:
    """Return the name of the stack that rehearses another one."""
    return f"{like}-{where}"


def write(root: Path, like: str, *, where: str = LAB, demo: bool = False) -> tuple[str, ...]:
    """Write the files of the stack that rehearses another one, those that are not there; return which were written.

    Args:
        root: The project's folder.
        like: The other stack.
        where: LAB, on hosts as its own, or HERE, on this machine alone.
        demo: Whether the demo application stands in for every image.

    Raises:
        ColorwayError: the other one cannot be read, or has no hosts of its own, or no such rehearsal can be; there is
            no file then that was not there before.
    """
    spec = stack_files.from_file(root=root, stack=like)
    said, platform = spec.settings, spec.settings.platform
    rehearsed = Rehearsal(
        like=like,
        settings=said,
        backed_up=spec.backed_up,
        platform=platform,
        overrides=_within(spec, processors=os.cpu_count() or 1),
    )
    texts: dict[str, str] = {}
    if demo:
        document, _ = read_document(root / platform_file(platform), name=platform)
        texts, rehearsed = _stood_in(root, document.data, rehearsed)
    place = begun.free_place(root) if where == HERE else None
    texts[stack_file(stack_name(like, where))] = rehearsed.here(place) if place is not None else rehearsed.lab()
    written: list[Path] = []
    try:
        for name, text in texts.items():
            (root / name).parent.mkdir(exist_ok=True)
            with suppress(FileExistsError), (root / name).open("x", encoding="utf-8") as file:
                written.append(root / name)
                file.write(text)
        if written:
            stack_files.from_file(root=root, stack=stack_name(like, where))
    except ColorwayError:
        for path in written:
            path.unlink()
        raise
    return tuple(path.relative_to(root).as_posix() for path in written)


def _within(spec: PlatformSpec, *, processors: int) -> dict[str, Any]:
    """Return a stack's overrides, and with them no limit above the processors that there are: Docker takes none."""
    found = copy.deepcopy(spec.settings.overrides)
    services = {
        name: one for known in (spec.platform.services, *spec.definitions.values()) for name, one in known.items()
    }
    for section, limited in (("services", services), ("data-stores", spec.platform.data_stores)):
        for name, one in limited.items():
            if one.limits.cpus > processors:
                of_it = found.setdefault(section, {}).setdefault(name, {})
                of_it.setdefault("limits", {}).update(_limits(one.limits, processors))
    for key, middle in (("edge", spec.platform.edge), ("monitoring", spec.platform.monitoring)):
        if middle.limits.cpus > processors:
            found.setdefault(key, {}).setdefault("limits", {}).update(_limits(middle.limits, processors))
    return found


def _limits(said: LimitsSpec, processors: int) -> dict[str, Any]:
    reserved = said.reserve_cpus or 0
    return {"cpus": processors} | ({"reserve-cpus": processors} if reserved > processors else {})


def _stood_in(root: Path, platform: Mapping[str, Any], rehearsed: Rehearsal) -> tuple[dict[str, str], Rehearsal]:
    """Return the files of a platform with stand-ins, and what is rehearsed with it."""
    name = rehearsed.platform
    ours = f"{name}-{stand_ins.DEMO}"
    says = f"{name} with the demo application in the place of every image, to rehearse on; a command wrote it, once."
    texts = {platform_file(ours): begun.platform_text(stand_ins.platform(platform), says=says)}
    for version in stack_files.known_names(root, release_file(name, "*")):
        document, _ = read_document(root / release_file(name, version), name=version)
        texts[release_file(ours, version)] = begun.manifest_text(stand_ins.manifest(document.data, platform))
    overrides = stand_ins.overrides(rehearsed.overrides, platform)
    return texts, replace(rehearsed, platform=ours, overrides=overrides)


def is_behind(root: Path, like: str) -> bool:
    """Return whether a rehearsal's hosts are not those of the stack that it was written for, or are no more.

    Raises:
        ColorwayError: one of the two cannot be read.
    """
    theirs, ours = (
        [(host.name, frozenset(host.roles)) for host in stack_files.from_file(root=root, stack=stack).settings.hosts]
        for stack in (like, stack_name(like))
    )
    return theirs != ours


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What is rehearsed.

    Raises:
        ColorwayError: the stack has no hosts of its own.
    """

    like: str
    settings: StackSettings
    backed_up: Collection[str]
    """Data stores that are backed up: a rehearsal's are not, for its secrets open no bucket."""
    platform: str
    overrides: Mapping[str, Any]

    def __post_init__(self) -> None:
        is_local = self.settings.hosts[0].is_local
        if is_local or self.settings.environment is Environment.LAB:
            kind = "is this machine's" if is_local else "is a lab already"
            raise ColorwayError(f"{stack_file(self.like)}: {kind}; what can be rehearsed is a stack of other machines")

    def lab(self) -> str:
        """Return the stack's file: names, roles and all settings of the other stack, on addresses of a lab."""
        settings, like = self.settings, self.like
        addresses = _network(like, settings.network.range)
        hosts = [
            f"    - {{name: {host.name}, address: {addresses[_FIRST_HOST + number]}, "
            f"roles: [{', '.join(host.roles)}], host-key: {public_host_key(host.name)}}}"
            for number, host in enumerate(settings.hosts)
        ]
        said = self._said()
        network = {**said.get("network", {}), "encrypted": False}
        if (settings.network.mtu or 0) > MTU:
            network["mtu"] = MTU
        return self._text(
            (
                f"# The hosts of {like} on this machine, to rehearse on. `colorway lab up --like {like}` wrote it.",
                "# Nothing here is secret: the passphrase is a published constant, the hosts' keys are made of names,",
                "# secrets are made up. Images that are built here are brought to the hosts; others they must get to.",
            ),
            Environment.LAB,
            [
                f"  # Many a kernel in a container has no ESP, and no cable of one machine has an MTU above {MTU}.",
                f"  colorway:network: {_flow(network)}",
                *([f"  colorway:bootstrap: {_flow(said['bootstrap'])}"] if "bootstrap" in said else []),
            ],
            self._overrides(),
            hosts,
        )

    def here(self, number: int) -> str:
        """Return the stack's file: all settings of the other stack, all of its hosts this machine.

        Args:
            number: Which place it has among the stacks of this machine; see `begun.stack_text`.
        """
        overrides = self._overrides()
        for store in overrides.get("data-stores", {}).values():
            store.pop("members", None)
        for service in overrides.get("services", {}).values():
            (service or {}).pop("placement", None)
        for key, own in begun.ports(number).items():
            overrides.setdefault(key, {}).update(own)
        return self._text(
            [
                f"# {self.like} on this machine, every role on one host. `colorway rehearse {self.like}` wrote it.",
                "# Nothing here is secret: the passphrase is a published constant, and secrets are made up.",
            ],
            Environment.LOCAL,
            [f"  colorway:network: {{range: {begun.addresses(number)}}}"],
            overrides,
            ["    - {name: localhost, address: 127.0.0.1, roles: [manager, web, database, load-balancer, monitoring]}"],
        )

    def _said(self) -> dict[str, Any]:
        return self.settings.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def _overrides(self) -> dict[str, Any]:
        overrides = copy.deepcopy(dict(self.overrides))
        for store in self.backed_up:
            overrides.setdefault("data-stores", {}).setdefault(store, {}).update({"backup": None, "verify": None})
        return overrides

    def _text(
        self,
        comments: Sequence[str],
        environment: Environment,
        network: Sequence[str],
        overrides: Mapping[str, Any],
        hosts: Sequence[str],
    ) -> str:
        said = {**self._said(), "platform": self.platform}
        lines = [
            *comments,
            "config:",
            f"  colorway:environment: {environment.value}",
            *(f"  colorway:{key}: {_flow(said[key])}" for key in ("platform", "domains", "versions", "traffic")),
            *network,
            *(
                [f"  # Nothing is backed up: the bucket is that of {self.like}, and no secret of this file opens it."]
                if self.backed_up
                else []
            ),
            *(["  colorway:overrides:", *_block(overrides)] if overrides else []),
            "  colorway:hosts:",
            *hosts,
            f"encryptionsalt: {PUBLISHED_SALT}",
        ]
        return "\n".join([*lines, ""])


def _network(like: str, taken: IPv4Network) -> IPv4Network:
    first = int(hashlib.sha256(like.encode()).hexdigest(), 16) % len(_LABS)
    return next(one for one in (*_LABS[first:], *_LABS[:first]) if not one.overlaps(taken))


def _flow(value: object) -> str:
    """Return a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) or not value.isidentifier() else value


def _block(value: Mapping[str, Any]) -> list[str]:
    written = io.StringIO()
    yaml = YAML()
    yaml.width = 110
    yaml.dump(value, written)
    return [f"    {line}" if line else "" for line in written.getvalue().splitlines()]
