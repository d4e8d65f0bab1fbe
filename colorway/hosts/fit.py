"""What of a stack's hosts does not fit what its files want of them; in the preflight's one table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from colorway.hosts.preflight import Facts, Finding, Listener
from colorway.hosts.system import daemon_mistake
from colorway.render.firewall import HARMLESS, SWARM_PORTS, let_in
from colorway.spec.networks import DEFAULT_MTU
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.task.process import Protocol

KNOWN = {"debian": 12.0, "ubuntu": 22.04}
"""Distributions that Docker can be installed on from here, each with its oldest version."""
_DOCKERS_OWN = frozenset({"dockerd", "docker-proxy", ""})
"""Who listens for Docker: an overlay network's port is the kernel's."""
_FIRST_OF_CALLERS = 32768
"""From here on programs that call somebody have their own ports, and wait there for the answer only."""
Row = tuple[bool, str, str, str]
"""Whether something is wrong, what, how it is, and how it should be."""


def is_known(system: str) -> bool:
    """Return whether a distribution is one that is tried here; one without a version is Debian's next one."""
    name, _, version = system.partition(" ")
    try:
        return name in KNOWN and (not version or float(version) >= KNOWN[name])
    except ValueError:
        return False


def misfits(spec: PlatformSpec, facts: Sequence[Facts]) -> list[Finding]:
    """Return all that does not fit, in the order of the file."""
    return [
        Finding(host=one.host.name, what=what, found=found, wanted=wanted)
        for one in facts
        for is_wrong, what, found, wanted in (*_machine(spec, one), *_taken(spec, one), *_shut_out(spec, one))
        if is_wrong
    ]


def _machine(spec: PlatformSpec, one: Facts) -> Iterator[Row]:
    network, bootstrap = spec.settings.network, "colorway:bootstrap: {firewall: false}"
    systems = "Debian 12 or Ubuntu 22.04, or newer; or Docker is there already"
    yield not (is_known(one.system) or one.docker_installed), "system", one.system or "unknown", systems
    for module in ("overlay", "vxlan"):
        yield module in one.kernel_lacks, "kernel", f"has no {module}", "one with it, as distributions have"
    encrypted = spec.is_encrypted and "esp4" in one.kernel_lacks
    yield encrypted, "kernel", "has no esp4", "one with it, or colorway:network: {encrypted: false}"
    walled = spec.settings.bootstrap.firewall and "nf_tables" in one.kernel_lacks
    yield walled, "kernel", "has no nf_tables", f"one with it, or {bootstrap}"
    yield not one.device, "address", f"no interface has {one.host.address}", "the host's own in the private network"
    # Once the networks are there, their MTU is settled.
    narrow = one.swarm_state != "active" and bool(one.device) and one.mtu < (network.mtu or DEFAULT_MTU)
    cure = f"at least {network.mtu or DEFAULT_MTU}, or colorway:network: {{mtu: {one.mtu}}}"
    yield narrow, "MTU", f"{one.mtu} of {one.device}", cure
    # Swarm places by what is reserved, and Docker refuses a task that may use more than there is.
    most = max(_may_use(spec, one), default=(0.0, ""))
    weak = 0 < one.processors < most[0]
    cure = f"at least {math.ceil(most[0])}, which {most[1]} may use, or a lower cpus under its limits"
    yield weak, "processors", str(one.processors), cure
    if mistake := daemon_mistake(one.daemon_json):
        yield True, "daemon.json", *mistake


def _may_use(spec: PlatformSpec, one: Facts) -> Iterator[tuple[float, str]]:
    """Yield how many processors a task may use, of each service that may run on a host, with its name."""
    for wanted in spec.inventory().declared:
        places = spec.settings.hosts
        if wanted.kind is not None and (wanted.color is None or wanted.color in spec.colors_on):
            places = spec.places(spec.service(wanted.logical, wanted.color))
        if wanted.may_run_on(one.host) and one.host in places:
            yield wanted.cpus, wanted.label


def _taken(spec: PlatformSpec, one: Facts) -> Iterator[Row]:
    """Yield the ports of Swarm and of the stack that something else has."""
    listening = {(each.port, each.protocol): each for each in one.listeners if each.is_public}
    for key in sorted(SWARM_PORTS):
        if one.swarm_state != "active" and key in listening and listening[key].program not in _DOCKERS_OWN:
            yield True, "port", _said(listening[key]), "free, for Swarm"
    for number in spec.inventory().host_ports_on(one.host):
        # Later they are the stores' own.
        if one.swarm_state != "active" and (number, Protocol.TCP) in listening:
            cure = "free, for a data store; or choose others: colorway:network: {host-ports: 21000}"
            yield True, "port", _said(listening[number, Protocol.TCP]), cure
    for port in spec.inventory().ports_on(one.host):
        there = listening.get((port.port, port.protocol))
        if there is not None and there.program not in _DOCKERS_OWN:
            yield True, "port", _said(there), f"free, or choose another: colorway:overrides: {port.override}"


def _shut_out(spec: PlatformSpec, one: Facts) -> Iterator[Row]:
    """Yield what else is reached from outside today, and would not be behind the firewall."""
    if not spec.settings.bootstrap.firewall or one.has_firewall:
        return
    open_ports = let_in(spec, one.host).ports | HARMLESS
    closed = {
        (each.port, each.protocol): each
        for each in one.listeners
        if each.is_public
        and (each.port, each.protocol) not in open_ports
        and not (each.protocol is Protocol.UDP and each.port >= _FIRST_OF_CALLERS)
    }
    for port, protocol in sorted(closed):
        entry = str(port) if protocol is Protocol.TCP else f"{{port: {port}, protocol: {protocol.value}}}"
        cure = f"closed; or colorway:bootstrap: {{open: [{entry}]}}, or {{firewall: false}}"
        yield True, "firewall", f"{_said(closed[port, protocol])}, and would be shut out", cure


def _said(listener: Listener) -> str:
    return f"{listener.program or 'the kernel'} has {listener.port}/{listener.protocol.value}"
