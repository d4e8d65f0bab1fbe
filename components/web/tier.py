"""The services that answer requests: one color's, and those that exist once for both."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from colorway.spec import names
from colorway.spec.hosts import Role
from colorway.spec.networks import joined
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import ServiceSpec
from colorway.spec.task.environment import in_swarm
from colorway.spec.task.mounts import VolumeSpec
from colorway.spec.traffic import Color
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, MountedFile, NetworkAttachment, SwarmServiceSpec, mounted
from components.web.surroundings import Surroundings


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
        around: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:web:WebTier", name, None, opts)
        for service_name, service in spec.services(color, belongs_to_active=False).items():
            SwarmService(
                f"{service_name}-{color.value}",
                swarm_service(spec, name=service_name, color=color),
                networks=[
                    *attachments(service_name, service, color=color, networks=networks),
                    *around.networks[service_name],
                ],
                secrets=mounted(service.secrets, secrets=secrets),
                configs=around.configs[service_name],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


class SharedServices(pulumi.ComponentResource):
    """Runs the platform's shared services, whichever colors are on.

    Each joins the network `shared` under its name, where the services of both colors and the load balancers look it
    up, and the stores that it uses; no color's network. It is of no version: an edit of the platform file changes it
    in place, for the users of both colors at once. Nothing depends on it: a sick one must neither keep a color from
    coming up nor block a way back, and a color whose health needs it becomes healthy once it answers.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        networks: Mapping[str, pulumi.Input[str]],
        secrets: Mapping[str, MountedFile],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:web:SharedServices", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        around = Surroundings(name, spec, services=spec.shared, opts=child)
        for service_name, service in spec.shared.items():
            SwarmService(
                service_name,
                swarm_service(spec, name=service_name, color=None),
                networks=[
                    *attachments(service_name, service, color=None, networks=networks),
                    *around.networks[service_name],
                ],
                secrets=mounted(service.secrets, secrets=secrets),
                configs=around.configs[service_name],
                opts=child,
            )
        self.register_outputs({})


def swarm_service(spec: PlatformSpec, *, name: str, color: Color | None) -> SwarmServiceSpec:
    """Return a service of the platform file as plain values: one color's of any kind, or a shared one."""
    service = spec.service(name, color)
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, name, color),
        image=spec.image(name, color),
        entrypoint=service.entrypoint,
        command=service.command,
        health=service.tests(),
        health_policy=service.health,
        limits=service.limits,
        stop_grace=service.stop_grace,
        replicas=spec.replicas(name, color),
        order=service.order,
        update=service.update,
        restart=service.restart,
        constraints=constraints(spec, service),
        spread=f"node.labels.{names.host_label(spec.stack)}",
        most_per_host=service.placement.most_per_host,
        env=_environment(spec, name=name, color=color),
        ports=service.published,
        mounts=tuple(_mount(spec, volume, color=color) for volume in service.volumes),
        read_only=service.read_only,
        shm_size=service.shm_size,
        capabilities=service.capabilities,
        user=service.user,
        working_dir=service.working_dir,
        stop_signal=service.stop_signal.value if service.stop_signal else None,
        extra_hosts={host: str(address) for host, address in service.extra_hosts.items()},
        labels=names.labels(spec.stack, name, color),
    )


def attachments(
    name: str, service: ServiceSpec, *, color: Color | None, networks: Mapping[str, pulumi.Input[str]]
) -> list[NetworkAttachment]:
    """Return the networks of a service; only its color's, or `shared`, knows it by its short names."""
    own, *others = joined(service, color=color)
    aliases = (name,) if color is None else (name, names.colored_alias(name, color))
    return [
        NetworkAttachment(id=networks[own], aliases=aliases),
        *(NetworkAttachment(id=networks[other]) for other in others),
    ]


def constraints(spec: PlatformSpec, service: ServiceSpec) -> tuple[str, ...]:
    """Return where the tasks may run; Swarm knows no "or", so of several hosts the others are ruled out."""
    host = f"node.labels.{names.host_label(spec.stack)}"
    places = [one.name for one in spec.places(service)]
    others = [one.name for one in spec.hosts(Role.WEB) if one.name not in places]
    narrowed = [f"{host}=={places[0]}"] if len(places) == 1 and others else [f"{host}!={name}" for name in others]
    labels = [f"node.labels.{key}=={value}" for key, value in sorted(service.placement.labels.items())]
    return (f"node.labels.{names.role_label(spec.stack, Role.WEB.value)}==true", *narrowed, *labels)


def _mount(spec: PlatformSpec, volume: VolumeSpec, *, color: Color | None) -> Mount:
    return Mount(
        target=volume.target,
        source=names.service_volume(spec.stack, volume.name, None if volume.shared else color),
        read_only=volume.read_only,
        driver_options=volume.nfs.driver_options if volume.nfs else None,
    )


def _environment(spec: PlatformSpec, *, name: str, color: Color | None) -> dict[str, str]:
    service = spec.service(name, color)
    own = {"COLORWAY_STACK": spec.stack, "COLORWAY_SERVICE": name, "COLORWAY_HOST": "{{.Node.Hostname}}"}
    if color is None:
        return {**in_swarm(spec.told(service, service.env)), **own}
    version = {"COLORWAY_COLOR": color.value, "COLORWAY_VERSION": spec.version(color)}
    env = spec.told(service, {**service.env, **spec.manifest(color).flags})
    return {**in_swarm(env), **own, **version}
