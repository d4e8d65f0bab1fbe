"""From a stack's name to an engine that can work: machine, images, CLI, plugins."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from ipaddress import IPv4Network
from pathlib import Path

from colorway.config import stack_files
from colorway.engine import cli_binary, plugins
from colorway.engine.claim import claimed
from colorway.engine.operations import Engine
from colorway.errors import ColorwayError
from colorway.hosts import bootstrap
from colorway.lab.lab import Lab
from colorway.machine import daemon, images
from colorway.machine.progress import Progress
from colorway.render import templates
from colorway.spec.inventory import Inventory
from colorway.spec.platform_file import ImageSource
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import Environment
from colorway.swarm.connections import Connection, Login
from colorway.swarm.services import ForeignService, NetworkState, Swarm

PLUGINS = ("docker", "command")
_RANGES = tuple(IPv4Network(f"10.{number}.0.0/16") for number in range(90, 255))
"""Ranges to propose where one is taken."""


def set_up(spec: PlatformSpec, *, root: Path, progress: Progress) -> None:
    """Make this machine ready for a local stack: Docker, a swarm, the images; does nothing where all is there.

    Raises:
        ColorwayError: something is missing and cannot be installed; the sentence says what.
    """
    if not spec.is_local:
        return
    daemon.refuse_missing_tools()
    daemon.ensure_docker(progress)
    daemon.ensure_swarm(progress)
    build_images(spec, root=root, progress=progress)


def set_up_hosts(
    spec: PlatformSpec, *, root: Path, progress: Progress, say: Callable[[str], None], without: Collection[str] = ()
) -> None:
    """Make the hosts of a stack one swarm; those of a lab get the images that are built here, too, and no others.

    Raises:
        ColorwayError: a host is not what it should be, and nothing was changed; or it does not do what it is told.
    """

    def hold() -> AbstractContextManager[object]:
        return claimed(spec.stack, root=root, swarm=Swarm(spec.manager), reason="up")

    if spec.settings.environment is Environment.LAB:
        pulled = {image.reference for image in spec.inventory().images} - set(spec.builds())
        Lab(spec=spec, root=root).refuse_unreached(pulled)
    bootstrap.make_ready(spec, progress=progress, say=say, hold=hold, without=without)
    if spec.settings.environment is Environment.LAB:
        provide_images(spec, root=root, progress=progress)


def built_by_host(spec: PlatformSpec) -> dict[str, set[str]]:
    """Return the images that are built here, by the hosts that may run them."""
    built = set(spec.builds())
    # What comes from a registry has no reference while its color is off.
    here = [service for service in spec.inventory().declared if service.image.folder]
    return {
        host.name: built.intersection(service.image.reference for service in here if service.may_run_on(host))
        for host in spec.settings.hosts
    }


def build_images(spec: PlatformSpec, *, root: Path, progress: Progress) -> None:
    """Build the images of a platform with `images: local` that are not there yet; see `provide_images`."""
    if spec.platform.images is not ImageSource.LOCAL:
        return
    for reference, (folder, version) in spec.builds().items():
        images.ensure_image(reference=reference, version=version, context=root / "images" / folder, progress=progress)


def built_images(spec: PlatformSpec, root: Path, *, progress: Progress) -> dict[str, set[str]]:
    """Build the images of a platform with `images: local` that are not there yet, and return them by host."""
    build_images(spec, root=root, progress=progress)
    return built_by_host(spec)


def provide_images(spec: PlatformSpec, *, root: Path, progress: Progress) -> None:
    """Build the images of a platform with `images: local` that are not there yet, and bring them to a lab's hosts.

    Where all hosts of a lab have theirs, this machine is not asked.
    """
    if spec.settings.environment is not Environment.LAB:
        build_images(spec, root=root, progress=progress)
        return
    lab = Lab(spec=spec, root=root)
    if missing := lab.missing(built_by_host(spec)):
        daemon.ensure_docker(progress)
        build_images(spec, root=root, progress=progress)
        lab.bring(missing, progress=progress)


def engine_for(spec: PlatformSpec, *, root: Path, say: Callable[[str], None], progress: Progress) -> Engine:
    """Return an engine for a stack: finds or builds the CLI, and chooses the plugins.

    Raises:
        ColorwayError: no CLI or no plugins can be had.
    """
    pulumi = cli_binary.find_or_build(progress=progress)
    wanted = [*PLUGINS, *(["cloudflare"] if spec.settings.zones else [])]
    choice = plugins.choose(pulumi=pulumi, names=wanted, python=Path(sys.executable), progress=progress)

    def logins() -> Mapping[str, Login]:
        # By the time that an image is asked for, the engine is there to read its registry's password.
        return engine.logins()

    engine = Engine(
        root=root,
        pulumi=pulumi,
        plugins=choice,
        spec=spec,
        say=say,
        swarm=Swarm(spec.manager, connection=Connection(spec.manager, logins=logins)),
    )
    return engine


def load_program_beside() -> None:
    """Load what the program needs while other things are waited for; 0.6 s of the next `up` or `preview`."""

    def load() -> None:
        for name in ("pulumi_docker", "pulumi_command", "components.load_balancer.routing", "components.monitoring"):
            importlib.import_module(name)
        templates.compile_all()

    threading.Thread(target=load, daemon=True).start()


def refuse_taken(spec: PlatformSpec, swarm: Swarm) -> None:
    """Refuse an `up` while something else has the stack's ports, addresses or names; nothing was created.

    What the stack has already is not looked at: whoever came later has to give way.

    Raises:
        ColorwayError: one sentence for each kind of thing, with what has it and the key that changes it.
    """
    inventory = spec.inventory()
    foreign, networks = swarm.foreign_services(spec.stack), swarm.networks()
    found = [
        *_taken_names(spec.stack, inventory, networks, foreign),
        *_taken_range(spec, inventory, networks),
    ]
    if spec.is_local:
        found += _beyond(inventory, processors=os.cpu_count() or 0)
        found += _taken_ports(inventory, swarm.published_ports(spec.stack), foreign)
    if found:
        raise ColorwayError("\n".join(f"{stack_files.stack_file(spec.stack)}: {sentence}" for sentence in found))


def _beyond(inventory: Inventory, *, processors: int) -> Iterator[str]:
    """Yield what may use more processors than this machine has: Docker refuses such a task."""
    for service in inventory.declared:
        if 0 < processors < service.cpus:
            yield (
                f"{service.owner} may use {service.cpus:g} processors, and this machine has {processors}; "
                "write a lower cpus under its limits, in colorway:overrides"
            )


def _taken_names(
    stack: str, inventory: Inventory, networks: Sequence[NetworkState], foreign: Sequence[ForeignService]
) -> Iterator[str]:
    wanted = {service.name for service in inventory.declared}
    cure = "remove it, or give this stack another name, which is the name of its file"
    for service in foreign:
        if service.name in wanted:
            yield f"the name {service.name} is in use by a service {_of(service.stack)}; {cure}"
    ours = {network.name for network in inventory.networks}
    for network in networks:
        if network.stack != stack and network.name in ours:
            yield f"the name {network.name} is in use by a network {_of(network.stack)}; {cure}"


def _taken_range(spec: PlatformSpec, inventory: Inventory, networks: Sequence[NetworkState]) -> Iterator[str]:
    there = {one.name for one in networks if one.stack == spec.stack and one.has_addresses}
    wanted = [network.subnet for network in inventory.networks if network.name not in there]
    foreign = [one for one in networks if one.stack != spec.stack]
    taken = [
        f"{one.name} {_of(one.stack)} ({subnet})"
        for one in foreign
        for subnet in one.subnets
        if any(subnet.overlaps(mine) for mine in wanted)
    ]
    if not taken:
        return
    subnets = [subnet for one in networks for subnet in one.subnets]
    free = next((one for one in _RANGES if not any(one.overlaps(subnet) for subnet in subnets)), None)
    yield (
        f"addresses of colorway:network {spec.settings.network.range} are in use by the network {', '.join(taken)}; "
        f"choose another range{f', for example {free}' if free else ''}"
    )


def _of(stack: str | None) -> str:
    return f"of the stack {stack}" if stack else "that no stack of colorway made"


def _taken_ports(inventory: Inventory, ours: Collection[int], foreign: Sequence[ForeignService]) -> Iterator[str]:
    services = {port: service for service in foreign for port in service.ports}
    for wanted in inventory.ports:
        port, choose = wanted.port, f"or choose another port with colorway:overrides: {wanted.override}"
        if port in ours:
            continue
        if port in services:
            who = services[port]
            yield f"port {port} is in use by the service {who.name} {_of(who.stack)}; remove that, {choose}"
        elif not _is_free(port):
            yield f"port {port} is in use by another program; stop that program, {choose}"


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - the address that nginx will take; closed at once
        except OSError:
            return False
        return True
