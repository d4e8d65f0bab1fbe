"""Hosts that have to rest: drained, rebooted, replaced, and back at work, one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from colorway.config.stack_files import stack_file
from colorway.data.mariadb.pair import pair
from colorway.data.members import Part, cluster
from colorway.errors import ColorwayError
from colorway.hosts.leaving import Leaving
from colorway.hosts.moving import MOVED_WITHIN, Moving
from colorway.hosts.reach import Reach, over_ssh
from colorway.render.templates import host_script
from colorway.spec import names
from colorway.spec.base import hint
from colorway.spec.hosts import HostSpec, Role, is_majority
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import Connection
from colorway.swarm.inside import Inside
from colorway.swarm.nodes import Nodes
from colorway.swarm.services import Swarm

BACK_WITHIN = 600
"""Seconds that a machine may take to start."""
_TASK = "com.docker.swarm.task.id"
"""Label of each container that is a task."""
_ANSWER = 20
Hold = Callable[[Swarm, str], AbstractContextManager[object]]
"""Holds a stack's lock in a swarm, for a reason in words."""


def why_not(
    spec: PlatformSpec, host: HostSpec, *, stops: bool, resting: Collection[str], down: Collection[str]
) -> str | None:
    """Return why a host must not rest now; None where others do all that it does.

    Args:
        spec: The stack.
        host: One of its hosts.
        stops: Whether its Docker engine stops, too; then it is no manager meanwhile.
        resting: Hosts that take no tasks now.
        down: Hosts that the swarm has lost.
    """
    if others := sorted(set(resting) - {host.name}):
        return f"{others[0]} rests already, and one host at a time is enough; `colorway hosts activate` ends that"
    there = [one for one in spec.settings.hosts if one.name not in {host.name, *down}]
    managers = [one for one in there if one.has(Role.MANAGER)]
    if stops and host.has(Role.MANAGER) and not is_majority(len(managers), of=len(spec.hosts(Role.MANAGER))):
        return (
            f"{host.name} is one of {len(spec.hosts(Role.MANAGER))} managers, and the {len(managers)} others would be "
            "no majority: nothing could be changed until it is back"
        )
    edge = [one.name for one in there if one.has(Role.LOAD_BALANCER)]
    if host.has(Role.LOAD_BALANCER) and not edge:
        return f"{host.name} is the only load balancer that is there"
    ours = names.edge_services(spec.stack, host.name) | spec.inventory().resting_with(
        host.name, there=[one.name for one in there]
    )
    alone = [
        service.name
        for service in spec.inventory().declared
        if service.runs
        and service.name not in ours
        and (
            service.host == host.name
            or (service.host is None and host.has(service.role) and not any(one.has(service.role) for one in there))
        )
    ]
    run = "run" if len(alone) > 1 else "runs"
    return f"{', '.join(alone)} {run} on {host.name} and nowhere else" if alone else None


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """Lets hosts of one stack rest."""

    spec: PlatformSpec
    say: Callable[[str], None]
    reach: Reach = over_ssh
    connect: Callable[[HostSpec], Connection] = Connection
    hold: Hold
    """Holds the stack's lock, so that no `up` and no release runs meanwhile."""
    restart: Callable[[HostSpec], None] | None = None
    """Restarts a machine of a lab and returns once it is back; none = over SSH."""
    sleep: Callable[[float], None] = time.sleep

    def _manager(self, host: HostSpec) -> Connection:
        """Return a manager that is still there when the host is not."""
        others = [one for one in self.spec.hosts(Role.MANAGER) if one.name != host.name]
        return self.connect(others[0] if others and self.spec.manager.name == host.name else self.spec.manager)

    def _swarm(self, host: HostSpec) -> Swarm:
        return Swarm(self.spec.manager, connection=self._manager(host))

    def _nodes(self, host: HostSpec) -> Nodes:
        return Nodes(self._manager(host), stack=self.spec.stack, sleep=self.sleep)

    def _moving(self, host: HostSpec) -> Moving:
        return Moving(spec=self.spec, manager=self._manager(host), sleep=self.sleep)

    def drain(self, name: str) -> None:
        """Let all tasks of a host move to others, those of other stacks, too, and wait until they run there.

        Raises:
            ColorwayError: the others could not do what it does, and nothing was changed; or tasks did not move.
        """
        host = self._known(name)
        with self.hold(self._swarm(host), f"drain {name}"):
            self._drain(host, stops=False)

    def _drain(self, host: HostSpec, *, stops: bool) -> None:
        nodes = self._nodes(host)
        down = nodes.down()
        reason = why_not(self.spec, host, stops=stops, resting=nodes.resting(), down=down)
        if reason or (reason := self._why_it_leads(host)):
            raise ColorwayError(f"{self.spec.stack}: {reason}")
        node = nodes.of(host.name)
        if node is not None and host.name not in down:
            self._moving(host).ahead([node], nodes=nodes)
        nodes.rest(host.name)
        if host.name not in down:
            self._moving(host).wait(
                f"tasks still run on {host.name}", lambda: not self._tasks_on(host), within=MOVED_WITHIN
            )
        self._await_services(host, rests=True)
        self.say(f"{host.name} rests: its tasks run on other hosts")

    def _why_it_leads(self, host: HostSpec) -> str | None:
        """Return which data store a host leads, and what helps; None where it leads none."""
        for store, primary in self.spec.primaries.items():
            lead = pair(self.spec, store, ask=self._ask).lead()
            # Where nobody answers, the file knows best.
            if host.name in ([one.host for one in lead] or [primary]):
                return (
                    f"{host.name} has the primary of the data store {store}, whose clients would fail; make the other "
                    f"one the primary first: `colorway data promote {self.spec.stack} {store} --to HOST`"
                )
        for store in self.spec.replicated_databases:
            members = cluster(self.spec, store, ask=self._ask)
            if any(one.part is Part.LEADER and one.host == host.name for one in members.members()):
                return (
                    f"{host.name} leads the data store {store}, whose clients would fail; give the lead to another one "
                    f"first: `colorway data switchover {self.spec.stack} {store}`"
                )
        return None

    def _ask(self, host: HostSpec, service: str, command: Sequence[str]) -> str:
        return Inside(self.connect(host)).said(service, command)

    def activate(self, name: str) -> None:
        """Let a host take tasks again, and wait until those that belong there run.

        Raises:
            ColorwayError: they do not.
        """
        host = self._known(name)
        with self.hold(self._swarm(host), f"activate {name}"):
            self._activate(host)

    def _activate(self, host: HostSpec) -> None:
        self._nodes(host).work(host.name)
        self._await_services(host, rests=False)
        self.say(f"{host.name} is at work again")

    def reboot(self, name: str) -> None:
        """Drain a host, restart it, and let it work again; where that is cut off, `activate` goes on.

        Raises:
            ColorwayError: as for `drain`; or it did not come back in time.
        """
        host = self._known(name)
        with self.hold(self._swarm(host), f"reboot {name}"):
            self._reboot(host)

    def _reboot(self, host: HostSpec) -> None:
        name = host.name
        self._drain(host, stops=True)
        if self.restart is not None:
            self.restart(host)
        else:
            self._restart(host)
        cure = f"once it is there: `colorway hosts activate {self.spec.stack} {name}`"
        self._moving(host).wait(
            f"{name} is not back in the swarm; {cure}", lambda: name in self._nodes(host).ready(), within=BACK_WITHIN
        )
        self._activate(host)

    def replace(self, name: str) -> None:
        """Take a host out of the swarm, so that another machine can come under its name; then say what is next.

        One that is alive is drained first. Of one that is dead, what only it had is lost, and said.

        Raises:
            ColorwayError: the others could not do what it does, and nothing was changed; or it could not be taken out,
                and the same command goes on.
        """
        host = self._known(name)
        with self.hold(self._swarm(host), f"replace {name}"):
            nodes = self._nodes(host)
            node = nodes.of(name)
            if node is None:
                self.say(f"{name} is not in the swarm")
            else:
                if not node.is_down:
                    self._drain(host, stops=True)
                elif lost := self._only_on(host):
                    self.say(
                        f"{name} is dead, and what only it had is lost: {', '.join(lost)}; restore it from a backup"
                    )
                leaving = Leaving(
                    spec=self.spec, say=self.say, nodes=nodes, moving=self._moving(host), reach=self.reach
                )
                leaving.out(node, host)
        stack = self.spec.stack
        self.say(
            f"next: write the new machine's address and host-key (ssh-keyscan -t ed25519 ADDRESS) into "
            f"{stack_file(stack)} as {name}, or leave {name} out of it; then `colorway up {stack}`"
        )

    def _only_on(self, host: HostSpec) -> list[str]:
        """Return the volumes that nobody else has the data of; a member's has the name of its service."""
        inventory = self.spec.inventory()
        elsewhere = {one.name for one in inventory.services if one.peers}
        return [one.name for one in inventory.volumes if one.host == host and one.name not in elsewhere]

    def _restart(self, host: HostSpec) -> None:
        before = self._boot(host)
        # Answered before it goes: a connection that it ends itself would look like one that failed.
        self.reach(host, "nohup sh -c 'sleep 1; systemctl reboot || reboot' >/dev/null 2>&1 &", limit=_ANSWER)
        self._moving(host).wait(
            f"{host.name} has not started anew",
            lambda: self._boot(host) not in {None, before},
            within=BACK_WITHIN,
        )
        self.reach(host, host_script("docker-engine"), limit=BACK_WITHIN)

    def _boot(self, host: HostSpec) -> str | None:
        said = self.reach(host, "cat /proc/sys/kernel/random/boot_id", limit=_ANSWER)
        return said.output.strip() if said.code == 0 else None

    def _known(self, name: str) -> HostSpec:
        found = next((host for host in self.spec.settings.hosts if host.name == name), None)
        if found is None:
            known = hint(name, [host.name for host in self.spec.settings.hosts])
            raise ColorwayError(f"{self.spec.stack}: has no host {name}; {known}")
        return found

    def _tasks_on(self, host: HostSpec) -> list[Any]:
        """Return the containers that are tasks on a host."""
        return list(self.connect(host).ask("its tasks", lambda api: api.containers(filters={"label": _TASK})))

    def _await_services(self, host: HostSpec, *, rests: bool) -> None:
        """Wait until all services have the tasks that they want, but for those that rest with their host."""
        there = [one.name for one in self.spec.settings.hosts if one.name != host.name]
        idle = names.edge_services(self.spec.stack, host.name) | self.spec.inventory().resting_with(
            host.name, there=there
        )
        idle = idle if rests else frozenset[str]()
        self._moving(host).await_services(idle=idle)
