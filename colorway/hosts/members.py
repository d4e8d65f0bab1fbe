"""Hosts that come back, also anew, change their roles or leave, around an `up`; it loses no request."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from colorway.errors import ColorwayError
from colorway.hosts.leaving import Leaving
from colorway.hosts.lost import Lost
from colorway.hosts.moving import Moving
from colorway.hosts.reach import Reach, over_ssh
from colorway.render.templates import entry, script
from colorway.spec import names
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import Connection
from colorway.swarm.nodes import Nodes
from colorway.swarm.services import Swarm

_STARTS_WITHIN = 300
"""Seconds until a load balancer runs on a host that was installed anew; its image may have to be pulled."""


@dataclass(frozen=True, kw_only=True)
class Members:
    """The hosts of a stack on several machines; a stack of this machine has none that change."""

    spec: PlatformSpec
    swarm: Swarm
    """A manager's."""
    say: Callable[[str], None]
    known: Mapping[str, HostSpec]
    """The hosts as they were when the stack was last applied, by name; empty = it never was."""
    reach: Reach = over_ssh
    sleep: Callable[[float], None] = time.sleep

    @cached_property
    def _manager(self) -> Connection:
        return self.swarm.client()

    @property
    def _nodes(self) -> Nodes:
        return Nodes(self._manager, stack=self.spec.stack, sleep=self.sleep)

    @property
    def _moving(self) -> Moving:
        return Moving(spec=self.spec, manager=self._manager, sleep=self.sleep)

    @property
    def _leaving(self) -> Leaving:
        return Leaving(
            spec=self.spec,
            say=self.say,
            nodes=self._nodes,
            moving=self._moving,
            known=self.known,
            reach=self.reach,
        )

    def before(self) -> tuple[str, ...]:
        """Prepare what the program is to find.

        Those that the swarm has lost and that are there are had back, the dead forgotten, the others get the labels of
        their roles, and hosts that were installed anew what their tasks mount.

        What is not installed yet gets its labels from the program.

        Returns:
            The hosts that were installed anew: nothing of what the program has done there is there.

        Raises:
            ColorwayError: the last tasks of something would go, and nothing was changed; or a host does not do it.
        """
        if self.spec.is_local or not self.known:
            return ()
        Lost(spec=self.spec, nodes=self._nodes, say=self.say, reach=self.reach, sleep=self.sleep).take_again()
        self._leaving.move_ahead()
        self._leaving.forget_dead()
        nodes, anew = self._nodes, list[HostSpec]()
        outdated = nodes.outdated(self.spec.settings.hosts)
        for host in self.spec.settings.hosts:
            node = nodes.of(host.name) if host.name in outdated else None
            if node is None:
                continue
            is_anew = names.anew_label(self.spec.stack) in node.labels or (not node.host and host.name in self.known)
            if is_anew:
                anew.append(host)
                self._make_directory(host)
            nodes.label(host, anew=is_anew)
        for host in anew:
            self._await_load_balancer(host)
            self.say(f"{host.name} was installed anew and has its roles again")
        return tuple(host.name for host in anew)

    def after(self, anew: Collection[str], *, idle: Collection[str] = ()) -> None:
        """Let hosts go that have left the file, now that nothing is placed there by name.

        Args:
            anew: Hosts that `before` returned: they have all now.
            idle: Services that need not run.

        Raises:
            ColorwayError: tasks do not move; the next `up` goes on.
        """
        for host in self.spec.settings.hosts:
            if host.name in anew:
                self._nodes.label(host)
        if not self.spec.is_local:
            self._leaving.take_out(idle=idle)

    def _make_directory(self, host: HostSpec) -> None:
        """Make what the load balancer's task mounts: it could not start before the program has come to it."""
        if not host.has(Role.LOAD_BALANCER):
            return
        said = self.reach(host, script("make-directory"), self.spec.edge_directory, given=entry("nginx"))
        if said.code:
            raise ColorwayError(f"{host.name}: its load balancer's directory cannot be made: {said.last_words}")

    def _await_load_balancer(self, host: HostSpec) -> None:
        """Wait until it runs; it serves nobody before the program gives it what the others serve."""
        service = names.service(self.spec.stack, names.load_balancer(host.name))

        def runs() -> bool:
            found = self.swarm.services(self.spec.stack)
            return all(one.running >= one.wanted for one in found if one.name == service)

        self._moving.wait(f"{service} does not run on {host.name}", runs, within=_STARTS_WITHIN)
