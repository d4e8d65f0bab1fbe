"""What the swarm really runs, read through the Docker API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Any, NamedTuple

from colorway.errors import ColorwayError
from colorway.render.nginx import STATUS_PORT
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.names import COLOR_LABEL, ONE_OFF_LABEL, SERVICE_LABEL, STACK_LABEL, registry_host
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import Connection, DockerError, MissingError, NoAnswerError, RefusedError, repeated
from colorway.swarm.inside import SERVICE_OF_CONTAINER, Inside
from colorway.swarm.nodes import Nodes
from colorway.swarm.tasks import TaskState, alive, task_state, why_refused

_REMOVERS = {
    "service": "remove_service",
    "network": "remove_network",
    "secret": "remove_secret",
    "config": "remove_config",
}


class SwarmObject(NamedTuple):
    """Something in the swarm that carries a stack's label."""

    kind: str
    """service, network, secret or config."""
    name: str


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """One service and how many of its tasks run."""

    name: str
    logical: str
    color: str
    image: str
    wanted: int
    running: int
    starts_first: bool
    """Whether a task that is updated runs until the one in its place does."""


@dataclass(frozen=True, kw_only=True)
class NetworkState:
    """A network that a host knows: the swarm's, or the host's own."""

    id: str
    name: str
    stack: str | None
    """The stack whose label it carries; none = nobody's of ours."""
    subnets: tuple[IPv4Network, ...]
    has_addresses: bool
    """Whether it can be used; a network of the swarm whose range is in use elsewhere never gets any."""


@dataclass(frozen=True, kw_only=True)
class ForeignService:
    """A service that does not carry a stack's label."""

    name: str
    stack: str | None
    """The stack whose label it carries; none = nobody's of ours."""
    ports: tuple[int, ...]
    """Ports that it publishes."""


class Swarm:
    """Reads one stack's services and tasks through a manager; all but `remove` and `pull` change nothing."""

    def __init__(self, host: HostSpec, *, connection: Connection | None = None) -> None:
        """Connect lazily; nothing is contacted before the first question."""
        self._host = host
        self._engine = connection or Connection(host)

    def client(self) -> Connection:
        """Return a connection of its own to the same engine, for a thread of its own."""
        return self._engine.another()

    def services(self, stack: str) -> list[ServiceState]:
        """Return the stack's services."""
        listed = self._engine.ask("its services", lambda api: api.services(filters=_of(stack)))
        tasks = self.tasks(stack, only_wanted=True)
        return sorted((_service_state(raw, tasks) for raw in listed), key=lambda service: service.name)

    def begin_anew(self, service: str) -> None:
        """Begin all tasks of a service anew, as at an update: the swarm chooses their hosts again.

        Raises:
            MissingError: there is no such service.
            NoAnswerError: Docker does not answer.
        """

        def anew(spec: Mapping[str, Any]) -> Mapping[str, Any]:
            task = spec["TaskTemplate"]
            return {"task_template": {**task, "ForceUpdate": task.get("ForceUpdate", 0) + 1}}

        self._change(service, anew)

    def scale(self, service: str, replicas: int) -> None:
        """Have a service run so many tasks, until the engine says another number: the next `up` sees what has none.

        Raises:
            MissingError: there is no such service.
            NoAnswerError: Docker does not answer.
        """
        self._change(service, lambda _: {"mode": {"Replicated": {"Replicas": replicas}}})

    def stopped(self, stack: str) -> set[str]:
        """Return the stack's services that are told to have no tasks."""
        return {service.name for service in self.services(stack) if not service.wanted}

    def _change(self, service: str, wanted: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        def change() -> None:
            raw = self._engine.ask(f"the service {service}", lambda api: api.inspect_service(service))
            said = wanted(raw["Spec"])
            self._engine.ask(
                f"an update of {service}",
                lambda api: api.update_service(service, raw["Version"]["Index"], **said, fetch_current_spec=True),
            )

        repeated(change)

    def named_objects(self, stack: str) -> set[SwarmObject]:
        """Return the services and networks that carry the stack's label."""
        services = self._engine.ask("its services", lambda api: api.services(filters=_of(stack)))
        networks = self._engine.ask("its networks", lambda api: api.networks(filters=_of(stack)))
        return {SwarmObject("service", raw["Spec"]["Name"]) for raw in services} | {
            SwarmObject("network", raw["Name"]) for raw in networks
        }

    def all_objects(self, stack: str) -> list[SwarmObject]:
        """Return everything that carries the stack's label, in the order in which it can be removed."""
        named = sorted(self.named_objects(stack), key=lambda made: made.kind, reverse=True)
        secrets = self._engine.ask("its secrets", lambda api: api.secrets(filters=_of(stack)))
        configs = self._engine.ask("its configs", lambda api: api.configs(filters=_of(stack)))
        return [
            *named,
            *(SwarmObject("secret", raw["Spec"]["Name"]) for raw in secrets),
            *(SwarmObject("config", raw["Spec"]["Name"]) for raw in configs),
        ]

    def one_off_tasks(self, stack: str) -> list[SwarmObject]:
        """Return the commands that run beside the stack's services, or that a killed `run` left."""
        filters = {"label": f"{ONE_OFF_LABEL}={stack}"}
        listed = self._engine.ask("its one-off commands", lambda api: api.services(filters=filters))
        return [SwarmObject("service", raw["Spec"]["Name"]) for raw in listed]

    def autonamed_objects(self, stack: str) -> list[SwarmObject]:
        """Return the secrets and configs of the stack whose names the engine made up: all but the stack's own notes."""
        ours = {names.lock(stack), names.run_lock(stack), names.state_record(stack)}
        return [made for made in self.all_objects(stack) if made.kind in {"secret", "config"} and made.name not in ours]

    def foreign_services(self, stack: str) -> list[ForeignService]:
        """Return the services that do not carry the stack's label."""
        listed = self._engine.ask("its services", lambda api: api.services())
        found = [
            ForeignService(
                name=raw["Spec"]["Name"],
                stack=(raw["Spec"].get("Labels") or {}).get(STACK_LABEL),
                ports=tuple(_published_ports(raw)),
            )
            for raw in listed
        ]
        return sorted((one for one in found if one.stack != stack), key=lambda one: one.name)

    def networks(self) -> list[NetworkState]:
        """Return all networks, this host's own ones among them."""
        listed = self._engine.ask("its networks", lambda api: api.networks())
        return sorted((_network_state(raw) for raw in listed), key=lambda one: one.name)

    def remove(self, made: SwarmObject) -> None:
        """Remove what no state knows; the only change that is made past the engine.

        Raises:
            ColorwayError: the daemon refuses; what is gone already is no error.
        """
        try:
            self._engine.ask(
                f"the removal of the {made.kind} {made.name}",
                lambda api: getattr(api, _REMOVERS[made.kind])(made.name),
            )
        except MissingError:
            return
        except RefusedError as error:
            raise ColorwayError(f"the {made.kind} {made.name} cannot be removed: {error.said}") from None

    def containers_of(self, services: Collection[str]) -> list[str]:
        """Return the containers on this host, stopping ones too, of services that may be gone already."""
        filters = {"label": SERVICE_OF_CONTAINER}
        listed = self._engine.ask("its containers", lambda api: api.containers(all=True, filters=filters))
        return [raw["Id"] for raw in listed if raw["Labels"][SERVICE_OF_CONTAINER] in services]

    def unhealthy_containers(self) -> set[str]:
        """Return the containers on this host whose health check has failed for good."""
        filters = {"label": SERVICE_OF_CONTAINER, "health": "unhealthy"}
        listed = self._engine.ask("its containers", lambda api: api.containers(filters=filters))
        return {raw["Id"] for raw in listed}

    def published_ports(self, stack: str) -> set[int]:
        """Return the ports of hosts that the stack's services have already."""
        listed = self._engine.ask("its services", lambda api: api.services(filters=_of(stack)))
        return {port for raw in listed for port in _published_ports(raw)}

    def tasks(self, stack: str, *, only_wanted: bool = False) -> list[TaskState]:
        """Return the stack's tasks, newest first; all that the swarm remembers, or those that should run."""
        listed = self._engine.ask("its services", lambda api: api.services(filters=_of(stack)))
        services = {raw["ID"]: raw["Spec"]["Name"] for raw in listed}
        if not services:
            return []
        filters: dict[str, Any] = {"service": list(services)}
        if only_wanted:
            filters["desired-state"] = "running"
        tasks = self._engine.ask("its tasks", lambda api: api.tasks(filters=filters))
        newest_first = sorted(tasks, key=lambda task: str(task["UpdatedAt"]), reverse=True)
        return [task_state(raw, services.get(raw.get("ServiceID", ""), "")) for raw in newest_first]

    def alive_of(self, color: str, *, network: str) -> list[str]:
        """Return the tasks on a color's network of which something may still work, also of services that are removed.

        Load balancers are on it, too, and whatever is shared: of services that are there only the color's count.
        """
        found = next((one.id for one in self.networks() if one.name == network), "")
        listed = self._engine.ask("its tasks", lambda api: api.tasks())
        services = self._engine.ask("its services", lambda api: api.services())
        return alive(listed, of=color, on=found, services=services)

    def health_output(self, container: str) -> str:
        """Return what the last health check of a container on this host printed, empty where nobody knows."""
        try:
            found = self._engine.ask("a health check", lambda api: api.inspect_container(container))
        except DockerError:
            return ""
        log = ((found.get("State") or {}).get("Health") or {}).get("Log") or []
        return str(log[-1].get("Output", "")).strip() if log else ""

    def log_lines(self, container: str, *, count: int) -> list[str]:
        """Return the last lines that a container on this host printed, none where nobody knows."""
        try:
            raw = self._engine.ask("a log", lambda api: api.logs(container, tail=count, stdout=True, stderr=True))
        except DockerError:
            return []
        return bytes(raw).decode("utf-8", errors="replace").splitlines()

    def live_generation(self, service: str) -> str | None:
        """Return the generation that a load balancer's service on this host serves, None where it does not answer.

        Raises:
            NoAnswerError: Docker does not answer, so that the load balancer could not be asked.
        """
        command = ["curl", "-s", "--max-time", "2", f"http://127.0.0.1:{STATUS_PORT}/generation"]
        try:
            return self._said("the live generation", service, command).strip() or None
        except RefusedError:
            return None

    def file_of(self, service: str, path: str) -> str:
        """Return a file of the one container that a service has on this host.

        Raises:
            RefusedError: it has no such container, or the file is empty or not there.
            NoAnswerError: Docker does not answer.
        """
        what = f"{path} of {service}"
        # Docker's way of copying asks for an archive; this asks for the text.
        text = self._said(what, service, ["/bin/sh", "-c", 'cat "$1" 2>/dev/null || true', "colorway", path])
        if not text:
            raise RefusedError(f"{self._host.name}: there is no {what}", status=404, said="no such file")
        return text

    def _said(self, what: str, service: str, command: Sequence[str]) -> str:
        """Return what a command prints in the one container that a service has on this host; empty without one."""
        ran = Inside(self._engine).each(service, command, what=what)
        return ran[0].said if len(ran) == 1 else ""

    def live_generations(self, spec: PlatformSpec, *, without: Collection[str] = ()) -> dict[str, str | None]:
        """Return the generation that each load balancer serves, by host: asked of that host's own engine.

        None where no load balancer answers, and where another host does not. Hosts in `without` are not asked.

        Raises:
            NoAnswerError: this host's Docker does not answer.
        """
        asked = [host for host in spec.load_balancers if host.name not in without]
        if not asked:
            return {}
        with ThreadPoolExecutor(max_workers=len(asked)) as beside:
            live = beside.map(lambda host: self._live_on(host, spec.stack), asked)
            return dict(zip((host.name for host in asked), live, strict=True))

    def fenced(self, spec: PlatformSpec) -> tuple[str, ...]:
        """Return the hosts whose load balancer is fenced; nobody is asked where it runs on this machine."""
        ours = {host.name for host in spec.load_balancers if not host.is_local}
        return tuple(host for host in Nodes(self._engine, stack=spec.stack).fenced() if host in ours) if ours else ()

    def _live_on(self, host: HostSpec, stack: str) -> str | None:
        service = names.service(stack, names.load_balancer(host.name))
        if host == self._host:
            return self.live_generation(service)
        try:
            return Swarm(host).live_generation(service)
        except NoAnswerError:
            return None

    def digest(self, reference: str) -> str:
        """Return the digest that a registry has behind a tag now: `sha256:…`.

        Raises:
            RefusedError: the registry does not have it, or does not let this host in; with its words.
            NoAnswerError: Docker does not answer.
        """
        found = self._engine.ask(f"the digest of {reference}", lambda api: api.inspect_distribution(reference))
        return str(found["Descriptor"]["digest"])

    def why_no_image(self, reference: str) -> str | None:
        """Return why the registry of an image does not give it, with what helps; None = nobody can tell."""
        host = registry_host(reference)
        if not host:
            return None
        try:
            self.digest(reference)
        except RefusedError as error:
            login = self._engine.logins().get(host)
            return why_refused(host, error.said, secret=login.secret if login else None)
        except ColorwayError:
            return None
        return None

    def pull(self, reference: str) -> None:
        """Bring an image to this host; with a digest, exactly that one.

        Raises:
            RefusedError: the registry does not have it, or does not let this host in; with its words.
            NoAnswerError: Docker does not answer.
        """
        repository, _, digest = reference.partition("@")

        def pull(api: Any) -> None:  # noqa: ANN401 - docker-py is untyped here
            # With the digest as the tag the daemon pulls exactly that image.
            for event in api.pull(_without_tag(repository), tag=digest, stream=True, decode=True):
                if "error" in event:
                    raise RefusedError(str(event["error"]), status=0, said=str(event["error"]))
            api.inspect_image(reference)

        self._engine.ask(f"the image {reference}", pull)


def _of(stack: str) -> dict[str, str]:
    return {"label": f"{STACK_LABEL}={stack}"}


def _without_tag(repository: str) -> str:
    """Return `registry:5000/crm` for `registry:5000/crm:1.9.0`."""
    path, slash, name = repository.rpartition("/")
    return f"{path}{slash}{name.partition(':')[0]}"


def _service_state(raw: Mapping[str, Any], tasks: list[TaskState]) -> ServiceState:
    spec = raw["Spec"]
    name = spec["Name"]
    return ServiceState(
        name=name,
        logical=spec["Labels"].get(SERVICE_LABEL, name),
        color=spec["Labels"].get(COLOR_LABEL, ""),
        image=spec["TaskTemplate"]["ContainerSpec"]["Image"],
        wanted=_replicas(spec),
        running=sum(task.service == name and task.state == "running" for task in tasks),
        starts_first=(spec.get("UpdateConfig") or {}).get("Order") == "start-first",
    )


def _replicas(spec: Mapping[str, Any]) -> int:
    return int(spec["Mode"].get("Replicated", {}).get("Replicas", 0))


def _published_ports(raw: Mapping[str, Any]) -> list[int]:
    ports = raw["Spec"].get("EndpointSpec", {}).get("Ports") or []
    return [int(port["PublishedPort"]) for port in ports if port.get("PublishedPort")]


def _network_state(raw: Mapping[str, Any]) -> NetworkState:
    written = [one.get("Subnet", "") for one in (raw.get("IPAM") or {}).get("Config") or ()]
    subnets = [ip_network(one, strict=False) for one in written if one]
    return NetworkState(
        id=raw["Id"],
        name=raw["Name"],
        stack=(raw.get("Labels") or {}).get(STACK_LABEL),
        subnets=tuple(one for one in subnets if isinstance(one, IPv4Network)),
        # Until the swarm has allocated a network, its driver is empty; Docker says it in no other way.
        has_addresses=bool(raw.get("Driver")),
    )
