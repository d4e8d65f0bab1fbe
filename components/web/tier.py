"""The colored services of one color that follow traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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
from components.swarm_spec import Mount, MountedFile, NetworkAttachment, SwarmServiceSpec
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
                colored_service(spec, name=service_name, color=color),
                networks=[
                    *attachments(service_name, service, color=color, networks=networks),
                    *around.networks[service_name],
                ],
                secrets=mounted(service, secrets=secrets),
                configs=around.configs[service_name],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def colored_service(spec: PlatformSpec, *, name: str, color: Color) -> SwarmServiceSpec:
    """Return one color's service as plain values; workers and schedulers use it too."""
    service = spec.colored(color)[name]
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
        constraints=_constraints(spec, service),
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
    return [
        replace(secrets[file.name], path=file.target, mode=file.mode, uid=file.uid, gid=file.gid)
        for file in service.secrets
    ]


def _constraints(spec: PlatformSpec, service: ServiceSpec) -> tuple[str, ...]:
    """Return where the tasks may run; Swarm knows no "or", so of several hosts the others are ruled out."""
    host = f"node.labels.{names.host_label(spec.stack)}"
    places = [one.name for one in spec.places(service)]
    others = [one.name for one in spec.hosts(Role.WEB) if one.name not in places]
    narrowed = [f"{host}=={places[0]}"] if len(places) == 1 and others else [f"{host}!={name}" for name in others]
    labels = [f"node.labels.{key}=={value}" for key, value in sorted(service.placement.labels.items())]
    return (f"node.labels.{names.role_label(spec.stack, Role.WEB.value)}==true", *narrowed, *labels)


def _mount(spec: PlatformSpec, volume: VolumeSpec, *, color: Color) -> Mount:
    return Mount(
        target=volume.target,
        source=names.service_volume(spec.stack, volume.name, None if volume.shared else color),
        read_only=volume.read_only,
        driver_options=volume.nfs.driver_options if volume.nfs else None,
    )


def _environment(spec: PlatformSpec, *, name: str, color: Color) -> dict[str, str]:
    return {
        **in_swarm({**spec.colored(color)[name].env, **spec.manifest(color).flags}),
        "COLORWAY_STACK": spec.stack,
        "COLORWAY_SERVICE": name,
        "COLORWAY_COLOR": color.value,
        "COLORWAY_VERSION": spec.version(color),
        "COLORWAY_HOST": "{{.Node.Hostname}}",
    }
