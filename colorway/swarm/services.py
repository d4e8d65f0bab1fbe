"""What the swarm really runs, read through the Docker API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import docker
from docker.errors import APIError, DockerException, NotFound

from colorway.errors import ColorwayError
from colorway.render.nginx import STATUS_PORT
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.names import COLOR_LABEL, SERVICE_LABEL, STACK_LABEL
from colorway.spec.platform_spec import PlatformSpec

SERVICE_OF_CONTAINER = "com.docker.swarm.service.name"
"""Label that Swarm gives to a task's container; the value is the service's name."""
TIMEOUT = 20
"""Seconds for one answer of the Docker API."""


class SwarmObject(NamedTuple):
    """Something in the swarm that carries a stack's label."""

    kind: str
    """service, network, secret or config."""
    name: str


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """One task of a service."""

    id: str
    service: str
    """Name of the service in the swarm."""
    state: str
    """Actual state, Swarm's word."""
    desired: str
    message: str
    error: str
    container: str
    exit_code: int | None


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """One service and how many of its tasks run."""

    name: str
    logical: str
    color: str
    image: str
    wanted: int
    running: int


class Swarm:
    """Reads one stack's services and tasks through a manager; changes nothing."""

    def __init__(self, host: HostSpec) -> None:
        """Connect lazily; nothing is contacted before the first question."""
        self._host = host
        self._connection: docker.APIClient | None = None

    @property
    def _api(self) -> docker.APIClient:
        if self._connection is None:
            url = "unix:///var/run/docker.sock"
            if not self._host.is_local:
                url = f"ssh://{self._host.user}@{self._host.address}:{self._host.ssh_port}"
            try:
                self._connection = docker.APIClient(
                    base_url=url, version="auto", timeout=TIMEOUT, use_ssh_client=not self._host.is_local
                )
            except DockerException as error:
                raise ColorwayError(
                    f"{self._host.name}: Docker does not answer at {self._host.address}; start it, or check the address"
                ) from error
        return self._connection

    def client(self) -> docker.APIClient:
        """Return a connection of its own to the same engine.

        Raises:
            ColorwayError: Docker does not answer.
        """
        return Swarm(self._host)._api  # noqa: SLF001 - another object of this class

    def services(self, stack: str) -> list[ServiceState]:
        """Return the stack's services."""
        listed = self._api.services(filters={"label": f"{STACK_LABEL}={stack}"})
        tasks = self.tasks(stack, only_wanted=True)
        return sorted((_service_state(raw, tasks) for raw in listed), key=lambda service: service.name)

    def named_objects(self, stack: str) -> set[SwarmObject]:
        """Return the services and networks that carry the stack's label."""
        label = {"label": f"{STACK_LABEL}={stack}"}
        services = {SwarmObject("service", raw["Spec"]["Name"]) for raw in self._api.services(filters=label)}
        return services | {SwarmObject("network", raw["Name"]) for raw in self._api.networks(filters=label)}

    def all_objects(self, stack: str) -> list[SwarmObject]:
        """Return everything that carries the stack's label, in the order in which it can be removed."""
        label = {"label": f"{STACK_LABEL}={stack}"}
        named = sorted(self.named_objects(stack), key=lambda made: made.kind, reverse=True)
        secrets = [SwarmObject("secret", raw["Spec"]["Name"]) for raw in self._api.secrets(filters=label)]
        configs = [SwarmObject("config", raw["Spec"]["Name"]) for raw in self._api.configs(filters=label)]
        return [*named, *secrets, *configs]

    def remove(self, made: SwarmObject) -> None:
        """Remove what no state knows; the only change that is made past the engine.

        Raises:
            ColorwayError: the daemon refuses; what is gone already is no error.
        """
        removers: dict[str, Callable[[str], object]] = {
            "service": self._api.remove_service,
            "network": self._api.remove_network,
            "secret": self._api.remove_secret,
            "config": self._api.remove_config,
        }
        try:
            removers[made.kind](made.name)
        except NotFound:
            return
        except APIError as error:
            raise ColorwayError(f"the {made.kind} {made.name} cannot be removed: {error.explanation}") from None

    def containers_of(self, services: Collection[str]) -> list[str]:
        """Return the containers on this host, stopping ones too, of services that may be gone already."""
        listed = self._api.containers(all=True, filters={"label": SERVICE_OF_CONTAINER})
        return [raw["Id"] for raw in listed if raw["Labels"][SERVICE_OF_CONTAINER] in services]

    def published_ports(self, stack: str) -> set[int]:
        """Return the ports of hosts that the stack's services have already."""
        listed = self._api.services(filters={"label": f"{STACK_LABEL}={stack}"})
        return {
            int(port["PublishedPort"])
            for raw in listed
            for port in raw["Spec"].get("EndpointSpec", {}).get("Ports") or []
        }

    def tasks(self, stack: str, *, only_wanted: bool = False) -> list[TaskState]:
        """Return the stack's tasks, newest first; all that the swarm remembers, or those that should run."""
        services = {
            raw["ID"]: raw["Spec"]["Name"] for raw in self._api.services(filters={"label": f"{STACK_LABEL}={stack}"})
        }
        if not services:
            return []
        filters: dict[str, Any] = {"service": list(services)}
        if only_wanted:
            filters["desired-state"] = "running"
        listed = sorted(self._api.tasks(filters=filters), key=lambda task: str(task["UpdatedAt"]), reverse=True)
        return [_task_state(raw, services.get(raw.get("ServiceID", ""), "")) for raw in listed]

    def health_output(self, container: str) -> str:
        """Return what the last health check of a container on this host printed, empty where nobody knows."""
        try:
            log = self._api.inspect_container(container)["State"].get("Health", {}).get("Log") or []
        except (APIError, KeyError):
            return ""
        return str(log[-1].get("Output", "")).strip() if log else ""

    def log_lines(self, container: str, *, count: int) -> list[str]:
        """Return the last lines that a container on this host printed."""
        try:
            raw = self._api.logs(container, tail=count, stdout=True, stderr=True)
        except APIError:
            return []
        return raw.decode("utf-8", errors="replace").splitlines()

    def live_generation(self, service: str) -> str | None:
        """Return the generation that a load balancer's service on this host serves, None where it does not answer."""
        filters = {"label": f"{SERVICE_OF_CONTAINER}={service}", "status": "running"}
        try:
            found = self._api.containers(filters=filters)
            if len(found) != 1:
                return None
            command = ["curl", "-s", "--max-time", "2", f"http://127.0.0.1:{STATUS_PORT}/generation"]
            run = self._api.exec_create(found[0]["Id"], command)
            return self._api.exec_start(run["Id"]).decode().strip() or None
        except APIError:
            return None


def _service_state(raw: Mapping[str, Any], tasks: list[TaskState]) -> ServiceState:
    spec = raw["Spec"]
    name = spec["Name"]
    return ServiceState(
        name=name,
        logical=spec["Labels"].get(SERVICE_LABEL, name),
        color=spec["Labels"].get(COLOR_LABEL, ""),
        image=spec["TaskTemplate"]["ContainerSpec"]["Image"],
        wanted=int(spec["Mode"].get("Replicated", {}).get("Replicas", 0)),
        running=sum(task.service == name and task.state == "running" for task in tasks),
    )


def _task_state(raw: Mapping[str, Any], service: str) -> TaskState:
    status = raw["Status"]
    container = status.get("ContainerStatus") or {}
    return TaskState(
        id=raw["ID"],
        service=service,
        state=status["State"],
        desired=raw.get("DesiredState", ""),
        message=status.get("Message", ""),
        error=status.get("Err", ""),
        container=container.get("ContainerID", ""),
        exit_code=container.get("ExitCode"),
    )


def live_generations(spec: PlatformSpec) -> dict[str, str | None]:
    """Return the generation that each load balancer serves, by host; None where nobody answers."""
    return {host.name: _live_on(host, spec) for host in spec.load_balancers}


def _live_on(host: HostSpec, spec: PlatformSpec) -> str | None:
    try:
        return Swarm(host).live_generation(names.service(spec.stack, names.load_balancer(host.name)))
    except ColorwayError:
        return None
