"""Hosts that the swarm has lost although they are there: waited for, and then their Docker engine is started anew.

Managers that lose their majority and find it again may write down that a host is lost after it has come back: the host
reports and is not sick, and gets no task until it registers anew (moby/swarmkit, manager/dispatcher: `register` waits
for a write, and the end of the registration before it comes between). Seen on Docker 28.5.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from colorway.errors import ColorwayError
from colorway.hosts.reach import Reach, everywhere, over_ssh
from colorway.render.templates import host_script
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.nodes import Nodes

_REGISTERS_WITHIN = 60
"""Seconds: an engine tries again after 8 s at the latest, and takes 5 s to find that nobody answers."""
_STARTS_WITHIN = 300
_ANSWER = 20


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The hosts of one stack that its swarm has lost."""

    spec: PlatformSpec
    nodes: Nodes
    say: Callable[[str], None]
    reach: Reach = over_ssh
    sleep: Callable[[float], None] = time.sleep

    def take_again(self) -> None:
        """Have those back that are there; one that is dead, or cut off from the managers, is left as it is.

        Nothing of the swarm's runs on a host that it has lost and that hears it, so nothing ends with its engine.

        Raises:
            NoAnswerError: the manager does not answer.
        """
        if not (lost := self._lost()):
            return
        answers = everywhere(lost, lambda host: self.reach(host, "docker info >/dev/null", limit=_ANSWER).code == 0)
        alive = [host for host in lost if answers[host.name]]
        if not alive or self._are_back(alive, within=_REGISTERS_WITHIN):
            return
        for host in [one for one in self._lost() if one in alive]:
            self.say(f"{host.name} answers and the swarm has lost it: its Docker engine is started anew")
            managers = [str(one.address) for one in self.spec.hosts(Role.MANAGER) if one.name != host.name]
            said = self.reach(host, host_script("restart-docker"), *managers, limit=_STARTS_WITHIN)
            if said.code:
                self.say(f"{host.name} stays lost: {said.last_words}")
            elif not self._are_back([host], within=_STARTS_WITHIN):
                self.say(f"{host.name} stays lost, although its Docker engine was started anew")

    def _lost(self) -> Sequence[HostSpec]:
        down = self.nodes.down()
        return [host for host in self.spec.settings.hosts if host.name in down]

    def _are_back(self, hosts: Sequence[HostSpec], *, within: int) -> bool:
        """Wait some seconds until the swarm has hosts; the manager that is asked may be the one that begins anew."""
        end = time.monotonic() + within
        for _ in range(within):
            # A question that nobody answers takes longer than a second.
            if time.monotonic() > end:
                break
            try:
                if {host.name for host in hosts} <= set(self.nodes.ready()):
                    return True
            except ColorwayError:
                pass
            self.sleep(1)
        return False
