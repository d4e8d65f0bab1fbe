"""Hosts that leave a stack for good: told to go, forgotten, and what is left of them by those that only came back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from colorway.hosts.moving import Moving
from colorway.hosts.reach import Reach, over_ssh
from colorway.render.templates import host_script
from colorway.spec import names
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.nodes import Node, Nodes

_LEAVES_WITHIN = 180
"""Seconds for the script on the host that leaves."""


def twins(nodes: Sequence[Node], here: Mapping[str, str]) -> tuple[Node, ...]:
    """Return what hosts were before they were installed anew; a manager among these counts against the majority.

    Args:
        nodes: What the managers know.
        here: Hosts of the stack's file, and which node each is now; empty = none.
    """
    return tuple(
        node
        for node in nodes
        # One that lives and was never labelled may be another stack's, whose host has the same name.
        if node.name in here and here[node.name] != node.id and (node.host or node.is_down)
    )


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """Takes hosts out of one stack's swarm."""

    spec: PlatformSpec
    say: Callable[[str], None]
    nodes: Nodes
    """As a manager that stays knows them."""
    moving: Moving
    known: Mapping[str, HostSpec] = field(default_factory=dict)
    """How hosts are reached that are not in the stack's file any more, by name."""
    reach: Reach = over_ssh

    def strays(self) -> tuple[Node, ...]:
        """Return the nodes of the stack whose host is not in its file any more.

        Raises:
            NoAnswerError: the manager does not answer.
        """
        kept = {host.name for host in self.spec.settings.hosts}
        return tuple(node for node in self.nodes.all() if node.host and node.host not in kept)

    def move_ahead(self) -> None:
        """Move what answers requests and has all its tasks on hosts that leave, or are for it no more; see `Moving`."""
        listed, label = self.nodes.all(), names.role_label(self.spec.stack, Role.WEB.value)
        web = {host.name for host in self.spec.hosts(Role.WEB)}
        leaving = [node for node in listed if label in node.labels and node.host not in web and not node.is_down]
        self.moving.ahead(leaving, nodes=self.nodes)

    def forget_dead(self) -> None:
        """Forget the dead that nobody waits for: hosts that have left the file, and what hosts installed anew were.

        Raises:
            ColorwayError: the managers do not let one go.
        """
        listed = self.nodes.all()
        ours = {host.name for host in self.spec.settings.hosts}
        for node in listed:
            if node.is_down and node.host and node.host not in ours:
                self._forget(node, "is dead and has left the stack's file")
        there = {node.name: node.id for node in listed if not node.is_down}
        dead = [node for node in listed if node.is_down]
        for node in twins(dead, {name: there[name] for name in ours & there.keys()}):
            self._forget(node, "was installed anew, and what it was is dead")

    def take_out(self, *, idle: Collection[str] = ()) -> None:
        """Let all others that have left the file rest, wait until their tasks run elsewhere, and take them out.

        A host that another stack of the swarm uses, too, stays in it, and only its labels of this stack go.

        Args:
            idle: Services that need not run meanwhile.

        Raises:
            ColorwayError: tasks do not move, or the managers do not let one go; the next `up` goes on.
        """
        for node in self.strays():
            if others := node.stacks - {self.spec.stack}:
                self.nodes.release(node)
                self.moving.await_services(idle=idle)
                told = ", ".join(sorted(others))
                self.say(f"{node.host} is no host of {self.spec.stack} any more; it stays in the swarm for {told}")
                continue
            if node.is_down:
                self._forget(node, "has died and has left the stack's file")
                continue
            self.nodes.rest(node.host)
            self.moving.await_gone(node)
            self.moving.await_services(idle=idle)
            self.out(node, self.known.get(node.host))

    def out(self, node: Node, host: HostSpec | None) -> None:
        """Take a host out of the swarm that rests or is dead.

        Args:
            node: Its node.
            host: How it is reached; none = nobody knows its host-key.

        Raises:
            ColorwayError: the managers do not let it go, and without it there might be no majority of them.
        """
        if node.is_down:
            self._forget(node, "is dead")
            return
        if node.is_manager:
            self.nodes.demote(node)
        why = "its host-key is not known any more"
        if host is not None:
            said = self.reach(host, host_script("leave"), node.id, limit=_LEAVES_WITHIN)
            why = "" if said.code == 0 else said.last_words
        self.nodes.forget(node)
        if why:
            address = node.address if host is None else host.address
            self.say(
                f"{node.name} is out of the swarm and could not be told ({why}); type there ({address}): "
                "docker swarm leave --force"
            )
        else:
            self.say(f"{node.name} has left the swarm, its tasks run on other hosts")

    def _forget(self, node: Node, why: str) -> None:
        self.nodes.forget(node)
        self.say(f"{node.name} {why}; the swarm has forgotten it")
