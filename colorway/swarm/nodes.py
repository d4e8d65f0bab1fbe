"""The nodes of a swarm as a stack's hosts: who is gone, who is fenced, who takes no tasks, who has left the file.

A node is known by its id: a host that was installed anew is a second one of its name. A fence is a label of the node,
and each load balancer's service has a constraint against it. So a host that comes back does not begin to serve what it
served when it was lost, and its other tasks and other stacks run on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from colorway.errors import ColorwayError
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.swarm.connections import Connection, MissingError, RefusedError, repeated

Change = Callable[[dict[str, Any]], dict[str, Any]]
"""From a node's specification to another one."""
_FORGOTTEN_WITHIN = 60
"""Seconds until the managers have let a demoted one go; until then its node cannot be forgotten."""
_STILL_MANAGER = "must be demoted"
"""The swarm's words until then."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine as the managers know it."""

    id: str
    hostname: str
    host: str
    """Its name in the stack's file, or what that was; empty where it was never labelled for the stack."""
    address: str
    state: str
    """`ready`, `down`, `disconnected` or `unknown`."""
    is_manager: bool
    labels: Mapping[str, str]

    @property
    def is_down(self) -> bool:
        """Whether the managers have lost it."""
        return self.state == "down"

    @property
    def name(self) -> str:
        """What people call it."""
        return self.host or self.hostname

    @property
    def stacks(self) -> frozenset[str]:
        """The stacks that have it among their hosts."""
        return frozenset(stack for stack in map(names.stack_of_host_label, self.labels) if stack)


class Nodes:
    """The hosts of one stack, as a manager knows them."""

    def __init__(self, manager: Connection, *, stack: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take a manager's engine; `sleep` waits some seconds."""
        self._manager, self._stack, self._sleep = manager, stack, sleep

    def all(self) -> tuple[Node, ...]:
        """Return all nodes, other stacks' and dead ones, too; see `fenced`."""
        return tuple(map(self._node, self._raw()))

    def of(self, host: str) -> Node | None:
        """Return the node that a host of the stack is: of several of its name the one that is there; see `fenced`."""
        found = self._of(self._raw(), host)
        return None if found is None else self._node(found)

    def outdated(self, hosts: Sequence[HostSpec]) -> tuple[str, ...]:
        """Return the hosts whose node is labelled in another way than the file says, or still as anew; see `fenced`."""
        listed = self._raw()
        found = ((host, self._of(listed, host.name)) for host in hosts)
        return tuple(
            host.name for host, node in found if node is not None and _differs(_labels(node), host, self._stack)
        )

    def fenced(self) -> tuple[str, ...]:
        """Return the hosts whose load balancer is fenced, by their names in the stack's file.

        Raises:
            NoAnswerError: the manager does not answer.
        """
        return self._where(lambda node: _labels(node).get(names.edge_label(self._stack)) == names.FENCED)

    def down(self) -> tuple[str, ...]:
        """Return the hosts that the swarm has lost; see `fenced`."""
        return self._where(lambda node: _state(node) == "down")

    def ready(self) -> tuple[str, ...]:
        """Return the hosts that the swarm has; see `fenced`."""
        return self._where(lambda node: _state(node) == "ready")

    def resting(self) -> tuple[str, ...]:
        """Return the hosts that take no tasks; see `fenced`."""
        return self._where(lambda node: node["Spec"].get("Availability") == "drain")

    def rest(self, host: str) -> None:
        """Let a host's tasks move to others; see `fence`."""
        self._change(host, lambda spec: {**spec, "Availability": "drain"})

    def work(self, host: str) -> None:
        """Let a host take tasks again; see `fence`."""
        self._change(host, lambda spec: {**spec, "Availability": "active"})

    def pause(self, host: str) -> None:
        """Let a host take no new tasks, and keep those that it has; see `fence`."""
        self._change(host, lambda spec: {**spec, "Availability": "pause"})

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

    def label(self, host: HostSpec, *, anew: bool = False) -> None:
        """Label the node of a host as the stack's file says, and take from it what that says no more; see `fence`.

        Args:
            host: The host.
            anew: Whether it was installed anew and has yet to get what it had; a run that is cut off leaves that.
        """
        wanted = names.node_labels(self._stack, host=host.name, roles=host.roles)
        wanted[names.anew_label(self._stack)] = "true" if anew else None

        def labelled(spec: dict[str, Any]) -> dict[str, Any]:
            labels = {**(spec.get("Labels") or {}), **wanted}
            return {**spec, "Labels": {label: value for label, value in labels.items() if value is not None}}

        self._change(host.name, labelled)

    def release(self, node: Node) -> None:
        """Take all labels of the stack from a node that other stacks go on using; see `fence`."""
        ours = {*names.node_labels(self._stack, host="", roles=())}
        ours |= {names.edge_label(self._stack), names.anew_label(self._stack)}

        def without(spec: dict[str, Any]) -> dict[str, Any]:
            labels = spec.get("Labels") or {}
            return {**spec, "Labels": {label: value for label, value in labels.items() if label not in ours}}

        self._update(node.id, node.host, without)

    def forget(self, node: Node) -> None:
        """Take a node out of the swarm that is dead, has left, or cannot be told to; gone already is no error.

        Raises:
            ColorwayError: the managers do not let it go; without it there might be no majority of them.
            NoAnswerError: the manager does not answer.
        """
        if node.is_manager:
            self.demote(node)
        for left in reversed(range(_FORGOTTEN_WITHIN)):
            try:
                self._manager.ask(f"forgetting {node.hostname}", lambda api: api.remove_node(node.id, force=True))
            except MissingError:
                return
            except RefusedError as error:
                if not left or _STILL_MANAGER not in error.said:
                    raise
                self._sleep(1)
            else:
                return

    def demote(self, node: Node) -> None:
        """Let a node be no manager any more; see `forget`."""
        self._update(node.id, node.hostname, lambda spec: {**spec, "Role": "worker"})

    def _with_fence(self, spec: dict[str, Any], fence: Mapping[str, str]) -> dict[str, Any]:
        label = names.edge_label(self._stack)
        others = {key: value for key, value in (spec.get("Labels") or {}).items() if key != label}
        return {**spec, "Labels": {**others, **fence}}

    def _where(self, holds: Callable[[Mapping[str, Any]], bool]) -> tuple[str, ...]:
        listed, label = self._raw(), names.host_label(self._stack)
        hosts = {_labels(node)[label] for node in listed if label in _labels(node)}
        found = ((host, self._of(listed, host)) for host in sorted(hosts))
        return tuple(host for host, node in found if node is not None and holds(node))

    def _raw(self) -> list[dict[str, Any]]:
        return list(self._manager.ask("the nodes of the swarm", lambda api: api.nodes()))

    def _of(self, listed: Sequence[dict[str, Any]], host: str) -> dict[str, Any] | None:
        named = [node for node in listed if host in {self._node(node).host, self._node(node).hostname}]
        # One that is there, and of those one that is labelled: another stack's host could have the name.
        return max(named, key=lambda node: (_state(node) == "ready", bool(self._node(node).host)), default=None)

    def _node(self, raw: Mapping[str, Any]) -> Node:
        labels = _labels(raw)
        return Node(
            id=raw["ID"],
            hostname=str((raw.get("Description") or {}).get("Hostname", "")),
            host=labels.get(names.host_label(self._stack), ""),
            address=str((raw.get("Status") or {}).get("Addr", "")),
            state=_state(raw),
            is_manager=raw["Spec"].get("Role") == "manager",
            labels=labels,
        )

    def _change(self, host: str, change: Change) -> None:
        node = self.of(host)
        if node is None:
            raise ColorwayError(f"{host}: no node of the swarm is this host")
        self._update(node.id, host, change)

    def _update(self, node: str, host: str, change: Change) -> None:
        def make() -> None:
            raw = next((one for one in self._raw() if one["ID"] == node), None)
            if raw is None:
                raise ColorwayError(f"{host}: its node has left the swarm")
            self._manager.ask(f"a change of {host}", _updating(node, raw["Version"]["Index"], change(raw["Spec"])))

        repeated(make)


def _labels(node: Mapping[str, Any]) -> dict[str, str]:
    return dict(node["Spec"].get("Labels") or {})


def _state(node: Mapping[str, Any]) -> str:
    return str((node.get("Status") or {}).get("State", ""))


def _differs(labels: Mapping[str, str], host: HostSpec, stack: str) -> bool:
    wanted = names.node_labels(stack, host=host.name, roles=host.roles)
    return names.anew_label(stack) in labels or any(labels.get(label) != value for label, value in wanted.items())


def _updating(node: str, version: int, spec: Mapping[str, Any]) -> Callable[[Any], object]:
    return lambda api: api.update_node(node, version, spec)
