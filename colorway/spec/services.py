"""What runs in a platform: the services and what each says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema
from typing_extensions import override

from colorway.spec.base import Mistake, StrictSpec, refuse, twice
from colorway.spec.edge import AnyRoute, RouteSpec
from colorway.spec.fields import (
    Address,
    CommandLine,
    Label,
    Memory,
    PinnedImage,
    Port,
    PositiveDuration,
    Replicas,
    UrlPath,
    go_duration,
)
from colorway.spec.task.environment import EnvName, EnvValue
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.mounts import (
    AbsolutePath,
    ConfigFile,
    SecretFile,
    VolumeSpec,
    secret_mistakes,
    unlisted_mistakes,
)
from colorway.spec.task.policies import LimitsSpec, Order, PlacementSpec, RestartPolicy, UpdatePolicy
from colorway.spec.task.process import (
    Capability,
    ForeignNetwork,
    HostAlias,
    PublishedSpec,
    PublishMode,
    StopSignal,
    TaskUser,
)
from colorway.spec.task.schedule import CronSchedule, OnlyOverlap, Overlap, cron_mistakes

STOP_MARGIN = timedelta(seconds=5)
"""Added to the longest request: a task that is killed sooner loses what it was answering."""
LONGEST_ALONE = timedelta(seconds=50)
"""Swarm waits a minute for a task to stop, then starts its successor beside it, stop-first or not (measured: 61 s)."""


LOOP_HEALTH = HealthSpec(none="the loop of a cron is its process, and Swarm begins it anew when it ends")
"""Health of a cron that says none; every other kind says it."""


class ServiceKind(StrEnum):
    """What moves a service from one color to the other."""

    WEB = "web"
    """Answers requests; both colors run, traffic decides."""
    WORKER = "worker"
    """Takes jobs; only the active color runs it."""
    SCHEDULER = "scheduler"
    """Gives out jobs; the active color runs exactly one."""
    CRON = "cron"
    """Runs a job at times of its schedule; the active color has exactly one."""
    SHARED = "shared"
    """Exists once, beside both colors, and is of no version; both reach it, and the load balancers lead to it."""


class ServiceSpec(StrictSpec):
    """One service of a platform."""

    kind: ServiceKind = ServiceKind.WEB
    """What moves it between the colors."""
    build: Label | None = None
    """Folder under images/, for a platform with `images: local`."""
    image: PinnedImage | None = None
    """Image of a shared service with its digest, for `images: registry`; the others' are in a version's manifest."""
    entrypoint: CommandLine = ()
    """Program instead of the image's ENTRYPOINT, whose CMD then goes, too; none = what the image says."""
    command: CommandLine = ()
    """Arguments instead of the image's CMD; the program itself, where the image has no ENTRYPOINT."""
    port: Port | None = None
    """Port that it listens on; web services need one."""
    ports: dict[Label, Port] = Field(default_factory=dict)
    """More ports that it listens on, by name."""
    replicas: Replicas = 1
    """Tasks per color, or of a shared service in all."""
    health: HealthSpec
    """How the swarm learns that a task is well."""
    ready_path: UrlPath | None = None
    """Path that answers 200 while everything that it depends on is there; checked by releases, not by the swarm."""
    schedule: CronSchedule | None = None
    """When a cron's job runs, in UTC: minute, hour, day, month, weekday. The job finds it in COLORWAY_SCHEDULED."""
    overlap: OnlyOverlap = Overlap.FORBID
    """What becomes of a cron's time that comes while its job still runs: it is left out."""
    longest_request: PositiveDuration = timedelta(seconds=60)
    """The longest answer or job; a task gets this and 5 s more to finish when it is told to stop."""
    limits: LimitsSpec
    """The most that one task may use."""
    update: UpdatePolicy = UpdatePolicy()
    """How its tasks are replaced."""
    restart: RestartPolicy = RestartPolicy()
    """What happens when a task ends."""
    placement: PlacementSpec = PlacementSpec()
    """Which of the stack's web hosts it may run on."""
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    """Environment; nothing secret."""
    uses: tuple[Label, ...] = ()
    """Names of the data stores that it reaches; no other store's network is joined."""
    secrets: tuple[SecretFile, ...] = ()
    """Secrets as files: names, found at /run/secrets/<name>, or {name, file, mode, uid, gid}."""
    config_files: tuple[ConfigFile, ...] = ()
    """Text files of the project that its tasks find."""
    volumes: tuple[VolumeSpec, ...] = ()
    """Directories that outlive its tasks."""
    routes: tuple[AnyRoute, ...] = ()
    """Requests that the load balancers send here, or elsewhere; none = only other services call it."""
    published: tuple[PublishedSpec, ...] = ()
    """Ports of the hosts, beside the load balancers."""
    networks: tuple[ForeignNetwork, ...] = ()
    """Networks of other stacks that its tasks join, by their names in the swarm."""
    extra_hosts: dict[HostAlias, Address] = Field(default_factory=dict)
    """Names in its tasks' /etc/hosts, each with its address."""
    user: TaskUser | None = None
    """User of its process, and a group after a colon; none = the image's."""
    working_dir: AbsolutePath | None = None
    """Directory that its process begins in; none = the image's."""
    capabilities: tuple[Capability, ...] = ()
    """What the kernel lets its process do; all others are dropped."""
    stop_signal: StopSignal | None = None
    """Signal that tells its process to finish; none = the image's, or else SIGTERM."""
    read_only: bool = True
    """Whether the container's file system is read-only; /tmp is always writable."""
    shm_size: Memory | None = None
    """Size of /dev/shm; none = Docker's 64 MiB."""

    @property
    def stop_grace(self) -> timedelta:
        """Time between the stop signal and the kill."""
        longest = min(self.longest_request, LONGEST_ALONE) if self._is_alone else self.longest_request
        return longest + STOP_MARGIN

    @property
    def is_shared(self) -> bool:
        """Whether it exists once, beside both colors."""
        return self.kind is ServiceKind.SHARED

    @property
    def answers(self) -> tuple[RouteSpec, ...]:
        """Those of its routes that it answers itself."""
        return tuple(route for route in self.routes if isinstance(route, RouteSpec))

    @property
    def belongs_to_active(self) -> bool:
        """Whether only the active color runs it."""
        return self.kind not in {ServiceKind.WEB, ServiceKind.SHARED}

    @property
    def is_single(self) -> bool:
        """Whether two of its tasks must never be alive at once."""
        return self.kind in {ServiceKind.SCHEDULER, ServiceKind.CRON}

    @property
    def order(self) -> Order:
        """What comes first when a task is replaced."""
        if self.is_single or self._takes_host_ports:
            return Order.STOP_FIRST
        return self.update.order or (Order.STOP_FIRST if self._keeps_data_alone else Order.START_FIRST)

    @property
    def _takes_host_ports(self) -> bool:
        return any(one.mode is PublishMode.HOST for one in self.published)

    @property
    def _keeps_data_alone(self) -> bool:
        """Whether it is the one task that writes its volumes, as a broker is that bears no second one beside it."""
        return self.is_shared and self.replicas == 1 and not all(volume.read_only for volume in self.volumes)

    @property
    def _is_alone(self) -> bool:
        """Whether only the end of one task keeps the next from being beside it; a cron has a lock."""
        return self.kind is ServiceKind.SCHEDULER or (
            self._keeps_data_alone and self.update.order is not Order.START_FIRST
        )

    def tests(self) -> list[str]:
        """Return its health check in Docker's form."""
        return self.health.tests(self.port, ports=self.ports)

    @model_validator(mode="before")
    @classmethod
    def _a_loop_is_its_health(cls, said: Any) -> Any:  # noqa: ANN401 - plain data
        if isinstance(said, Mapping) and said.get("kind") == ServiceKind.CRON and "health" not in said:
            return {**said, "health": LOOP_HEALTH}
        return said

    @classmethod
    @override
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Require no health in the JSON schema, which does not know that only a cron may be without."""
        found = handler(schema)
        handler.resolve_ref_schema(found)["required"].remove("health")
        return found

    @model_validator(mode="after")
    def _fits_together(self) -> ServiceSpec:
        refuse(
            [
                *self._kind_mistakes(),
                *self._shared_mistakes(),
                *self._single_mistakes(),
                *self._alone_mistakes(),
                *cron_mistakes(self, is_cron=self.kind is ServiceKind.CRON),
                *self._port_mistakes(),
                *self._route_mistakes(),
                *self._published_mistakes(),
                *twice("uses", self.uses),
                *secret_mistakes(self.secrets),
                *unlisted_mistakes(self.env, self.secrets, owner="service"),
                *self._file_mistakes(),
                *twice("capabilities", self.capabilities),
                *twice("networks", self.networks),
            ]
        )
        return self

    def _kind_mistakes(self) -> list[Mistake]:
        found: list[Mistake] = []
        if self.belongs_to_active and self.routes:
            found.append(
                (
                    ("routes",),
                    f"belong to a {self.kind.value}; only web and shared services answer requests, so leave them out",
                )
            )
        if self.is_shared:
            return found
        if self.image is not None:
            where = "in each version's manifest, under `images`, or built from `build`; leave it out"
            found.append((("image",), f"is only for kind: shared; any other service's is {where}"))
        found += [
            (
                ("volumes", str(index), "shared"),
                "is missing: whether both colors have the same data (true), or each keeps its own (false)",
            )
            for index, volume in enumerate(self.volumes)
            if volume.shared is None
        ]
        return found

    def _shared_mistakes(self) -> Iterator[Mistake]:
        """Yield what a service cannot say that has no color."""
        if not self.is_shared:
            return
        if self.routes and self.port is None:
            yield ("routes",), "have no port to lead to; add the service's port, or leave them out"
        for index, volume in enumerate(self.volumes):
            if volume.shared is False:
                yield (
                    ("volumes", str(index), "shared"),
                    "must be true or left out: a shared service exists once, and so does its data",
                )

    def _single_mistakes(self) -> list[Mistake]:
        """Return what would let two tasks be alive where there may be one."""
        if not self.is_single:
            return []
        found: list[Mistake] = []
        if self.replicas != 1:
            found.append(
                (
                    ("replicas",),
                    f"must be 1 for a {self.kind.value}; with more, every job would be given out several times",
                )
            )
        if self.update.order is not None:
            found.append(
                (
                    ("update", "order"),
                    f"is always stop-first for a {self.kind.value}, so that never two give out jobs; leave it out",
                )
            )
        return found

    def _alone_mistakes(self) -> Iterator[Mistake]:
        """Yield what would let the swarm start a second task beside one that may not have it."""
        if self._is_alone and "longest_request" in self.model_fields_set and self.longest_request > LONGEST_ALONE:
            what = "shared service that alone writes its volumes" if self.is_shared else self.kind.value
            cure = "say update.order: start-first if it bears that" if self.is_shared else "let a worker do it"
            text = f"must be at most 50s for a {what}: after a minute its successor starts anyway; {cure}"
            yield ("longest-request",), text

    def _port_mistakes(self) -> list[Mistake]:
        found: list[Mistake] = []
        seen = {self.port: "port"} if self.port else {}
        for name, port in self.ports.items():
            first = seen.setdefault(port, f"ports.{name}")
            if first != f"ports.{name}":
                found.append((("ports", name), f"is the same as {first}; leave one of them out"))
        if self.health.port is not None and self.health.port not in self.ports:
            found.append((("health", "port"), f"is no name under `ports`; known: {', '.join(self.ports) or 'none'}"))
        if self.port is not None:
            return found
        if self.kind is ServiceKind.WEB:
            return [((), "is a web service without a port, so nothing could reach it; add for example port: 8000")]
        if self.health.path and not self.health.port:
            found.append(
                (("health", "path"), "has no port to be asked on; add the service's port, or give health a command")
            )
        if self.ready_path:
            found.append((("ready-path",), "has no port to be asked on; add the service's port, or leave it out"))
        return found

    def _route_mistakes(self) -> Iterator[Mistake]:
        if self.routes and not self.answers:
            yield ("routes",), "lead elsewhere, all of them; write them beside the routes of a service that answers"
        for index, route in enumerate(self.routes):
            said = route.timeout if isinstance(route, RouteSpec) and not route.websocket else None
            if said is not None and said > self.longest_request:
                text = (
                    "is longer than the service's longest-request, after which a task that stops is killed; raise that"
                )
                yield ("routes", str(index), "timeout"), f"{text}, or write at most {go_duration(self.longest_request)}"

    def _published_mistakes(self) -> Iterator[Mistake]:
        if self.published and self.kind is ServiceKind.WEB:
            yield (
                ("published",),
                "belong to a web service, whose colors cannot both have a port of a host; let routes lead to it",
            )
            return
        seen: set[tuple[int, str]] = set()
        for index, one in enumerate(self.published):
            if (one.port, one.protocol) in seen:
                yield ("published", str(index), "port"), "is published twice; leave one out"
            seen.add((one.port, one.protocol))
            if one.mode is PublishMode.INGRESS and not self.is_shared:
                yield (
                    ("published", str(index), "mode"),
                    "must be host: every host listens for ingress, and only one of the two colors could have the port",
                )
        if self._takes_host_ports and self.update.order is Order.START_FIRST:
            yield (
                ("update", "order"),
                "must be stop-first where ports of the host are published; the new task would wait for ever",
            )

    def _file_mistakes(self) -> Iterator[Mistake]:
        """Yield what would lie at one place of the container twice."""
        seen: set[str] = {"/dev/shm"} if self.shm_size else set()  # noqa: S108 - a mount of the container's own
        targets = [("config-files", index, file.target) for index, file in enumerate(self.config_files)]
        targets += [("volumes", index, volume.target) for index, volume in enumerate(self.volumes)]
        for key, index, target in targets:
            if target in seen:
                yield (key, str(index), "target"), "is taken already; give each file and volume a path of its own"
            seen.add(target)
