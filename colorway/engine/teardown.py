"""What is left when the engine has removed a stack's resources: directories and volumes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from colorway.spec import names
from colorway.spec.root import PlatformSpec


def remove_leftovers(spec: PlatformSpec, *, data: bool, say: Callable[[str], None]) -> None:
    """Remove a local stack's directory of generations and, if told so, its volumes.

    Args:
        spec: The stack.
        data: Whether the data stores' and Prometheus's volumes go, too.
        say: Prints one line.
    """
    if not spec.is_local:
        return
    shutil.rmtree(Path(names.state_directory(spec.stack)).parent, ignore_errors=True)
    volumes = [names.volume(spec.stack, store) for store in [*spec.platform.data_stores, names.PROMETHEUS]]
    present = [volume for volume in volumes if _docker("volume", "inspect", volume)]
    if not data:
        if present:
            say(f"kept: the data in the volumes {', '.join(present)} (make down DATA=1 removes them)")
        return
    for volume in present:
        if not _docker("volume", "rm", "--force", volume):
            say(f"the volume {volume} is still in use; remove it with: docker volume rm {volume}")


def _docker(*arguments: str) -> bool:
    run = subprocess.run(["docker", *arguments], capture_output=True, check=False)
    return run.returncode == 0
