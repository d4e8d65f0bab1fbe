"""One Swarm service as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

import pulumi

from colorway.spec.services import HealthSpec, LimitsSpec, RestartPolicy, UpdatePolicy

CONVERGE_MARGIN = timedelta(seconds=30)


class Order(StrEnum):
    """What comes first when a task is replaced."""

    START_FIRST = "start-first"
    """The new task; for services without state."""
    STOP_FIRST = "stop-first"
    """The old task; for volumes and host ports, which only one task can have."""


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


@dataclass(frozen=True, kw_only=True)
class NetworkAttachment:
    """A network that the tasks join."""

    id: pulumi.Input[str]
    aliases: tuple[str, ...] = ()
    """Short DNS names inside that network."""


@dataclass(frozen=True, kw_only=True)
class MountedFile:
    """A Swarm secret or config as a file inside the container."""

    id: pulumi.Input[str]
    name: pulumi.Input[str]
    """Name in the swarm."""
    path: str
    """File name below /run/secrets for a secret, absolute path for a config."""


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
    env: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[tuple[int, int], ...] = ()
    """Port on the host and port in the container."""
    mounts: tuple[Mount, ...] = ()
    read_only: bool = True
    """Whether the container's file system is read-only; /tmp is always writable."""
    capabilities: tuple[str, ...] = ()
    """Kernel capabilities that the program needs; all others are dropped."""
    user: str | None = None
    stop_signal: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def converge_timeout(self) -> timedelta:
        """The longest time in which a healthy service is up: design §5."""
        batches = max(1, math.ceil(self.replicas / self.update.parallelism))
        policy = self.health_policy
        each = policy.start_period + policy.interval * policy.retries + self.update.monitor + self.stop_grace
        return batches * each + CONVERGE_MARGIN
