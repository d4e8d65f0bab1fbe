"""Waiting until the tasks of a service are what its specification says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from colorway.lab.plugins.docker.daemon import Daemon
from colorway.lab.plugins.docker.documents import Document, Json, content, number, part, text
from colorway.lab.plugins.docker.durations import full, nanoseconds, seconds
from colorway.lab.plugins.errors import PluginError
from colorway.lab.plugins.values import Properties
from colorway.lab.plugins.waiting import Patience

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
