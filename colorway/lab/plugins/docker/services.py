"""Services on the swarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from colorway.lab.plugins.docker.converge import Converging, ServiceWatch
from colorway.lab.plugins.docker.daemon import DaemonError
from colorway.lab.plugins.docker.documents import Document, content, number, part, parts, text
from colorway.lab.plugins.docker.durations import seconds
from colorway.lab.plugins.docker.images import pinned, retagged
from colorway.lab.plugins.docker.live import Swarm
from colorway.lab.plugins.docker.service_spec import service_spec
from colorway.lab.plugins.docker.service_state import service_state
from colorway.lab.plugins.errors import CanceledError, PluginError
from colorway.lab.plugins.values import Properties

_LOOK_EVERY: Final = 0.1
_ENDPOINT_WITHIN: Final = 2.0


class Services:
    """Creates, reads, updates and deletes services, and waits for their tasks where told to."""

    def create(self, swarm: Swarm, planned: Properties) -> str:
        """Create a service and wait until it converges; one that does not is deleted again."""
        spec = pinned(service_spec(planned), swarm.daemon)
        service_id = swarm.created("/services/create", spec)
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
                self.delete(swarm, service_id, planned)
                raise
        return service_id

    def read(self, swarm: Swarm, resource_id: str, kept: Properties) -> Properties | None:
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

    def update(self, swarm: Swarm, resource_id: str, planned: Properties) -> None:
        """Update a service and wait for the end of the update where told to."""
        path = f"/services/{resource_id}"
        answer = swarm.daemon.call("GET", path)
        before: Document = answer if isinstance(answer, Mapping) else {}
        spec = retagged(service_spec(planned))
        version = number(part(before, "Version").get("Index"))
        swarm.daemon.call("POST", f"{path}/update", query={"version": version}, body=spec)
        converging = Converging.of(planned)
        if converging is None:
            return
        after = swarm.found(path) or {}
        watch = ServiceWatch(daemon=swarm.daemon, patience=swarm.patience, service_id=resource_id)
        watch.updated(converging, rolling=_exchanges_tasks(part(before, "Spec"), part(after, "Spec")))

    def delete(self, swarm: Swarm, resource_id: str, state: Properties) -> None:
        """Delete a service and wait for its containers, each at most its grace period.

        Raises:
            PluginError: a container was still there after its grace period; the service is gone then.
        """
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


def _containers(swarm: Swarm, name: str) -> list[str]:
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


def _await_removal(swarm: Swarm, container_id: str, *, within: float) -> None:
    path = f"/containers/{container_id}/json"
    if not swarm.patience.until(lambda: swarm.found(path) is None, every=_LOOK_EVERY, limit=within):
        raise PluginError(f"error on wait for container with ID '{container_id}': context deadline exceeded")
