"""One Swarm service as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pulumi

from colorway.spec.task.health import HealthSpec
from colorway.spec.task.mounts import SecretFile
from colorway.spec.task.policies import LimitsSpec, Order, RestartPolicy, UpdatePolicy
from colorway.spec.task.process import PublishedSpec

CONVERGE_MARGIN = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A directory inside the container."""

    target: str
    """Path inside the container."""
    source: str
    """Volume name, or path on the host for a bind mount."""
    bind: bool = False
    """Whether `source` is a path on the host."""
    read_only: bool = False
    driver_options: Mapping[str, str] | None = None
    """What Docker's local volume driver is told, for a volume that is elsewhere."""


@dataclass(frozen=True, kw_only=True)
class NetworkAttachment:
    """A network that the tasks join."""

    id: pulumi.Input[str]
    aliases: tuple[str, ...] = ()
    """Short DNS names inside that network."""


HOST_NETWORK = NetworkAttachment(id="host")
"""The host's own network: the tasks have its addresses, and no name."""


@dataclass(frozen=True, kw_only=True)
class MountedFile:
    """A Swarm secret or config as a file inside the container."""

    id: pulumi.Input[str]
    name: pulumi.Input[str]
    """Name in the swarm."""
    path: str
    """File name below /run/secrets for a secret, absolute path for a config."""
    mode: int = 0o444
    """Permissions; a program that has given up root must still read it."""
    uid: int = 0
    gid: int = 0


def mounted(files: Sequence[SecretFile], *, secrets: Mapping[str, MountedFile]) -> list[MountedFile]:
    """Return the secrets that a task names, each as the file that it wants."""
    return [replace(secrets[file.name], path=file.target, mode=file.mode, uid=file.uid, gid=file.gid) for file in files]


@dataclass(frozen=True, kw_only=True)
class SwarmServiceSpec:
    """One Swarm service as plain values."""

    service_name: str
    image: str
    health: Sequence[str]
    """Health check in Docker's form."""
    health_policy: HealthSpec
    limits: LimitsSpec
    stop_grace: timedelta
    entrypoint: tuple[str, ...] = ()
    """Program instead of the image's ENTRYPOINT (and CMD); none = the image's."""
    command: tuple[str, ...] = ()
    """Arguments instead of the image's CMD; none = the image's, unless there is an entrypoint."""
    replicas: int = 1
    order: Order = Order.START_FIRST
    update: UpdatePolicy = UpdatePolicy()
    restart: RestartPolicy = RestartPolicy()
    constraints: tuple[str, ...] = ()
    spread: str | None = None
    """Node label that the tasks are spread over."""
    most_per_host: int | None = None
    """Tasks on one host, at most."""
    env: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[PublishedSpec, ...] = ()
    """Ports that others than services of the swarm reach it on."""
    mounts: tuple[Mount, ...] = ()
    read_only: bool = True
    """Whether the container's file system is read-only; /tmp is always writable."""
    capabilities: tuple[str, ...] = ()
    """Kernel capabilities that the program needs; all others are dropped."""
    user: str | None = None
    working_dir: str | None = None
    stop_signal: str | None = None
    shm_size: int | None = None
    """Bytes of /dev/shm; none = Docker's 64 MiB."""
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    """Names in /etc/hosts, each with its address."""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def converge_timeout(self) -> timedelta:
        """The longest time in which a healthy service is up: design §5."""
        batches = max(1, math.ceil(self.replicas / self.update.parallelism))
        policy = self.health_policy
        each = policy.start_period + policy.interval * policy.retries + self.update.monitor + self.stop_grace
        return batches * each + CONVERGE_MARGIN
