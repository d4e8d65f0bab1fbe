"""What moves traffic: one text, checked on every load balancer, then applied on every one."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from colorway.render.certificates import certify, certify_arguments
from colorway.render.nginx import STATUS_PORT, Generation
from colorway.render.templates import script
from colorway.spec import names
from colorway.spec.fields import whole_seconds
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from components.remote import HostScript


class Routing(pulumi.ComponentResource):
    """Makes one generation of nginx's text live on all load balancers.

    Checked on every one before it is applied on any. Applied is: an atomically renamed symlink, a reload,
    and new connections that answer the generation's hash; where that fails, the old symlink comes back and
    the step fails. Where a generation drops a color that the last one named, it waits until that color
    serves nobody, so that what is deleted afterwards is missed by nobody.

    The text travels as standard input, so that a preview shows its diff; no secret is in it.
    """

    generation: pulumi.Output[str]
    """Hash that every load balancer answers."""

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        generation: Generation,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:edge:Routing", name, None, opts)
        checks = [
            self._step(
                name,
                "check",
                spec,
                [certify(), *certify_arguments(spec)],
                host=host,
                generation=generation,
                after=after,
            )
            for host in spec.load_balancers
        ]
        applied = [
            self._step(
                name,
                "apply",
                spec,
                [str(STATUS_PORT), str(whole_seconds(spec.drain))],
                host=host,
                generation=generation,
                after=checks,
            )
            for host in spec.load_balancers
        ]
        self.generation = pulumi.Output.all(*(step.stdout for step in applied)).apply(lambda _: generation.digest)
        self.register_outputs({"generation": self.generation})

    def _step(
        self,
        name: str,
        step: str,
        spec: PlatformSpec,
        arguments: Sequence[str],
        *,
        host: HostSpec,
        generation: Generation,
        after: Sequence[pulumi.Resource],
    ) -> HostScript:
        return HostScript(
            f"{name}-{step}-{host.name}",
            host,
            script=script(f"routing-{step}"),
            arguments=[
                spec.edge_directory,
                names.service(spec.stack, names.load_balancer(host.name)),
                *arguments,
            ],
            stdin=generation.text,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
