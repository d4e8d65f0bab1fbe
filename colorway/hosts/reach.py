"""Scripts on hosts over SSH: one connection each, all hosts at once."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from colorway.spec.hosts import HostSpec
from colorway.swarm.ssh import ssh_to

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a script on a host ended."""

    host: HostSpec
    code: int
    """255: SSH itself failed."""
    output: str
    errors: str
    seconds: float

    @property
    def reached(self) -> bool:
        """Whether the script ran at all."""
        return self.code != _SSH_FAILED

    @property
    def last_words(self) -> str:
        """The last line of what it complained about."""
        return (self.errors.strip().splitlines() or self.output.strip().splitlines() or ["it said nothing"])[-1]


Reach = Callable[..., Said]
"""Runs a script's text on a host: `reach(host, script, *arguments, given="", limit=seconds, alone=False)`."""
_SSH_FAILED = 255
_MANAGER_ANSWERS = 15
"""Seconds until the next manager is taken."""


def over_ssh(
    host: HostSpec, script: str, *arguments: str, given: str = "", limit: float = 120, alone: bool = False
) -> Said:
    """Run a script's text as root on a host.

    Args:
        host: Whose host key the stack's file has.
        script: Text for `sh -eu`; never a secret.
        arguments: Its arguments; never a secret.
        given: Its standard input, the place of secrets.
        limit: Seconds after which it is given up.
        alone: Whether it comes in by a connection of its own.
    """
    root = [] if host.user == "root" else ["sudo", "-n"]
    words = shlex.join([*root, "/bin/sh", "-euc", script, "colorway", *arguments])
    begun = time.monotonic()
    try:
        ran = subprocess.run(
            ssh_to(host, words, alone=alone),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return Said(host=host, code=_SSH_FAILED, output="", errors=f"no end within {limit:g} s", seconds=limit)
    return Said(host=host, code=ran.returncode, output=ran.stdout, errors=ran.stderr, seconds=time.monotonic() - begun)


def everywhere(hosts: Sequence[HostSpec], ask: Callable[[HostSpec], T]) -> Mapping[str, T]:
    """Ask all hosts at once; return the answers by name."""
    with ThreadPoolExecutor(max_workers=len(hosts)) as beside:
        return dict(zip((host.name for host in hosts), beside.map(ask, hosts), strict=True))


def first_manager(managers: Sequence[HostSpec], *, reach: Reach = over_ssh) -> HostSpec | None:
    """Return the first host that manages a swarm and can be asked now; None where none does, as on bare hosts."""
    script = "timeout 10 docker node ls --quiet >/dev/null 2>&1"
    answers = everywhere(managers, lambda host: reach(host, script, limit=_MANAGER_ANSWERS))
    return next((host for host in managers if answers[host.name].code == 0), None)
