"""The tasks of hosts that rest or leave: what runs there, and waiting until it runs elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from colorway.errors import ColorwayError
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import ServiceKind
from colorway.swarm.connections import Connection
from colorway.swarm.nodes import Node, Nodes
from colorway.swarm.services import ServiceState, Swarm

MOVED_WITHIN = 600
"""Seconds until all tasks that rested elsewhere run; an image may have to be pulled."""
_PAUSE = 1.0
_LIVES = frozenset({"assigned", "accepted", "preparing", "ready", "starting", "running"})
"""Swarm's words for the actual state of a task that a host has, and that has not ended."""


@dataclass(frozen=True, kw_only=True)
class Moving:
    """What moves between the hosts of one stack."""

    spec: PlatformSpec
    manager: Connection
    """One that stays."""
    sleep: Callable[[float], None] = time.sleep

    @property
    def _swarm(self) -> Swarm:
        return Swarm(self.spec.manager, connection=self.manager)

    def ahead(self, leaving: Sequence[Node], *, nodes: Nodes) -> None:
        """Move what answers requests and has all its tasks on nodes that leave: Swarm would end them all at once.

        A swarm puts all tasks of a service on one host by chance. They begin elsewhere first, as at an update.

        Args:
            leaving: Those that will take no more tasks of services.
            nodes: As a manager that stays knows them; those that leave take tasks as before, when this is over.

        Raises:
            ColorwayError: a service has one task, which ends before another begins, and nothing was changed; or what
                moves does not run elsewhere after 600 s.
        """
        alone = self._alone_on(leaving)
        for service in alone:
            if service.wanted == 1 and not service.starts_first:
                where = ", ".join(node.name for node in leaving)
                raise ColorwayError(
                    f"{self.spec.stack}: all tasks of {service.name} run on {where}, and none would be left while they "
                    "move; more replicas do"
                )
        if not alone:
            return
        names = {service.name for service in alone}
        try:
            for node in leaving:
                nodes.pause(node.name)
            for service in alone:
                self._swarm.begin_anew(service.name)
            self.wait(
                f"{', '.join(sorted(names))} did not move to other hosts",
                lambda: not names & set(self._services_on(leaving)),
                within=MOVED_WITHIN,
            )
        finally:
            for node in leaving:
                nodes.work(node.name)

    def _alone_on(self, nodes: Sequence[Node]) -> list[ServiceState]:
        """Return what answers requests, and has all its tasks on some nodes."""
        if not nodes:
            return []
        answer = {
            one.name for one in self.spec.inventory().declared if one.kind in {ServiceKind.WEB, ServiceKind.SHARED}
        }
        here = Counter(self._services_on(nodes))
        found = self._swarm.services(self.spec.stack)
        return [one for one in found if one.name in answer and 0 < one.running <= here[one.name]]

    def await_gone(self, node: Node) -> None:
        """Wait until no task runs on a node.

        Raises:
            ColorwayError: some do after 600 s.
        """
        self.wait(f"tasks still run on {node.name}", lambda: not self._tasks_on([node]), within=MOVED_WITHIN)

    def await_services(self, *, idle: Collection[str] = ()) -> None:
        """Wait until all services have the tasks that they want.

        Args:
            idle: Services that need not.

        Raises:
            ColorwayError: they do not have them after 600 s.
        """

        def lacking() -> list[str]:
            services = self._swarm.services(self.spec.stack)
            return [one.name for one in services if one.running < one.wanted and one.name not in idle]

        self.wait("not everything runs", lambda: not lacking(), within=MOVED_WITHIN)

    def wait(self, what: str, holds: Callable[[], bool], *, within: float) -> None:
        """Wait until something holds.

        Args:
            what: What is wrong until then.
            holds: Asked once a second.
            within: Seconds.

        Raises:
            ColorwayError: it does not in time.
        """
        deadline = time.monotonic() + within
        while not holds():
            if time.monotonic() >= deadline:
                status = f"`colorway status {self.spec.stack}` says what runs"
                raise ColorwayError(f"{self.spec.stack}: {what} after {within:g} s; {status}")
            self.sleep(_PAUSE)

    def _tasks_on(self, nodes: Sequence[Node]) -> list[dict[str, Any]]:
        filters = {"node": [node.id for node in nodes]}
        listed: list[dict[str, Any]] = self.manager.ask("the tasks of hosts", lambda api: api.tasks(filters=filters))
        return [task for task in listed if task["Status"]["State"] in _LIVES]

    def _services_on(self, nodes: Sequence[Node]) -> list[str]:
        listed = self.manager.ask("its services", lambda api: api.services())
        names = {raw["ID"]: str(raw["Spec"]["Name"]) for raw in listed}
        serving = (
            task for task in self._tasks_on(nodes) if task["Status"]["State"] == task["DesiredState"] == "running"
        )
        return [names.get(task["ServiceID"], "") for task in serving]
