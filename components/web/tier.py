"""The colored services of one color that follow traffic."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from colorway.spec import names
from colorway.spec.hosts import Role
from colorway.spec.networks import joined
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import ServiceSpec
from colorway.spec.traffic import Color
from components.swarm_service import SwarmService
from components.swarm_spec import MountedFile, NetworkAttachment, SwarmServiceSpec


class WebTier(pulumi.ComponentResource):
    """Runs one color's web services; says nothing about which color is live.

    Each joins its color's network under two names: `<service>`, so that a call between services stays
    inside its color, and `<service>-<color>`, which only the load balancers look up.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        color: Color,
        networks: Mapping[str, pulumi.Input[str]],
        secrets: Mapping[str, MountedFile],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:web:WebTier", name, None, opts)
        for service_name, service in spec.services(color, belongs_to_active=False).items():
            SwarmService(
                f"{service_name}-{color.value}",
                colored_service(spec, name=service_name, color=color),
                networks=attachments(service_name, service, color=color, networks=networks),
                secrets=mounted(service, secrets=secrets),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def colored_service(spec: PlatformSpec, *, name: str, color: Color) -> SwarmServiceSpec:
    """Return one color's service as plain values; workers and schedulers use it too."""
    service = spec.colored(color)[name]
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, name, color),
        image=spec.image(name, color),
        command=service.command,
        health=service.health.tests(service.port),
        health_policy=service.health,
        limits=service.limits,
        stop_grace=service.stop_grace,
        replicas=spec.replicas(name, color),
        update=service.update,
        restart=service.restart,
        constraints=(f"node.labels.{names.role_label(spec.stack, Role.WEB.value)}==true",),
        spread=f"node.labels.{names.host_label(spec.stack)}",
        env=_environment(spec, name=name, color=color),
        read_only=service.read_only,
        labels=names.labels(spec.stack, name, color),
    )


def attachments(
    name: str, service: ServiceSpec, *, color: Color, networks: Mapping[str, pulumi.Input[str]]
) -> list[NetworkAttachment]:
    """Return the networks of a colored service; only its color's knows it by its short names."""
    own, *others = joined(service, color=color)
    return [
        NetworkAttachment(id=networks[own], aliases=(name, names.colored_alias(name, color))),
        *(NetworkAttachment(id=networks[other]) for other in others),
    ]


def mounted(service: ServiceSpec, *, secrets: Mapping[str, MountedFile]) -> list[MountedFile]:
    """Return the secrets that a service names."""
    return [secrets[name] for name in service.secrets]


def _environment(spec: PlatformSpec, *, name: str, color: Color) -> dict[str, str]:
    return {
        **spec.colored(color)[name].env,
        **spec.manifest(color).flags,
        "COLORWAY_STACK": spec.stack,
        "COLORWAY_SERVICE": name,
        "COLORWAY_COLOR": color.value,
        "COLORWAY_VERSION": spec.version(color),
        "COLORWAY_HOST": "{{.Node.Hostname}}",
    }
