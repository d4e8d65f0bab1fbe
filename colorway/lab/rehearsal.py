"""A stack's file for a lab that has the hosts of another stack: what is to be rehearsed, with nothing of it secret."""

from __future__ import annotations

import copy
import hashlib
import io
import json
from collections.abc import Collection
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from colorway.config import stack_files
from colorway.config.stack_files import stack_file
from colorway.errors import ColorwayError
from colorway.lab.host import public_host_key
from colorway.lab.switch import MTU
from colorway.spec.stack import PUBLISHED_SALT, Environment, StackSettings

_FIRST_HOST = 11
_LABS = tuple(IPv4Network(f"10.78.{number}.0/24") for number in range(1, 255))
"""Where such labs are; 10.77.0.0/24 is the stack `lab`'s."""


def stack_name(like: str) -> str:
    """Return the name of the stack that rehearses another one."""
    return f"{like}-lab"


def write(root: Path, like: str) -> bool:
    """Write the file of the stack that rehearses another one, unless it is there; return whether it was written.

    Args:
        root: The project's folder.
        like: The other stack.

    Raises:
        ColorwayError: the other one cannot be read, or has no hosts of its own, or no such lab can be; there is no
            file then that was not there before.
    """
    spec = stack_files.from_file(root=root, stack=like)
    text = stack_text(like, spec.settings, backed_up=spec.backed_up)
    file = root / stack_file(stack_name(like))
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        return False
    try:
        stack_files.from_file(root=root, stack=stack_name(like))
    except ColorwayError:
        file.unlink()
        raise
    return True


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


def stack_text(like: str, settings: StackSettings, *, backed_up: Collection[str] = ()) -> str:
    """Return the stack's file: names, roles and all settings of another stack, on addresses of a lab.

    Args:
        like: The other stack.
        settings: What its file says.
        backed_up: Its data stores that are backed up: a rehearsal's are not, for its secrets open no bucket.

    Raises:
        ColorwayError: it has no hosts of its own that could be rehearsed.
    """
    if settings.hosts[0].is_local or settings.environment is Environment.LAB:
        kind = "is this machine's" if settings.hosts[0].is_local else "is a lab already"
        raise ColorwayError(f"{stack_file(like)}: {kind}; what can be rehearsed is a stack of other machines")
    addresses = _network(like, settings.network.range)
    hosts = [
        f"    - {{name: {host.name}, address: {addresses[_FIRST_HOST + number]}, "
        f"roles: [{', '.join(host.roles)}], host-key: {public_host_key(host.name)}}}"
        for number, host in enumerate(settings.hosts)
    ]
    overrides = copy.deepcopy(settings.overrides)
    for store in backed_up:
        overrides.setdefault("data-stores", {}).setdefault(store, {}).update({"backup": None, "verify": None})
    said = settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
    network = {**said.get("network", {}), "encrypted": False}
    if (settings.network.mtu or 0) > MTU:
        network["mtu"] = MTU
    lines = [
        f"# The hosts of {like} on this machine, to rehearse on. `colorway lab up --like {like}` wrote it, once.",
        "# Nothing here is secret: the passphrase is a published constant, the hosts' keys are made of their names,",
        "# and secrets are made up. Images that are built here are brought to the hosts; the others they must get to.",
        "config:",
        f"  colorway:environment: {Environment.LAB.value}",
        *(f"  colorway:{key}: {_flow(said[key])}" for key in ("platform", "domains", "versions", "traffic")),
        f"  # Many a kernel in a container has no ESP, all hosts are one machine, and no cable has an MTU above {MTU}.",
        f"  colorway:network: {_flow(network)}",
        *([f"  colorway:bootstrap: {_flow(said['bootstrap'])}"] if "bootstrap" in said else []),
        *(
            [f"  # Nothing is backed up: the bucket is that of {like}, and no secret of this file opens it."]
            if backed_up
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


def _block(value: dict[str, Any]) -> list[str]:
    written = io.StringIO()
    yaml = YAML()
    yaml.width = 110
    yaml.dump(value, written)
    return [f"    {line}" if line else "" for line in written.getvalue().splitlines()]
