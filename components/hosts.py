"""What the swarm has to know about the hosts of a stack."""

from __future__ import annotations

import pulumi

from colorway.render.templates import script
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from components.remote import HostScript


class Hosts(pulumi.ComponentResource):
    """Labels the swarm's nodes with their names and roles, so that services can be placed by role, and by no other.

    It does not install Docker or join hosts to the swarm; a host that is no node of the swarm is an error.
    """

    def __init__(self, name: str, spec: PlatformSpec, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("colorway:host:Hosts", name, None, opts)
        arguments = []
        for host in spec.settings.hosts:
            node = "self" if host.is_local else host.name
            labels = names.node_labels(spec.stack, host=host.name, roles=host.roles)
            words = (f"{label}={value}" if value else f"-{label}" for label, value in labels.items())
            arguments.append(" ".join([node, *words]))
        HostScript(
            f"{name}-labels",
            spec.manager,
            script=script("label-nodes"),
            stdin="\n".join(arguments) + "\n",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
