"""Waiting until the tasks of a service are what its specification says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from offline_plugins.docker.daemon import Daemon, DaemonError, Manager, pinned, retagged
from offline_plugins.docker.documents import (
    Document,
    Json,
    content,
    full,
    nanoseconds,
    number,
    part,
    parts,
    seconds,
    text,
)
from offline_plugins.docker.service_spec import service_spec
from offline_plugins.docker.service_state import service_state
from offline_plugins.faults import DeleteFault
from offline_plugins.values import Properties
from offline_plugins.waiting import CanceledError, Patience, PluginError

_LOOK_AT_LEAST_EVERY: Final = 0.1
# The official provider looks for the first time so long after an update, and then takes as many running
# tasks as replicas for success, whatever the swarm reports. We look at once, and are never slower than it.
_OFFICIAL_LOOKS_AFTER: Final = 7.0
_RUNNING: Final = "running"
# In the order of a task's life; what comes after `running` is an end.
_LIFE: Final = (
    "new",
    "allocated",
    "pending",
    "assigned",
    "accepted",
    "preparing",
    "ready",
    "starting",
    _RUNNING,
    "complete",
    "shutdown",
    "failed",
    "rejected",
)
_FAILURES: Final = {
    "rollback_completed": "service rollback completed",
    "paused": "service update paused",
    "rollback_paused": "service rollback paused",
}


@dataclass(frozen=True, kw_only=True)
class Converging:
    """How long and how often to look; from `convergeConfig` of the inputs."""

    delay: str
    timeout: str

    @classmethod
    def of(cls, state: Properties) -> Converging | None:
        """The setting of a service; None where it asks for no waiting."""
        config = content(state.get("convergeConfig"))
        return cls(delay=text(config["delay"]), timeout=text(config["timeout"])) if config else None

    @property
    def every(self) -> float:
        """Seconds between two looks."""
        return max(seconds(self.delay), _LOOK_AT_LEAST_EVERY)

    def failure(self, service_id: str) -> PluginError:
        """What is said when the time is over."""
        return PluginError(
            f"Service with ID ({service_id}) did not converge after {full(nanoseconds(self.timeout))}",
        )


@dataclass(frozen=True, kw_only=True)
class ServiceWatch:
    """Looks at one service until it has converged."""

    daemon: Daemon
    patience: Patience
    service_id: str

    def created(self, converging: Converging) -> None:
        """Wait for a new service.

        Raises:
            PluginError: it did not converge in time.
            CanceledError: the engine canceled.
        """
        self.patience.pause(min(seconds(converging.delay), seconds(converging.timeout)))
        limit = seconds(converging.timeout) - seconds(converging.delay)
        if not self.patience.until(self._all_running, every=converging.every, limit=limit):
            raise converging.failure(self.service_id)

    def updated(self, converging: Converging, *, rolling: bool) -> None:
        """Wait for the end of an update.

        Args:
            converging: how long.
            rolling: the update exchanges tasks, so that the swarm reports how it goes. What the tasks say
                before that report is about the old ones.

        Raises:
            PluginError: it was rolled back, paused, or did not end in time.
            CanceledError: the engine canceled.
        """
        official_look = self.patience.now() + _OFFICIAL_LOOKS_AFTER

        def ended() -> bool:
            return self._update_ended(trusting=self.patience.now() >= official_look)

        if rolling:
            self.patience.until(self._reported, every=_LOOK_AT_LEAST_EVERY, limit=_OFFICIAL_LOOKS_AFTER)
        if not self.patience.until(ended, every=converging.every, limit=seconds(converging.timeout)):
            raise converging.failure(self.service_id)

    def _service(self) -> Document:
        answer = self.daemon.call("GET", f"/services/{self.service_id}")
        return answer if isinstance(answer, Mapping) else {}

    def _reported(self) -> bool:
        return bool(part(self._service(), "UpdateStatus"))

    def _update_ended(self, *, trusting: bool) -> bool:
        service = self._service()
        status = part(service, "UpdateStatus")
        state, message = text(status.get("State")), text(status.get("Message"))
        if state in _FAILURES:
            raise PluginError(f"{_FAILURES[state]}: {message}")
        if state == "completed":
            return True
        if (state == "updating" and not trusting) or not self._running_as_told(service):
            return False
        if state == "rollback_started":
            raise PluginError(f"{_FAILURES['rollback_completed']}: {message}")
        return True

    def _all_running(self) -> bool:
        return self._running_as_told(self._service())

    def _running_as_told(self, service: Document) -> bool:
        mode = part(part(service, "Spec"), "Mode")
        if "Replicated" not in mode:
            raise PluginError("no replica count")
        wanted = {"service": {self.service_id: True}, "desired-state": {_RUNNING: True}}
        tasks = self.daemon.call("GET", "/tasks", query={"filters": wanted})
        nodes = self.daemon.call("GET", "/nodes")
        running = sum(
            text(part(task, "Status").get("State")) == _RUNNING and text(task.get("DesiredState")) == _RUNNING
            for task in _by_slot(_documents(tasks), _up(_documents(nodes))).values()
        )
        return running == number(part(mode, "Replicated").get("Replicas"))


def _documents(answer: Json) -> list[Document]:
    if not isinstance(answer, Sequence) or isinstance(answer, str):
        return []
    return [item for item in answer if isinstance(item, Mapping)]


def _up(nodes: Sequence[Document]) -> set[str]:
    return {text(node.get("ID")) for node in nodes if part(node, "Status").get("State") != "down"}


def _by_slot(tasks: Sequence[Document], nodes: set[str]) -> dict[int, Document]:
    """One task per slot: where a restart left several, the one that is least far in its life."""

    def age(task: Document) -> tuple[int, int]:
        return _LIFE.index(text(task["DesiredState"])), _LIFE.index(text(part(task, "Status")["State"]))

    slots: dict[int, Document] = {}
    for task in tasks:
        desired, actual = task.get("DesiredState"), part(task, "Status").get("State")
        if desired not in _LIFE or actual not in _LIFE:
            continue
        node, slot = text(task.get("NodeID")), number(task.get("Slot"))
        if slot in slots and age(slots[slot]) <= age(task):
            continue
        if not node or node in nodes:
            slots[slot] = task
    return slots


_LOOK_EVERY: Final = 0.1
_ENDPOINT_WITHIN: Final = 2.0
# Named by a delete that a test lets fail although no container was in the way.
_NO_CONTAINER: Final = 64 * "0"


class Services:
    """Creates, reads, updates and deletes services, and waits for their tasks where told to."""

    def create(self, swarm: Manager, planned: Properties) -> str:
        """Create a service and wait until it converges; one that does not is deleted again."""
        wanted = service_spec(planned)
        login = swarm.login(wanted)
        service_id = swarm.created("/services/create", pinned(wanted, swarm.daemon, login=login), login=login)
        converging = Converging.of(planned)
        if converging is not None:
            watch = ServiceWatch(daemon=swarm.daemon, patience=swarm.patience, service_id=service_id)
            try:
                watch.created(converging)
            except CanceledError:
                # Nobody waits any more, but a service that no state knows must not stay.
                swarm.daemon.call("DELETE", f"/services/{service_id}")
                raise
            except PluginError:
                _delete(swarm, service_id, planned)
                raise
        return service_id

    def read(self, swarm: Manager, resource_id: str, kept: Properties) -> Properties | None:
        """Read a service, once its published ports are those of its specification."""
        path = f"/services/{resource_id}"
        service = swarm.found(path)
        if service is not None and not _settled(service):
            swarm.patience.until(
                lambda: _settled(swarm.found(path) or {}),
                every=_LOOK_EVERY,
                limit=_ENDPOINT_WITHIN,
            )
            service = swarm.found(path)
        return None if service is None else service_state(service, kept=kept)

    def update(self, swarm: Manager, resource_id: str, planned: Properties) -> None:
        """Update a service and wait for the end of the update where told to."""
        path = f"/services/{resource_id}"
        answer = swarm.daemon.call("GET", path)
        before: Document = answer if isinstance(answer, Mapping) else {}
        spec = retagged(service_spec(planned))
        version = number(part(before, "Version").get("Index"))
        swarm.daemon.call("POST", f"{path}/update", query={"version": version}, body=spec, login=swarm.login(spec))
        converging = Converging.of(planned)
        if converging is None:
            return
        after = swarm.found(path) or {}
        watch = ServiceWatch(daemon=swarm.daemon, patience=swarm.patience, service_id=resource_id)
        watch.updated(converging, rolling=_exchanges_tasks(part(before, "Spec"), part(after, "Spec")))

    def delete(self, swarm: Manager, resource_id: str, state: Properties) -> None:
        """Delete a service and wait for its containers, each at most its grace period.

        Raises:
            PluginError: a container was still there after its grace period; the service is gone then.
        """
        fault = swarm.faults.of_next(text(state.get("name")))
        if fault is DeleteFault.GONE:
            swarm.daemon.call("DELETE", f"/services/{resource_id}")
        _delete(swarm, resource_id, state)
        if fault is DeleteFault.DEADLINE:
            raise _outlived(_NO_CONTAINER)


def _delete(swarm: Manager, resource_id: str, state: Properties) -> None:
    container = content(content(state.get("taskSpec")).get("containerSpec"))
    grace = seconds(text(container.get("stopGracePeriod")))
    containers = _containers(swarm, text(state.get("name"))) if grace else []
    try:
        swarm.daemon.call("DELETE", f"/services/{resource_id}")
    except DaemonError as error:
        raise PluginError(f"Error deleting service with ID '{resource_id}': {error}") from error
    for container_id in containers:
        _await_removal(swarm, container_id, within=grace)


def _settled(service: Document) -> bool:
    """Whether the swarm has published what the specification asks for."""
    wanted, done = part(part(service, "Spec"), "EndpointSpec"), part(part(service, "Endpoint"), "Spec")
    return bool(wanted) and parts(done, "Ports") == parts(wanted, "Ports")


def _exchanges_tasks(before: Document, after: Document) -> bool:
    """Whether the swarm replaces running tasks, so that it reports a progress."""
    changed = part(before, "TaskTemplate") != part(after, "TaskTemplate") or part(
        before,
        "EndpointSpec",
    ) != part(after, "EndpointSpec")
    return changed and bool(_replicas(before)) and bool(_replicas(after))


def _replicas(spec: Document) -> int:
    return number(part(part(spec, "Mode"), "Replicated").get("Replicas"))


def _containers(swarm: Manager, name: str) -> list[str]:
    """The containers of the tasks that have not been shut down."""
    tasks = swarm.daemon.call("GET", "/tasks", query={"filters": {"service": {name: True}}})
    if not isinstance(tasks, Sequence) or isinstance(tasks, str):
        return []
    statuses = [part(task, "Status") for task in tasks if isinstance(task, Mapping)]
    found = [
        text(part(status, "ContainerStatus").get("ContainerID"))
        for status in statuses
        if status.get("State") != "shutdown"
    ]
    return [container for container in found if container]


def _await_removal(swarm: Manager, container_id: str, *, within: float) -> None:
    path = f"/containers/{container_id}/json"
    if not swarm.patience.until(lambda: swarm.found(path) is None, every=_LOOK_EVERY, limit=within):
        raise _outlived(container_id)


def _outlived(container_id: str) -> PluginError:
    return PluginError(f"error on wait for container with ID '{container_id}': context deadline exceeded")
