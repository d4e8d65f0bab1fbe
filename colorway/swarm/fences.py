"""Load balancers that must not run: their hosts could not be told what to serve when traffic went back.

A fence is a label of the swarm's node, and each load balancer's service has a constraint against it. So a host that
comes back does not begin to serve what it served when it was lost, and its other tasks and other stacks run on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from colorway.errors import ColorwayError
from colorway.spec import names
from colorway.swarm.connections import Connection, RefusedError

_TRIES = 5
"""How often a change is made that another one came before: nodes change whenever somebody labels them."""


class Fences:
    """The fences of one stack, which a manager knows."""

    def __init__(self, manager: Connection, *, stack: str) -> None:
        """Take a manager's engine."""
        self._manager, self._stack = manager, stack

    def hosts(self) -> tuple[str, ...]:
        """Return the hosts whose load balancer is fenced, by their names in the stack's file.

        Raises:
            NoAnswerError: the manager does not answer.
        """
        return tuple(sorted(host for host, node in self._nodes().items() if self._is_fenced(node)))

    def put_up(self, host: str) -> None:
        """Fence a host's load balancer; the swarm ends its task as soon as it reaches the host.

        Raises:
            ColorwayError: no node of the swarm has been labelled as this host.
            NoAnswerError: the manager does not answer.
        """
        self._change(host, {names.edge_label(self._stack): names.FENCED})

    def take_down(self, host: str) -> None:
        """Let a host's load balancer run again; see `put_up`."""
        self._change(host, {})

    def _nodes(self) -> dict[str, Any]:
        label = names.host_label(self._stack)
        found: list[Any] = self._manager.ask("the nodes of the swarm", lambda api: api.nodes())
        labelled = [(dict(node["Spec"].get("Labels") or {}), node) for node in found]
        # A host that was installed anew is a second node of that name; the one that is there counts.
        labelled.sort(key=lambda one: one[1].get("Status", {}).get("State") == "ready")
        return {labels[label]: node for labels, node in labelled if label in labels}

    def _is_fenced(self, node: Mapping[str, Any]) -> bool:
        return (node["Spec"].get("Labels") or {}).get(names.edge_label(self._stack)) == names.FENCED

    def _change(self, host: str, wanted: Mapping[str, str]) -> None:
        label = names.edge_label(self._stack)
        for left in reversed(range(_TRIES)):
            node = self._nodes().get(host)
            if node is None:
                raise ColorwayError(f"{host}: no node of the swarm is this host")
            others = {key: value for key, value in (node["Spec"].get("Labels") or {}).items() if key != label}
            spec = {**node["Spec"], "Labels": {**others, **wanted}}
            try:
                self._manager.ask(f"a label of {host}", _labelling(node["ID"], node["Version"]["Index"], spec))
            except RefusedError as error:
                if not left or "out of sequence" not in error.said:
                    raise
            else:
                return


def _labelling(node: str, version: int, spec: Mapping[str, Any]) -> Callable[[Any], object]:
    return lambda api: api.update_node(node, version, spec)
