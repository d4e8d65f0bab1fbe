"""What runs in a platform: the services and how each is kept healthy."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field, model_validator

from colorway.spec.base import Mistake, StrictSpec, refuse
from colorway.spec.fields import (
    Cpus,
    Duration,
    EnvName,
    EnvValue,
    Label,
    Memory,
    MemoryLimit,
    Port,
    PositiveDuration,
    Replicas,
    UrlPath,
)

SECRETS_FOLDER = "/run/secrets/"
"""Where a task finds its secrets."""
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
        if self.path is None and self.command is None:
            raise ValueError("has neither a path nor a command; write for example path: /healthz")
        if self.path is not None and self.command is not None:
            raise ValueError("has a path and a command; leave one of them out")
        if self.command is not None and not _is_docker_check(self.command):
            refuse(
                [
                    (
                        ("command",),
                        'must be [CMD, program, argument, …] or [CMD-SHELL, "one shell line"], as Docker has it',
                    )
                ]
            )
        return self

    def tests(self, port: int | None) -> list[str]:
        """Return the check in Docker's form."""
        if self.command:
            return list(self.command)
        return ["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{port}{self.path}"]


def _is_docker_check(command: tuple[str, ...]) -> bool:
    """Return whether Docker would take it; a second text after CMD-SHELL would be $0."""
    form, *rest = command or ("",)
    return len(rest) == 1 if form == "CMD-SHELL" else form == "CMD" and bool(rest)


class LimitsSpec(StrictSpec):
    """The most that one task may use, and what is kept free for it."""

    cpus: Cpus
    """Cores."""
    memory: MemoryLimit
    """Memory; a task that wants more is killed."""
    reserve_cpus: Cpus | None = None
    """Cores that a host must have free."""
    reserve_memory: Memory | None = None
    """Memory that a host must have free."""

    @model_validator(mode="after")
    def _reserves_what_it_may_use(self) -> LimitsSpec:
        refuse(
            ((f"reserve-{what}",), "is more than the limit; a host would keep free what the task may never use")
            for what, kept, most in (
                ("cpus", self.reserve_cpus, self.cpus),
                ("memory", self.reserve_memory, self.memory),
            )
            if kept is not None and kept > most
        )
        return self


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
    uses: tuple[Label, ...] = ()
    """Names of the data stores that it reaches; no other store's network is joined."""
    secrets: tuple[Label, ...] = ()
    """Names of secrets, mounted at /run/secrets/<name>."""
    routes: tuple[RouteSpec, ...] = ()
    """Requests that the load balancers send here; none = only other services call it."""
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
    def _fits_together(self) -> ServiceSpec:
        refuse([*self._kind_mistakes(), *self._port_mistakes(), *self._use_mistakes(), *self._secret_mistakes()])
        return self

    def _kind_mistakes(self) -> list[Mistake]:
        found: list[Mistake] = []
        if self.belongs_to_active and self.routes:
            found.append(
                (("routes",), f"belong to a {self.kind.value}; only web services answer requests, so leave them out")
            )
        if self.kind is ServiceKind.SCHEDULER and self.replicas != 1:
            found.append(
                (("replicas",), "must be 1 for a scheduler; with more, every job would be given out several times")
            )
        return found

    def _port_mistakes(self) -> list[Mistake]:
        if self.port is not None:
            return []
        if self.kind is ServiceKind.WEB:
            return [((), "is a web service without a port, so nothing could reach it; add for example port: 8000")]
        found: list[Mistake] = []
        if self.health.path:
            found.append(
                (("health", "path"), "has no port to be asked on; add the service's port, or give health a command")
            )
        if self.ready_path:
            found.append((("ready-path",), "has no port to be asked on; add the service's port, or leave it out"))
        return found

    def _use_mistakes(self) -> list[Mistake]:
        return [
            (("uses", str(index)), "is listed twice; leave one out")
            for index, store in enumerate(self.uses)
            if store in self.uses[:index]
        ]

    def _secret_mistakes(self) -> list[Mistake]:
        found: list[Mistake] = [
            (("secrets", str(index)), "is listed twice; leave one out")
            for index, secret in enumerate(self.secrets)
            if secret in self.secrets[:index]
        ]
        found += [
            (("env", name), "names a secret's file, and `secrets` of this service does not list that secret; add it")
            for name, value in self.env.items()
            if value.startswith(SECRETS_FOLDER) and value.removeprefix(SECRETS_FOLDER) not in self.secrets
        ]
        return found
