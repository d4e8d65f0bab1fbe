"""The tasks of a data store: what is the same for every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pulumi

from colorway.spec import names
from colorway.spec.hosts import Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import StoreMember, StoreSpec
from colorway.spec.stores.replication import HelperSpec, entry_hosts
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import LimitsSpec, Order
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, MountedFile, NetworkAttachment, SwarmServiceSpec

NOBODY = "65534:65534"
"""Needs nothing of its image, and is in no image's list of users."""
ALIVE = "bash -c '</dev/tcp/127.0.0.1/{port}' || nc -z 127.0.0.1 {port}"
"""Whether something listens, in a shell."""


@dataclass(frozen=True, kw_only=True)
class StoreProgram:
    """What a kind of data store runs in each of its tasks."""

    volume: str
    """Where the task finds its volume."""
    port: int
    """The port that it listens on."""
    health: HealthSpec
    """How the swarm learns that it answers."""
    entrypoint: tuple[str, ...] = ()
    """Program instead of the image's ENTRYPOINT."""
    command: tuple[str, ...] = ()
    """Arguments instead of the image's CMD."""
    env: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    """Kernel capabilities that it needs."""
    read_only: bool = True
    """Whether the container's file system is read-only; the volume and /tmp are not."""
    user: str | None = None
    """User of its process; none = the image's."""
    working_dir: str | None = None
    shm_size: int | None = None
    """Bytes of /dev/shm; none = Docker's 64 MiB."""
    limits: LimitsSpec | None = None
    """The most that its task may use; none = what the store says."""
    stop_signal: str | None = None
    """Signal of a clean stop; none = the image's, or else SIGTERM."""


def adopting(store: StoreSpec) -> dict[str, str]:
    """Return what an entry script is told of a volume of somebody else's; nothing where the volume is the store's."""
    return {} if store.adopts is None else {"COLORWAY_ADOPTS": store.adopts}


def run_members(
    parent: pulumi.Resource,
    name: str,
    spec: PlatformSpec,
    *,
    store: StoreSpec,
    program: StoreProgram,
    network: pulumi.Input[str],
    secrets: Sequence[MountedFile],
    configs: Sequence[MountedFile] = (),
    aliases: tuple[str, ...] = (),
) -> list[pulumi.Resource]:
    """Create the Swarm service of each member of a data store, and return them.

    Each stays on its host, where its volume is, answers to its name in the store's own network, and ends before its
    successor begins: two servers on one volume would spoil it. Staging and production protect it.
    """
    return [
        SwarmService(
            member.name,
            member_service(spec, store=store, program=program, member=member),
            networks=[NetworkAttachment(id=network, aliases=(member.name, *aliases))],
            secrets=secrets,
            configs=configs,
            opts=pulumi.ResourceOptions(parent=parent, protect=spec.is_guarded or None),
        )
        for member in spec.members(name)
    ]


def member_service(
    spec: PlatformSpec, *, store: StoreSpec, program: StoreProgram, member: StoreMember, more: Sequence[Mount] = ()
) -> SwarmServiceSpec:
    """Return one task of a data store as plain values; `more` is what it sees beside its volume."""
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, member.name),
        image=spec.shared_image(build=store.build, image=store.image).reference,
        entrypoint=program.entrypoint,
        command=program.command,
        health=program.health.tests(program.port),
        health_policy=program.health,
        limits=program.limits or store.limits,
        stop_grace=store.stop_grace,
        stop_signal=program.stop_signal,
        order=Order.STOP_FIRST,
        constraints=(f"node.labels.{names.host_label(spec.stack)}=={member.host.name}",),
        env=program.env,
        mounts=(
            Mount(target=program.volume, source=member.adopted or names.volume(spec.stack, member.volume)),
            *more,
        ),
        read_only=program.read_only,
        capabilities=program.capabilities,
        user=program.user,
        working_dir=program.working_dir,
        shm_size=program.shm_size,
        labels=names.labels(spec.stack, member.name),
    )


def entry_service(
    spec: PlatformSpec,
    logical: str,
    helper: HelperSpec,
    *,
    entrypoint: tuple[str, ...],
    health: str,
    env: dict[str, str] | None = None,
    stop_signal: str | None = None,
) -> SwarmServiceSpec:
    """Return a program before the members as plain values; it keeps nothing."""
    checked = HealthSpec(
        command=("CMD-SHELL", health),
        interval=timedelta(seconds=10),
        start_interval=timedelta(seconds=5),
        # A host that has stalled for a moment must not lose its way to the store as well.
        timeout=timedelta(seconds=10),
        start_period=timedelta(seconds=20),
    )
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, logical),
        image=spec.shared_image(build=helper.build, image=helper.image).reference,
        entrypoint=entrypoint,
        health=checked.tests(None),
        health_policy=checked,
        limits=helper.limits,
        stop_grace=timedelta(seconds=30),
        stop_signal=stop_signal,
        replicas=entry_hosts(spec.hosts(Role.WEB)),
        constraints=(f"node.labels.{names.role_label(spec.stack, Role.WEB.value)}==true",),
        spread=f"node.labels.{names.host_label(spec.stack)}",
        env=env or {},
        user=NOBODY,
        labels=names.labels(spec.stack, logical),
    )
