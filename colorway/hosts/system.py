"""What the hosts of a stack are set to beside Docker and the swarm: kernel, clock, upgrades, firewall and SSH."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from time import sleep
from typing import Any

from colorway.config.stack_files import stack_file
from colorway.errors import ColorwayError
from colorway.hosts.preflight import Facts
from colorway.hosts.reach import Reach, Said, everywhere
from colorway.render.firewall import firewall
from colorway.render.templates import host_file, host_script
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import Environment

NOT_IN_A_LAB = {
    "the kernel's settings": "kernel",
    "the clock": "clock",
    "upgrades": "upgrades",
}
"""What a lab's host is not set to, and the field of `Setting`: it is this machine's, or needs a mirror of packages."""
LOGS = {"log-driver": "local", "log-opts": {"max-size": "20m", "max-file": "5"}}
"""Docker's settings so that no log fills a disk; without them it keeps every line."""
_POOLS = tuple(
    IPv4Network(text)
    for text in (*(f"172.{n}.0.0/16" for n in range(17, 32)), *(f"10.{n}.0.0/16" for n in range(200, 255)))
)
"""Where Docker's bridges may have their addresses, the one that is liked best first."""
_INSTALL = 1200
"""Seconds for packages and the engine's start."""
_SEAL = 15
"""Seconds for one connection that is to keep what was set; the host takes it back after 60."""
_TRIES = 4
"""Such connections, a second apart: while sshd reads its settings anew it refuses everybody."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a host is to be set to; empty is nothing."""

    stack: str
    kernel: str
    clock: str
    upgrades: str
    firewall: str
    ssh: str

    @property
    def _arguments(self) -> tuple[str, ...]:
        return (
            self.kernel,
            self.clock,
            self.upgrades,
            self.firewall,
            names.firewall_chain(self.stack),
            host_file("firewall.nft"),
            host_file("firewall-load"),
            host_file("firewall.service"),
            self.ssh,
        )

    @property
    def digest(self) -> str:
        """What tells it from others; a host remembers it once it is set to it."""
        words = "\0".join([_script(), host_script("seal"), *self._arguments])
        return hashlib.sha256(words.encode()).hexdigest()[:16]

    def holds(self, facts: Facts) -> bool:
        """Return whether a host is set to it, and nobody has taken the firewall or SSH's settings away since."""
        wanted = {word for word, text in (("firewall", self.firewall), ("ssh", self.ssh)) if text}
        return facts.applied == self.digest and wanted <= facts.in_place

    def told(self, daemon: str) -> tuple[str, ...]:
        """Return the arguments of the scripts that do it, with Docker's settings."""
        return (self.stack, daemon, *self._arguments)


def _script() -> str:
    """Return the text that sets a host; the engine must not hold the scripts' lock open."""
    return f"{host_script('system')}(\n{host_script('docker-engine')}) 9>&-\n{host_script('access')}"


def wanted(spec: PlatformSpec, host: HostSpec) -> Setting:
    """Return what a host of a stack is to be set to."""
    said = spec.settings.bootstrap
    texts = {
        "kernel": host_file("sysctl.conf"),
        "clock": "clock",
        "upgrades": host_file("apt.conf") if said.upgrades else "",
        "firewall": firewall(spec, host) if said.firewall else "",
        "ssh": host_file("sshd.conf") if said.ssh else "",
    }
    if spec.settings.environment is Environment.LAB:
        texts |= dict.fromkeys(NOT_IN_A_LAB.values(), "")
    return Setting(stack=spec.stack, **texts)


def daemon_json(there: str, *, avoid: Iterable[IPv4Network]) -> str:
    """Return Docker's settings with ours where nothing is said; what somebody wrote stays as it is.

    Args:
        there: The file's text now; empty = there is none.
        avoid: Addresses that no bridge of Docker may have.

    Raises:
        ValueError: what is there is no JSON object.
    """
    found = _object(there)
    taken = tuple(avoid)
    pool = next(pool for pool in _POOLS if not any(pool.overlaps(one) for one in taken))
    ours: dict[str, Any] = {"default-address-pools": [{"base": str(pool), "size": 24}]}
    if "log-driver" not in found and "log-opts" not in found:
        ours |= LOGS
    if ours.keys() <= found.keys():
        return there
    return json.dumps({**ours, **found}, indent=2) + "\n"


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text) if text.strip() else {}
    if not isinstance(found, dict):
        raise ValueError("is no mapping")  # noqa: TRY004 - as the reader of JSON says it
    return found


def daemon_mistake(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a host's daemon.json, and what would be right; None = nothing."""
    try:
        found = _object(text)
    except ValueError:
        return "is no JSON", "a mapping in JSON; Docker would not start with it"
    if found.get("live-restore"):
        return "live-restore", "not set: no host with it can be in a swarm"
    return None


def set_up(
    spec: PlatformSpec, facts: Sequence[Facts], *, pending: Sequence[Facts], say: Callable[[str], None], reach: Reach
) -> None:
    """Set hosts to what the stack's file wants, all at once, each on its own.

    Who may come in is kept only where a new connection comes in after it; else the host takes it back by itself.

    Args:
        spec: The stack.
        facts: What all its hosts say.
        pending: Those that are not set yet.
        say: Told what was done.
        reach: Runs a script on a host.

    Raises:
        ColorwayError: names each host that is not, with its last words; the others are.
    """
    networks = [spec.settings.network.range, *(network for one in facts for network in one.networks)]
    daemons = {one.host.name: daemon_json(one.daemon_json, avoid=networks) for one in pending}

    failed = []
    answers = everywhere([one.host for one in pending], lambda host: _set(spec, host, daemons[host.name], reach))
    for name, (done, complaint) in answers.items():
        if done.output.strip():
            say(f"{name}: {', '.join(done.output.splitlines())}")
        if complaint:
            failed.append(f"{name}: {complaint}")
    if spec.settings.environment is Environment.LAB:
        say(f"left as they are in a lab: {', '.join(NOT_IN_A_LAB)}")
    if failed:
        told = "\n".join(failed)
        again = f"`colorway up {spec.stack}` goes on with them"
        raise ColorwayError(f"{stack_file(spec.stack)}: not every host is set up; {again}\n{told}")


def _set(spec: PlatformSpec, host: HostSpec, daemon: str, reach: Reach) -> tuple[Said, str]:
    """Set one host; return what it says of that, and what is wrong, empty where nothing is."""
    setting = wanted(spec, host)
    done = reach(host, _script(), *setting.told(daemon), limit=_INSTALL)
    if done.code:
        return done, done.last_words
    for _ in range(_TRIES):
        sealed = reach(host, host_script("seal"), spec.stack, setting.digest, limit=_SEAL, alone=True)
        if sealed.reached:
            return done, sealed.last_words if sealed.code else ""
        sleep(1)
    said = f"no new connection came in after it ({sealed.last_words})"
    return done, f"{said}; within a minute the host takes the firewall and SSH's settings back"
