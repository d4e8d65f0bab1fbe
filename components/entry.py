"""Our own entry scripts inside containers, so that Debian-built and official images are interchangeable."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from colorway.spec.names import STACK_LABEL
from components.swarm_spec import MountedFile

ENTRY_PATH = "/colorway-entry.sh"
ENTRY_COMMAND = ("/bin/sh", ENTRY_PATH)


def mounted_config(
    name: str, text: pulumi.Input[str], *, path: str, stack: str, parent: pulumi.Resource
) -> MountedFile:
    """Create a Swarm config and return it as a file; new text is a new config (autonamed)."""
    config = docker.ServiceConfig(
        name,
        data_raw=text,
        labels=[docker.ServiceConfigLabelArgs(label=STACK_LABEL, value=stack)],
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return MountedFile(id=config.id, name=config.name, path=path)


def entry_script(name: str, text: str, *, stack: str, parent: pulumi.Resource) -> MountedFile:
    """Create the Swarm config that holds the text of an entry script."""
    return mounted_config(f"{name}-entry", text, path=ENTRY_PATH, stack=stack, parent=parent)
