"""The one wrapper of `docker.Service`; it knows every pitfall, so that no other file has to."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from colorway.spec.fields import go_duration
from colorway.spec.task.policies import LimitsSpec
from colorway.spec.task.process import PublishMode
from components.swarm_spec import HOST_NETWORK, Mount, MountedFile, NetworkAttachment, SwarmServiceSpec

NANO = 1_000_000_000
"""Swarm counts processor cores in billionths."""
TMP = "/tmp"  # noqa: S108 - a file system of the container's own
TMP_BYTES = 64 * 2**20
SHM = "/dev/shm"  # noqa: S108 - same
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}
"""Docker's own logs grow without bound otherwise."""


class SwarmService(pulumi.ComponentResource):
    """Creates one Swarm service, and waits until its tasks are healthy.

    Every field whose default hurts is set: see `docker-provider-facts` and `docs/decisions`. No VIP and no
    routing mesh (`dnsrr`, host ports): nginx balances, and a VIP would hide which task answered.
    """

    service_name: pulumi.Output[str]
    """Name in the swarm, known when the service has converged."""

    def __init__(
        self,
        name: str,
        spec: SwarmServiceSpec,
        *,
        networks: Sequence[NetworkAttachment],
        secrets: Sequence[MountedFile] = (),
        configs: Sequence[MountedFile] = (),
        before_update: pulumi.ResourceHook | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create it; `before_update` is done before it is changed, and keeps it as it is by failing."""
        super().__init__("colorway:swarm:SwarmService", name, None, opts)
        service = docker.Service(
            f"{name}-service",
            name=spec.service_name,
            task_spec=docker.ServiceTaskSpecArgs(
                container_spec=_container(spec, secrets=secrets, configs=configs),
                networks_advanceds=[
                    docker.ServiceTaskSpecNetworksAdvancedArgs(id=net.id, aliases=list(net.aliases) or None)
                    for net in networks
                ],
                resources=_resources(spec.limits),
                # All four: the plugin writes zeros for what is left out and then wants to change them.
                restart_policy=docker.ServiceTaskSpecRestartPolicyArgs(
                    condition=spec.restart.condition.value,
                    delay=go_duration(spec.restart.delay),
                    max_attempts=spec.restart.max_attempts,
                    window=go_duration(spec.restart.window),
                ),
                placement=docker.ServiceTaskSpecPlacementArgs(
                    constraints=list(spec.constraints),
                    prefs=[spec.spread] if spec.spread else None,
                    max_replicas=spec.most_per_host,
                ),
                log_driver=docker.ServiceTaskSpecLogDriverArgs(name="json-file", options=LOG_OPTIONS),
            ),
            mode=docker.ServiceModeArgs(replicated=docker.ServiceModeReplicatedArgs(replicas=spec.replicas)),
            endpoint_spec=_endpoint(spec),
            update_config=docker.ServiceUpdateConfigArgs(
                parallelism=spec.update.parallelism,
                delay=go_duration(spec.update.delay),
                monitor=go_duration(spec.update.monitor),
                order=spec.order.value,
                failure_action=spec.update.failure_action.value,
                max_failure_ratio=f"{spec.update.max_failure_ratio:.1f}",
            ),
            rollback_config=docker.ServiceRollbackConfigArgs(
                parallelism=spec.update.parallelism,
                delay="0s",
                monitor=go_duration(spec.update.monitor),
                order=spec.order.value,
                failure_action="pause",
                max_failure_ratio="0.0",
            ),
            converge_config=docker.ServiceConvergeConfigArgs(delay="1s", timeout=go_duration(spec.converge_timeout)),
            labels=[docker.ServiceLabelArgs(label=label, value=value) for label, value in sorted(spec.labels.items())],
            opts=pulumi.ResourceOptions(
                parent=self,
                hooks=pulumi.ResourceHookBinding(before_update=[before_update]) if before_update else None,
                # Told by its name, which is the same in every swarm, and read back as this swarm's id of it.
                ignore_changes=["taskSpec.networksAdvanceds"] if HOST_NETWORK in networks else None,
            ),
        )
        self.service_name = service.name
        self.register_outputs({"service_name": self.service_name})


def _container(
    spec: SwarmServiceSpec, *, secrets: Sequence[MountedFile], configs: Sequence[MountedFile]
) -> docker.ServiceTaskSpecContainerSpecArgs:
    policy = spec.health_policy
    return docker.ServiceTaskSpecContainerSpecArgs(
        image=spec.image,
        # As in Compose: `commands` is Swarm's word for ENTRYPOINT, `args` its word for CMD.
        commands=list(spec.entrypoint) or None,
        args=list(spec.command) or None,
        env=dict(spec.env) or None,
        # Without it the program is PID 1, ignores SIGTERM, and its delete fails although it worked.
        init=True,
        stop_grace_period=go_duration(spec.stop_grace),
        stop_signal=spec.stop_signal,
        user=spec.user,
        dir=spec.working_dir,
        hosts=[
            docker.ServiceTaskSpecContainerSpecHostArgs(host=host, ip=address)
            for host, address in sorted(spec.extra_hosts.items())
        ]
        or None,
        read_only=spec.read_only,
        cap_drops=["ALL"],
        cap_adds=[f"CAP_{capability}" for capability in spec.capabilities] or None,
        healthcheck=docker.ServiceTaskSpecContainerSpecHealthcheckArgs(
            tests=list(spec.health),
            interval=go_duration(policy.pause),
            timeout=go_duration(policy.longest),
            retries=policy.retries,
            start_period=go_duration(policy.start_period),
        ),
        mounts=_mounts(spec),
        secrets=[
            docker.ServiceTaskSpecContainerSpecSecretArgs(
                secret_id=file.id,
                secret_name=file.name,
                file_name=file.path,
                file_uid=str(file.uid),
                file_gid=str(file.gid),
                file_mode=file.mode,
            )
            for file in secrets
        ]
        or None,
        configs=[
            docker.ServiceTaskSpecContainerSpecConfigArgs(
                config_id=file.id,
                config_name=file.name,
                file_name=file.path,
                file_uid=str(file.uid),
                file_gid=str(file.gid),
                file_mode=file.mode,
            )
            for file in configs
        ]
        or None,
    )


def _mounts(spec: SwarmServiceSpec) -> list[docker.ServiceTaskSpecContainerSpecMountArgs]:
    made = [
        docker.ServiceTaskSpecContainerSpecMountArgs(
            type="bind" if mount.bind else "volume",
            source=mount.source,
            target=mount.target,
            read_only=mount.read_only,
            volume_options=_volume_options(mount),
        )
        for mount in spec.mounts
    ]
    if spec.read_only and TMP not in {mount.target for mount in spec.mounts}:
        made.append(_memory(TMP, size=TMP_BYTES))
    if spec.shm_size:
        made.append(_memory(SHM, size=spec.shm_size))
    return made


def _memory(target: str, *, size: int) -> docker.ServiceTaskSpecContainerSpecMountArgs:
    # The sticky bit would not be read back, and the next `up` would update the service.
    options = docker.ServiceTaskSpecContainerSpecMountTmpfsOptionsArgs(size_bytes=size, mode=0o777)
    return docker.ServiceTaskSpecContainerSpecMountArgs(type="tmpfs", target=target, tmpfs_options=options)


def _volume_options(mount: Mount) -> docker.ServiceTaskSpecContainerSpecMountVolumeOptionsArgs | None:
    if mount.driver_options is None:
        return None
    return docker.ServiceTaskSpecContainerSpecMountVolumeOptionsArgs(
        driver_name="local", driver_options=mount.driver_options
    )


def _resources(limits: LimitsSpec) -> docker.ServiceTaskSpecResourcesArgs:
    reservation = None
    if limits.reserve_cpus or limits.reserve_memory:
        reservation = docker.ServiceTaskSpecResourcesReservationArgs(
            nano_cpus=round((limits.reserve_cpus or 0) * NANO), memory_bytes=limits.reserve_memory or 0
        )
    return docker.ServiceTaskSpecResourcesArgs(
        limits=docker.ServiceTaskSpecResourcesLimitsArgs(
            nano_cpus=round(limits.cpus * NANO), memory_bytes=limits.memory
        ),
        reservation=reservation,
    )


def _endpoint(spec: SwarmServiceSpec) -> docker.ServiceEndpointSpecArgs:
    # The plugin compares ports in order, so they are sorted.
    ports = [
        docker.ServiceEndpointSpecPortArgs(
            target_port=one.target,
            published_port=one.port,
            publish_mode=one.mode.value,
            protocol=one.protocol.value,
        )
        for one in sorted(spec.ports, key=lambda one: (one.port, one.protocol))
    ]
    # Swarm's mesh passes on to a virtual address; whoever asks for it gets that.
    meshed = any(one.mode is PublishMode.INGRESS for one in spec.ports)
    return docker.ServiceEndpointSpecArgs(mode="vip" if meshed else "dnsrr", ports=ports or None)
