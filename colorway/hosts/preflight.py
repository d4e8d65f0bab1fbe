"""What the hosts of a stack are, and all that keeps them from being it; asked before anything is changed."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address

from colorway.errors import ColorwayError
from colorway.hosts.reach import Reach, Said, everywhere, over_ssh
from colorway.render.templates import host_script
from colorway.spec import names
from colorway.spec.hosts import Architecture, HostSpec
from colorway.spec.task.process import Protocol

MOST_SKEW = 2.0
"""Seconds that a host's clock may differ: certificates of a swarm and its logs are compared by time."""
LEAST_DISK = 2048
"""MiB that must be free where Docker keeps its images."""
LEAST_MEMORY = 900
"""MiB: a host of 1 GB says a little less."""
ROOT = "root, or sudo without a password"
"""What a host's user has to be."""
_ANSWER = 60


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A program that waits for somebody to come in."""

    port: int
    protocol: Protocol
    program: str
    """Empty where it is the kernel."""
    is_public: bool
    """Whether others than the host itself reach it."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a host says about itself."""

    host: HostSpec
    hostname: str
    architecture: str
    skew: float
    """Seconds that its clock is surely off from this machine's: a slow answer is no wrong clock."""
    user: str
    is_root: bool
    memory: int
    """MiB."""
    processors: int
    """0 where it does not say."""
    disk_free: int
    """MiB where Docker keeps its images."""
    system: str
    """Distribution and version: `debian 12`."""
    kernel_lacks: frozenset[str]
    """Modules of `overlay`, `vxlan`, `esp4` and `nf_tables` that it surely has not."""
    device: str
    """The interface that has the file's address; empty where none has."""
    mtu: int
    """Of that interface, in bytes."""
    networks: tuple[IPv4Network, ...]
    """What it has routes to, but for Docker's bridges."""
    listeners: tuple[Listener, ...]
    applied: str
    """Digest of what it was last set to by the stack."""
    in_place: frozenset[str]
    """What of it is surely there still: `firewall`, `ssh`."""
    has_firewall: bool
    """Whether it was given one of colorway's, of whatever stack; somebody may have taken the table away since."""
    daemon_json: str
    """Docker's settings as they stand in the file."""
    docker_installed: bool
    docker_version: str
    """Of the engine that answers; empty where none does."""
    swarm_state: str
    """`active`, `inactive`, `pending`, `locked` or `error`; empty where no engine answers."""
    is_manager: bool
    cluster: str
    """The swarm's id, which managers know."""
    node: str
    """The node's id."""


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """What is wrong with a host."""

    host: str
    what: str
    found: str
    wanted: str


def read_facts(said: Said, *, now: float) -> Facts:
    """Read what `facts.sh` printed.

    Args:
        said: Its output.
        now: This machine's clock when it had ended.
    """
    found = dict(line.split("=", 1) for line in said.output.splitlines() if "=" in line)
    # The clock was read at some time between question and answer.
    clock = float(found.get("clock") or now)
    skew = min(clock - now + said.seconds, 0.0) or max(clock - now, 0.0)
    return Facts(
        host=said.host,
        hostname=found.get("hostname", ""),
        architecture=found.get("architecture", ""),
        skew=skew,
        user=found.get("user", ""),
        is_root=found.get("is-root") == "yes",
        memory=int(found.get("memory") or 0),
        processors=int(found.get("processors") or 0),
        disk_free=int(found.get("disk-free") or 0),
        system=found.get("system", "").strip(),
        kernel_lacks=frozenset(found.get("kernel-lacks", "").split()),
        device=found.get("device", ""),
        mtu=int(found.get("mtu") or 0),
        networks=tuple(IPv4Network(word, strict=False) for word in found.get("networks", "").split()),
        listeners=tuple(_listener(line) for line in found.get("listeners", "").split(";") if line),
        applied=found.get("applied", ""),
        in_place=frozenset(found.get("in-place", "").split()),
        has_firewall=found.get("has-firewall") == "yes",
        daemon_json=b64decode(found.get("daemon-json", "")).decode(errors="replace"),
        docker_installed=found.get("docker-installed") == "yes",
        docker_version=found.get("docker-version", ""),
        swarm_state=found.get("swarm-state", ""),
        is_manager=found.get("swarm-manager") == "true",
        cluster=found.get("swarm-cluster", ""),
        node=found.get("swarm-node", ""),
    )


def _listener(line: str) -> Listener:
    """Read a line of `ss`: protocol, address and port, program."""
    protocol, place, program = (*line.split(" ", 2), "")[:3]
    address, _, port = place.rpartition(":")
    try:
        is_public = not ip_address(address.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        # `*`, which is any.
        is_public = True
    return Listener(port=int(port), protocol=Protocol(protocol), program=program, is_public=is_public)


def ask(hosts: Sequence[HostSpec], *, stack: str, reach: Reach = over_ssh) -> tuple[list[Facts], list[Finding]]:
    """Ask all hosts of a stack at once what they are; return what they say, and those that say nothing."""
    text = host_script("facts")

    def one(host: HostSpec) -> tuple[Said, float]:
        said = reach(host, text, str(host.address), stack, names.firewall_chain(stack), limit=_ANSWER)
        return said, time.time()

    answers: Mapping[str, tuple[Said, float]] = everywhere(hosts, one)
    facts = [read_facts(said, now=now) for said, now in answers.values() if said.code == 0]
    silent = [
        Finding(
            host=said.host.name,
            what="SSH" if not said.reached else "rights",
            found=said.last_words,
            wanted=ROOT
            if said.reached
            else f"`ssh -p {said.host.ssh_port} {said.host.user}@{said.host.address}` works, by a key of the agent, "
            "and the host has the file's host-key",
        )
        for said, _ in answers.values()
        if said.code
    ]
    return facts, silent


def findings(facts: Sequence[Facts], *, architecture: Architecture | None = None) -> list[Finding]:
    """Return all that is wrong with hosts that answered, in the order of the file.

    Args:
        facts: What they say.
        architecture: What the stack's file says that they are; none = all the same.
    """
    kinds = {one.architecture for one in facts}
    machine = architecture.machine if architecture else next(iter(kinds)) if len(kinds) == 1 else ""
    kind = f"{machine}, as colorway:architecture says" if architecture else "the same on all hosts"
    found: list[Finding] = []
    for one in facts:
        wrong = [
            (one.hostname != one.host.name, "hostname", one.hostname, one.host.name),
            (not one.is_root, "rights", f"{one.user} without sudo", ROOT),
            (abs(one.skew) > MOST_SKEW, "clock", f"{one.skew:+.1f} s", f"at most {MOST_SKEW:g} s"),
            (one.disk_free < LEAST_DISK, "disk", f"{one.disk_free} MiB free", f"at least {LEAST_DISK} MiB"),
            (one.memory < LEAST_MEMORY, "memory", f"{one.memory} MiB", f"at least {LEAST_MEMORY} MiB"),
            (one.architecture != machine, "architecture", one.architecture, kind),
            (one.swarm_state in {"locked", "error"}, "swarm", one.swarm_state, "active, or none"),
        ]
        found += [
            Finding(host=one.host.name, what=what, found=is_now, wanted=wanted)
            for is_wrong, what, is_now, wanted in wrong
            if is_wrong
        ]
    clusters = {one.cluster for one in facts if one.cluster}
    if len(clusters) > 1:
        found += [
            Finding(host=one.host.name, what="swarm", found=one.cluster, wanted="the same on all managers")
            for one in facts
            if one.cluster
        ]
    return found


def refuse(found: Sequence[Finding], *, file: str, cure: str = "") -> None:
    """Raise one error with all findings as a table, and below it what helps; do nothing where there are none.

    Raises:
        ColorwayError: there is at least one; nothing was changed.
    """
    if not found:
        return
    head = Finding(host="host", what="what", found="is", wanted="should be")
    rows = [head, *found]
    widths = [max(len(getattr(row, column)) for row in rows) for column in ("host", "what", "found")]
    lines = [
        f"  {row.host:<{widths[0]}}  {row.what:<{widths[1]}}  {row.found:<{widths[2]}}  {row.wanted}".rstrip()
        for row in rows
    ]
    hosts = len({one.host for one in found})
    said = "a host is" if hosts == 1 else f"{hosts} hosts are"
    helps = [cure] if cure else []
    raise ColorwayError("\n".join([f"{file}: {said} not ready; nothing was changed", *lines, *helps]))
