"""The nodes of a swarm as a stack's hosts: who is gone, who is fenced, who takes no tasks.

A fence is a label of the node, and each load balancer's service has a constraint against it. So a host that comes
back does not begin to serve what it served when it was lost, and its other tasks and other stacks run on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from colorway.errors import ColorwayError
from colorway.spec import names
from colorway.swarm.connections import Connection, RefusedError

_TRIES = 5
"""How often a change is made that another one came before: nodes change whenever somebody labels them."""
Change = Callable[[dict[str, Any]], dict[str, Any]]
"""From a node's specification to another one."""


class Nodes:
    """The hosts of one stack, as a manager knows them."""

    def __init__(self, manager: Connection, *, stack: str) -> None:
        """Take a manager's engine."""
        self._manager, self._stack = manager, stack

    def fenced(self) -> tuple[str, ...]:
        """Return the hosts whose load balancer is fenced, by their names in the stack's file.

        Raises:
            NoAnswerError: the manager does not answer.
        """
        return self._where(lambda node: _labels(node).get(names.edge_label(self._stack)) == names.FENCED)

    def down(self) -> tuple[str, ...]:
        """Return the hosts that the swarm has lost; see `fenced`."""
        return self._where(lambda node: node.get("Status", {}).get("State") == "down")

    def ready(self) -> tuple[str, ...]:
        """Return the hosts that the swarm has; see `fenced`."""
        return self._where(lambda node: node.get("Status", {}).get("State") == "ready")

    def resting(self) -> tuple[str, ...]:
        """Return the hosts that take no tasks; see `fenced`."""
        return self._where(lambda node: node["Spec"].get("Availability") == "drain")

    def rest(self, host: str) -> None:
        """Let a host's tasks move to others; see `fence`."""
        self._change(host, lambda spec: {**spec, "Availability": "drain"})

    def work(self, host: str) -> None:
        """Let a host take tasks again; see `fence`."""
        self._change(host, lambda spec: {**spec, "Availability": "active"})

    def fence(self, host: str) -> None:
        """Fence a host's load balancer; the swarm ends its task as soon as it reaches the host.

        Raises:
            ColorwayError: no node of the swarm has been labelled as this host.
            NoAnswerError: the manager does not answer.
        """
        self._change(host, lambda spec: self._with_fence(spec, {names.edge_label(self._stack): names.FENCED}))

    def unfence(self, host: str) -> None:
        """Let a host's load balancer run again; see `fence`."""
        self._change(host, lambda spec: self._with_fence(spec, {}))

    def _with_fence(self, spec: dict[str, Any], fence: Mapping[str, str]) -> dict[str, Any]:
        label = names.edge_label(self._stack)
        others = {key: value for key, value in (spec.get("Labels") or {}).items() if key != label}
        return {**spec, "Labels": {**others, **fence}}

    def _where(self, holds: Callable[[Mapping[str, Any]], bool]) -> tuple[str, ...]:
        return tuple(sorted(host for host, node in self._nodes().items() if holds(node)))

    def _nodes(self) -> dict[str, Any]:
        label = names.host_label(self._stack)
        found: list[Any] = self._manager.ask("the nodes of the swarm", lambda api: api.nodes())
        # A host that was installed anew is a second node of that name; the one that is there counts.
        found.sort(key=lambda node: bool(node.get("Status", {}).get("State") == "ready"))
        return {_labels(node)[label]: node for node in found if label in _labels(node)}

    def _change(self, host: str, change: Change) -> None:
        for left in reversed(range(_TRIES)):
            node = self._nodes().get(host)
            if node is None:
                raise ColorwayError(f"{host}: no node of the swarm is this host")
            update = _update(node["ID"], node["Version"]["Index"], change(node["Spec"]))
            try:
                self._manager.ask(f"a change of {host}", update)
            except RefusedError as error:
                if not left or "out of sequence" not in error.said:
                    raise
            else:
                return


def _labels(node: Mapping[str, Any]) -> dict[str, str]:
    return dict(node["Spec"].get("Labels") or {})


def _update(node: str, version: int, spec: Mapping[str, Any]) -> Callable[[Any], object]:
    return lambda api: api.update_node(node, version, spec)
