"""From a stack's name to an engine that can work: machine, images, CLI, plugins."""

from __future__ import annotations

import importlib
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from colorway.engine import cli_binary, plugins
from colorway.engine.operations import Engine
from colorway.errors import ColorwayError
from colorway.machine import daemon, images
from colorway.machine.progress import Progress
from colorway.spec.platform_file import ImageSource
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.services import Swarm

PLUGINS = ("docker", "command")


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


def build_images(spec: PlatformSpec, *, root: Path, progress: Progress) -> None:
    """Build the images of a platform with `images: local` that are not there yet."""
    if spec.platform.images is not ImageSource.LOCAL:
        return
    for reference, (folder, version) in spec.builds().items():
        images.ensure_image(reference=reference, version=version, context=root / "images" / folder, progress=progress)


def engine_for(spec: PlatformSpec, *, root: Path, say: Callable[[str], None], progress: Progress) -> Engine:
    """Return an engine for a stack: finds or builds the CLI, and chooses the plugins.

    Raises:
        ColorwayError: no CLI or no plugins can be had.
    """
    pulumi = cli_binary.find_or_build(progress=progress)
    names = [*PLUGINS, *(["cloudflare"] if spec.settings.zone else [])]
    choice = plugins.choose(pulumi=pulumi, names=names, python=Path(sys.executable), progress=progress)
    return Engine(root=root, pulumi=pulumi, plugins=choice, spec=spec, say=say, swarm=Swarm(spec.manager))


def load_program_beside() -> None:
    """Load what the program needs while other things are waited for; 0.4 s of the next `up` or `preview`."""
    names = ("pulumi_docker", "pulumi_command", "components.load_balancer.routing", "components.monitoring")
    threading.Thread(target=lambda: [importlib.import_module(name) for name in names], daemon=True).start()


def refuse_busy_ports(spec: PlatformSpec, swarm: Swarm) -> None:
    """Refuse a first `up` of a local stack while another program has one of its ports.

    Raises:
        ColorwayError: names each busy port and the key that changes it; nothing was created.
    """
    if not spec.is_local:
        return
    edge = spec.platform.edge
    wanted = {
        edge.http_port: "{edge: {http-port: …}}",
        edge.https_port: "{edge: {https-port: …}}",
        spec.platform.monitoring.port: "{monitoring: {port: …}}",
    }
    ours = swarm.published_ports(spec.stack)
    busy = [port for port in wanted if port not in ours and not _is_free(port)]
    if busy:
        raise ColorwayError(
            "\n".join(
                f"Pulumi.{spec.stack}.yaml: port {port} is in use by another program; stop that program, "
                f"or choose another port with colorway:overrides: {wanted[port]}"
                for port in busy
            )
        )


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - the address that nginx will take; closed at once
        except OSError:
            return False
        return True
