"""What is left when the engine has removed a stack's resources: directories and volumes."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from colorway.errors import ColorwayError
from colorway.machine.daemon import docker
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.services import Swarm

_ORPHANS_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 0.5


def remove_leftovers(spec: PlatformSpec, *, data: bool, say: Callable[[str], None]) -> None:
    """Remove a local stack's directories and, if told so, its volumes.

    Args:
        spec: The stack.
        data: Whether the data stores' and Prometheus's volumes go, too.
        say: Prints one line.
    """
    if not spec.is_local:
        return
    inventory = spec.inventory()
    for directory in inventory.directories:
        shutil.rmtree(directory.path, ignore_errors=True)
    present = [volume.name for volume in inventory.volumes if docker("volume", "inspect", volume.name).returncode == 0]
    if not data:
        if present:
            say(f"kept: the data in the volumes {', '.join(present)} (make down DATA=1 removes them)")
        return
    for volume in present:
        if docker("volume", "rm", "--force", volume).returncode:
            say(f"the volume {volume} is still in use; remove it with: docker volume rm {volume}")


def refuse_orphans_elsewhere(spec: PlatformSpec) -> None:
    """Refuse `--orphans` for a stack of other machines; asked before anything is removed.

    Raises:
        ColorwayError: the stack is none of this machine.
    """
    if not spec.is_local:
        raise ColorwayError(
            f"{spec.stack}: --orphans is for stacks of this machine only; elsewhere the state says what is there: "
            f"find it (pulumi login), then colorway down {spec.stack}"
        )


def remove_orphans(spec: PlatformSpec, swarm: Swarm, *, say: Callable[[str], None]) -> None:
    """Remove everything in the swarm that carries a local stack's label, although no state of this checkout knows it.

    Args:
        spec: The stack.
        swarm: Its swarm.
        say: Prints one line.

    Raises:
        ColorwayError: the stack is none of this machine, or a container did not stop within 90 s.
    """
    refuse_orphans_elsewhere(spec)
    found = swarm.all_objects(spec.stack)
    for made in found:
        swarm.remove(made)
    # Volumes are in use until the last task has ended.
    services = {made.name for made in found if made.kind == "service"}
    end = time.monotonic() + _ORPHANS_SECONDS
    while left := swarm.containers_of(services):
        if time.monotonic() > end:
            raise ColorwayError(f"{len(left)} containers of {spec.stack} do not stop; see docker ps")
        time.sleep(_POLL_SECONDS)
    if found:
        counts = Counter(made.kind for made in found)
        told = ", ".join(f"{number} {kind}{'s' if number > 1 else ''}" for kind, number in counts.items())
        say(f"removed without a state: {told}")
