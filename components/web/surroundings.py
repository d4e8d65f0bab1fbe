"""What services find around them that is not the stack's own: files of the project, networks of other stacks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import pulumi

from colorway.render.templates import script
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import ServiceSpec
from colorway.spec.traffic import Color
from components.entry import mounted_config
from components.remote import HostScript
from components.swarm_spec import MountedFile, NetworkAttachment


class Surroundings(pulumi.ComponentResource):
    """Creates a Swarm config for each config file of some services, and looks up the networks that they join.

    Both are made for each color apart: a file that a version changes must not touch the other color. A network
    of another stack is asked for by a script on a manager, so that no preview depends on what exists; its id is
    kept, because a name is read back as an id and would replace the service after a refresh.
    """

    configs: Mapping[str, Sequence[MountedFile]]
    """Config files by service."""
    networks: Mapping[str, Sequence[NetworkAttachment]]
    """Networks of other stacks by service; without aliases, for the names in them are not ours."""

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        services: Mapping[str, ServiceSpec],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:web:Surroundings", name, None, opts)
        self.configs = {
            service: [
                replace(
                    mounted_config(
                        f"{service}-{name}-{_digest(file.target)}",
                        spec.config_files[file.source],
                        path=file.target,
                        stack=spec.stack,
                        parent=self,
                    ),
                    mode=file.mode,
                    uid=file.uid,
                    gid=file.gid,
                )
                for file in wanted.config_files
            ]
            for service, wanted in services.items()
        }
        joined = {network: None for wanted in services.values() for network in wanted.networks}
        ids = {network: self._found(f"{name}-{network}", network, spec) for network in joined}
        self.networks = {
            service: [NetworkAttachment(id=ids[network]) for network in wanted.networks]
            for service, wanted in services.items()
        }
        self.register_outputs({})

    @classmethod
    def of_colors(cls, spec: PlatformSpec, *, opts: pulumi.ResourceOptions | None = None) -> dict[Color, Self]:
        """Return those of each color that is on."""
        return {color: cls(color.value, spec, services=spec.colored(color), opts=opts) for color in spec.colors_on}

    def _found(self, name: str, network: str, spec: PlatformSpec) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        return HostScript(
            name, spec.manager, script=script("network-id"), arguments=[network], opts=child
        ).stdout.apply(str.strip)


def _digest(target: str) -> str:
    """Return a short name for a path: the swarm's names end at 64 characters."""
    return hashlib.sha256(target.encode()).hexdigest()[:8]
