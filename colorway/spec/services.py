"""What runs in a platform: the services and how each is kept healthy."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field, model_validator

from colorway.spec.base import StrictSpec
from colorway.spec.fields import (
    Cpus,
    Duration,
    EnvName,
    EnvValue,
    Label,
    Memory,
    Port,
    PositiveDuration,
    Replicas,
    UrlPath,
)

STOP_MARGIN = timedelta(seconds=5)
"""Added to the longest request: a task that is killed sooner loses what it was answering."""


class ServiceKind(StrEnum):
    """What moves a service from one color to the other."""

    WEB = "web"
    """Answers requests; both colors run, traffic decides."""
    WORKER = "worker"
    """Takes jobs; only the active color runs it."""
    SCHEDULER = "scheduler"
    """Gives out jobs; the active color runs exactly one."""


class HealthSpec(StrictSpec):
    """How the swarm learns that a task is well."""

    path: UrlPath | None = None
    """Path that answers 200 while the process is well; asked inside the container with curl."""
    command: tuple[str, ...] | None = None
    """Command instead of a path, in Docker's form: [CMD, …] or [CMD-SHELL, "…"]."""
    interval: PositiveDuration = timedelta(seconds=5)
    """Time between two checks."""
    timeout: PositiveDuration = timedelta(seconds=3)
    """Longest time that a check may take."""
    retries: int = Field(default=3, ge=1, le=20, strict=True)
    """Failures in a row before the task counts as sick."""
    start_period: Duration = timedelta(seconds=30)
    """Time after the start in which failures do not count."""

    @model_validator(mode="after")
    def _one_way_to_check(self) -> HealthSpec:
        if (self.path is None) == (self.command is None):
            raise ValueError("needs either a path or a command, for example path: /healthz")
        return self

    def tests(self, port: int | None) -> list[str]:
        """Return the check in Docker's form."""
        if self.command:
            return list(self.command)
        return ["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{port}{self.path}"]


class LimitsSpec(StrictSpec):
    """The most that one task may use, and what is kept free for it."""

    cpus: Cpus
    """Cores."""
    memory: Memory
    """Memory; a task that wants more is killed."""
    reserve_cpus: Cpus | None = None
    """Cores that a host must have free."""
    reserve_memory: Memory | None = None
    """Memory that a host must have free."""


class UpdatePolicy(StrictSpec):
    """How the swarm replaces the tasks of a service when its definition changes."""

    parallelism: int = Field(default=1, ge=1, le=50, strict=True)
    """Tasks replaced at the same time."""
    delay: Duration = timedelta(0)
    """Pause between two batches."""
    monitor: PositiveDuration = timedelta(seconds=5)
    """How long a new task is watched before it counts as good."""


class RestartPolicy(StrictSpec):
    """What happens when a task ends."""

    delay: Duration = timedelta(seconds=2)
    """Pause before the next try."""


class RouteSpec(StrictSpec):
    """Which requests a service answers."""

    path: UrlPath
    """Beginning of the path; the longest match wins."""
    host: Label | None = None
    """Name under the stack's domain, for example `portal`; none = every name."""
    cacheable: bool = False
    """Whether the CDN may keep the answers; then newcomers get no cookie here."""


class ServiceSpec(StrictSpec):
    """One service of a platform."""

    kind: ServiceKind = ServiceKind.WEB
    """What moves it between the colors."""
    colored: bool = True
    """Whether it exists once per color."""
    build: Label | None = None
    """Folder under images/, for a platform with `images: local`."""
    command: tuple[str, ...] = ()
    """Program and arguments; none = what the image says."""
    port: Port | None = None
    """Port that it listens on; web services need one."""
    replicas: Replicas = 1
    """Tasks per color."""
    health: HealthSpec
    """How the swarm learns that a task is well."""
    ready_path: UrlPath | None = None
    """Path that answers 200 while everything that it depends on is there; checked by releases, not by the swarm."""
    longest_request: PositiveDuration = timedelta(seconds=60)
    """The longest answer or job; a task gets this and 5 s more to finish when it is told to stop."""
    limits: LimitsSpec
    """The most that one task may use."""
    update: UpdatePolicy = UpdatePolicy()
    """How its tasks are replaced."""
    restart: RestartPolicy = RestartPolicy()
    """What happens when a task ends."""
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    """Environment; nothing secret."""
    secrets: tuple[Label, ...] = ()
    """Names of secrets, mounted at /run/secrets/<name>."""
    routes: tuple[RouteSpec, ...] = ()
    """Requests that the load balancers send here; none = only other services call it."""
    websocket: bool = False
    """Whether connections are upgraded."""
    read_only: bool = True
    """Whether the container's file system is read-only; /tmp is always writable."""

    @property
    def stop_grace(self) -> timedelta:
        """Time between the stop signal and the kill."""
        return self.longest_request + STOP_MARGIN

    @property
    def belongs_to_active(self) -> bool:
        """Whether only the active color runs it."""
        return self.kind is not ServiceKind.WEB

    @model_validator(mode="after")
    def _kind_fits(self) -> ServiceSpec:
        if self.kind is ServiceKind.WEB and self.port is None:
            raise ValueError("is a web service without a port, so nothing could reach it; add for example port: 8000")
        if self.kind is not ServiceKind.WEB and self.routes:
            raise ValueError(f"is a {self.kind.value} and has routes; only web services answer requests")
        if self.kind is ServiceKind.SCHEDULER and self.replicas != 1:
            raise ValueError(
                "is a scheduler with several replicas; every job would be given out several times, so write replicas: 1"
            )
        if self.belongs_to_active and not self.colored:
            raise ValueError(
                f"is a {self.kind.value} that is not colored; two versions would share its jobs, so leave colored out"
            )
        if self.health.path and self.port is None:
            raise ValueError("has a health path and no port to ask it on; add the port, or give health a command")
        return self
