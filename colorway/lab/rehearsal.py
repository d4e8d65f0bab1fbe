"""A stack's file for a lab that has the hosts of another stack: what is to be rehearsed, with nothing of it secret."""

from __future__ import annotations

import hashlib
import io
import json
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from colorway.config import stack_files
from colorway.config.stack_files import stack_file
from colorway.errors import ColorwayError
from colorway.lab.host import public_host_key
from colorway.spec.stack import Environment, StackSettings

SALT = "v1:ooBGauC7QZ0=:v1:YOQN20s34oD3q9Rx:JbWDh83wZOWjfgVExnCbycH1H22OJg=="
"""Pulumi's proof of the published passphrase, as in Pulumi.lab.yaml."""
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
        ColorwayError: the other one cannot be read, or has no hosts of its own.
    """
    text = stack_text(like, stack_files.from_file(root=root, stack=like).settings)
    try:
        with (root / stack_file(stack_name(like))).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def stack_text(like: str, settings: StackSettings) -> str:
    """Return the stack's file: names, roles and all settings of another stack, on addresses of a lab.

    Args:
        like: The other stack.
        settings: What its file says.

    Raises:
        ColorwayError: it has no hosts of its own that could be rehearsed.
    """
    if settings.hosts[0].is_local or settings.environment is Environment.LAB:
        kind = "is this machine's" if settings.hosts[0].is_local else "is a lab already"
        raise ColorwayError(f"{stack_file(like)}: {kind}; what can be rehearsed is a stack of other machines")
    network = _network(like, settings.network.range)
    hosts = [
        f"    - {{name: {host.name}, address: {network[_FIRST_HOST + number]}, "
        f"roles: [{', '.join(host.roles)}], host-key: {public_host_key(host.name)}}}"
        for number, host in enumerate(settings.hosts)
    ]
    said = settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
    lines = [
        f"# The hosts of {like} on this machine, to rehearse on. `colorway lab up --like {like}` wrote it, once.",
        "# Nothing here is secret: the passphrase is a published constant, the hosts' keys are made of their names,",
        "# and secrets are made up. The hosts reach no registry: images that are built here are brought to them.",
        "config:",
        f"  colorway:environment: {Environment.LAB.value}",
        *(f"  colorway:{key}: {_flow(said[key])}" for key in ("platform", "domains", "versions", "traffic")),
        "  # Many a kernel in a container has no ESP, and all hosts are one machine.",
        f"  colorway:network: {_flow({**said.get('network', {}), 'encrypted': False})}",
        *(["  colorway:overrides:", *_block(settings.overrides)] if settings.overrides else []),
        "  colorway:hosts:",
        *hosts,
        f"encryptionsalt: {SALT}",
    ]
    return "\n".join([*lines, ""])


def _network(like: str, taken: IPv4Network) -> IPv4Network:
    first = int(hashlib.sha256(like.encode()).hexdigest(), 16) % len(_LABS)
    return next(one for one in (*_LABS[first:], *_LABS[:first]) if not one.overlaps(taken))


def _flow(value: object) -> str:
    """Return a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) or not value.isidentifier() else value


def _block(value: dict[str, Any]) -> list[str]:
    written = io.StringIO()
    yaml = YAML()
    yaml.width = 110
    yaml.dump(value, written)
    return [f"    {line}" if line else "" for line in written.getvalue().splitlines()]
