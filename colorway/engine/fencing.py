"""The way back is never blocked: a load balancer that cannot be told to go back is fenced, and let in again later."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from colorway.engine.recover import generation_of
from colorway.engine.state import COMMAND_TYPES, Deployed
from colorway.errors import ColorwayError
from colorway.hosts.reach import Reach, Said, everywhere, over_ssh
from colorway.render.certificates import certify, certify_arguments
from colorway.render.nginx import INSIDE, STATUS_PORT
from colorway.render.templates import host_script, script
from colorway.spec import names
from colorway.spec.base import hint
from colorway.spec.fields import whole_seconds
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.nodes import Nodes
from colorway.swarm.services import Swarm

_PATIENCE = 3
"""Seconds until a host is asked a second time; being wrong would cost one more load balancer."""
_ANSWER = 15
"""Seconds for its answer; the way back has a minute in all."""
_LET_IN = 180
"""Seconds for the script that gives a load balancer its text."""
_HEALTHY_WITHIN = 60
"""Seconds until a load balancer that was let in serves."""
_CRON = "colorway:web:CronLoop$"
"""Part of the URN of what makes a cron's directory on its host; it may run again at any time."""
_PAUSE = 0.5
"""Seconds between two looks."""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A load balancer that cannot be told what to serve."""

    host: str
    why: str


def resources_of(hosts: Sequence[str], deployed: Deployed) -> frozenset[str]:
    """Return the URNs of what an `up` would do on load balancers' hosts, to leave it out.

    That is whatever is within the components of their load balancers and of their steps of `Routing`.
    """
    within = {
        name
        for host in hosts
        for name in (names.load_balancer(host), names.mtail(host), f"routing-check-{host}", f"routing-apply-{host}")
    }
    # Beside its service and not within it, and what that service still uses could not be deleted.
    within |= {f"{names.mtail(host)}-program" for host in hosts}
    parents = {str(one["urn"]): str(one.get("parent") or "") for one in deployed.resources}

    def is_within(urn: str) -> bool:
        return bool(urn) and (urn.rpartition("::")[2] in within or is_within(parents.get(urn, "")))

    return frozenset(urn for urn in parents if is_within(urn))


def to_run_again(hosts: Collection[str], deployed: Deployed) -> frozenset[str]:
    """Return the URNs of the scripts whose work is not on hosts that were installed anew, whatever the state says."""
    within = resources_of(sorted(hosts), deployed)
    return frozenset(
        urn
        for resource in deployed.resources
        if hosts and resource.get("custom") and str(resource.get("type")).startswith(COMMAND_TYPES)
        if (urn := str(resource["urn"])) in within or _CRON in urn
    )


@dataclass(frozen=True, kw_only=True)
class Edge:
    """The load balancers of a stack on several hosts."""

    spec: PlatformSpec
    swarm: Swarm
    """A manager's."""
    say: Callable[[str], None]
    reach: Reach = over_ssh
    ask: Callable[[HostSpec], Swarm] = Swarm
    sleep: Callable[[float], None] = time.sleep

    @property
    def _nodes(self) -> Nodes:
        return Nodes(self.swarm.client(), stack=self.spec.stack)

    @property
    def _remote(self) -> list[HostSpec]:
        return [host for host in self.spec.load_balancers if not host.is_local]

    def fenced(self) -> tuple[str, ...]:
        """Return the hosts whose load balancer is fenced.

        Raises:
            NoAnswerError: the manager does not answer.
        """
        return self.swarm.fenced(self.spec)

    def fence_lost(self) -> tuple[str, ...]:
        """Fence what cannot be told to go back; at least one load balancer is left.

        Returns:
            A sentence for each that is fenced now.

        Raises:
            NoAnswerError: the manager does not answer.
        """
        gone = self.lost()
        if len(gone) + len(self.fenced()) == len(self.spec.load_balancers):
            return ()
        return tuple(self._fence(one.host, f"cannot be told to go back ({one.why}), so it is fenced") for one in gone)

    def lost(self) -> tuple[Lost, ...]:
        """Return the load balancers, none that is fenced, that cannot be told what to serve; this machine's can."""
        fenced = self.fenced()
        return self._lost([host for host in self._remote if host.name not in fenced])

    def _lost(self, asked: Sequence[HostSpec]) -> tuple[Lost, ...]:
        answers: Mapping[str, Said] = everywhere(asked, self._asked_twice) if asked else {}
        return tuple(Lost(host=name, why=said.last_words) for name, said in answers.items() if said.code)

    def _asked_twice(self, host: HostSpec) -> Said:
        """Return what a host says, of two questions the better; the second does not wait until the first has failed."""
        probe = host_script("edge-probe")

        def ask() -> Said:
            return self.reach(host, probe, self.spec.edge_directory, limit=_ANSWER)

        with ThreadPoolExecutor(max_workers=2) as beside:
            first = beside.submit(ask)
            with suppress(TimeoutError):
                if first.result(_PATIENCE).code == 0:
                    return first.result()
            second = beside.submit(ask)
            return first.result() if first.result().code == 0 else second.result()

    def without(self, hosts: Collection[str]) -> tuple[str, ...]:
        """Fence load balancers that somebody names.

        Returns:
            A sentence for each that is fenced now.

        Raises:
            ColorwayError: one is no load balancer on another host, or none would be left.
            NoAnswerError: the manager does not answer.
        """
        self.refuse_without(hosts)
        before = self.fenced() if hosts else ()
        if hosts and not {host.name for host in self.spec.load_balancers} - set(before) - set(hosts):
            raise ColorwayError(f"{self.spec.stack}: no load balancer would be left without {', '.join(hosts)}")
        return tuple(self._fence(host, "is fenced, as asked for") for host in hosts if host not in before)

    def refuse_without(self, hosts: Collection[str]) -> None:
        """Refuse names of hosts that have no load balancer; asks nobody.

        Raises:
            ColorwayError: there is one.
        """
        known = [host.name for host in self._remote]
        for host in hosts:
            if host not in known:
                raise ColorwayError(
                    f"{self.spec.stack}: {host} is no load balancer that the others could go on without; "
                    f"{hint(host, known)}"
                )

    def _fence(self, host: str, why: str) -> str:
        self._nodes.fence(host)
        address = next(one.address for one in self._remote if one.name == host)
        told = (
            f"Load balancer {host} ({address}) {why}: the swarm keeps it from serving. Where it is cut off from the "
            f"swarm, too, and still has users, take {address} out of DNS."
        )
        self.say(told)
        return told

    def let_in(self, *, without: Collection[str] = ()) -> tuple[str, ...]:
        """Let those in again that can be told what the others serve; return those that stay fenced.

        Args:
            without: Hosts that are left out even where they can be told.

        Raises:
            ColorwayError: one can be reached and does not serve what it was given; it is fenced again.
        """
        fenced = self.fenced()
        if not fenced:
            return ()
        back = [host for host in self._remote if host.name in fenced and host.name not in without]
        gone = {one.host: one.why for one in self._lost(back)}
        text = self._served([host for host in self.spec.load_balancers if host.name not in fenced])
        if text is None:
            gone |= dict.fromkeys((host.name for host in back), "nobody says what the others serve")
        for host in back:
            if host.name not in gone and text is not None:
                self._let_in(host, text)
        for name, why in gone.items():
            self.say(f"load balancer {name} stays fenced ({why}); the others are told without it")
        return (*gone, *(host for host in fenced if host in without))

    def serves(self, *, without: Collection[str] = ()) -> Mapping[str, str | None]:
        """Return the generation of each load balancer, as far as each can be asked; empty where there is only one."""
        there = [host for host in self._remote if host.name not in without]
        if len(there) < 2:  # noqa: PLR2004 - it is in step with itself
            return {}
        return everywhere(there, lambda host: _live(self.ask(host), self._service(host)))

    def step_back(self, before: Mapping[str, str | None]) -> tuple[str, ...]:
        """Take back what only some load balancers serve, after an `up` that failed on its way.

        Args:
            before: What they served before it; nothing is done where that was not the same.

        Returns:
            A sentence for each that was to go back.
        """
        old, *others = set(before.values()) or {None}
        if old is None or others:
            return ()
        without = {host.name for host in self._remote} - set(before)
        now = self.serves(without=without)
        if None in now.values():
            # A slow answer must not take those back that are in step.
            self.sleep(_PAUSE)
            now = self.serves(without=without)
        ahead = [host for host in self._remote if now.get(host.name) not in {None, old}]
        behind = ", ".join(name for name, live in now.items() if live in {None, old})
        return tuple(self._take_back(host, old, behind=behind) for host in ahead) if behind else ()

    def _take_back(self, host: HostSpec, generation: str, *, behind: str) -> str:
        failed = f"load balancer {host.name} could not be taken back to generation {generation}"
        try:
            text = self.ask(host).file_of(self._service(host), f"{INSIDE}/generations/{generation}/nginx.conf")
        except ColorwayError as error:
            return f"{failed}: {error}"
        said = self.reach(
            host,
            script("routing-apply"),
            self.spec.edge_directory,
            self._service(host),
            str(STATUS_PORT),
            str(whole_seconds(self.spec.drain)),
            given=text,
            limit=_LET_IN,
        )
        if said.code:
            return f"{failed}: {said.last_words}"
        return f"load balancer {host.name} serves generation {generation} again: {behind} could not be told the new one"

    def _service(self, host: HostSpec) -> str:
        return names.service(self.spec.stack, names.load_balancer(host.name))

    def _let_in(self, host: HostSpec, text: str) -> None:
        stack, service = self.spec.stack, self._service(host)
        image = self.swarm.client().ask(f"the image of {service}", lambda api: api.inspect_service(service))
        said = self.reach(
            host,
            host_script("readmit"),
            self.spec.edge_directory,
            service,
            str(image["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]),
            certify(),
            *certify_arguments(self.spec),
            given=text,
            limit=_LET_IN,
        )
        if said.code:
            raise ColorwayError(
                f"{stack}: load balancer {host.name} is fenced and cannot be let in again: {said.last_words}; repair "
                f"that, then `colorway up {stack}`"
            )
        self._nodes.unfence(host.name)
        self._await(host, service, wanted=generation_of(text))
        self.say(f"load balancer {host.name} is let in again; it serves what the others serve")

    def _served(self, others: Sequence[HostSpec]) -> str | None:
        """Return the text that other load balancers serve, of the first that says it; None where none does."""
        for host in others:
            with suppress(ColorwayError):
                return self.ask(host).file_of(self._service(host), f"{INSIDE}/current/nginx.conf")
        return None

    def _await(self, host: HostSpec, service: str, *, wanted: str | None) -> None:
        swarm, deadline = self.ask(host), time.monotonic() + _HEALTHY_WITHIN
        while (live := _live(swarm, service)) != wanted:
            if time.monotonic() >= deadline:
                self._nodes.fence(host.name)
                stack = self.spec.stack
                raise ColorwayError(
                    f"{stack}: load balancer {host.name} was let in and serves generation {live or 'unknown'} and not "
                    f"{wanted}, so it is fenced again; `docker service ps --no-trunc {service}` says why"
                )
            self.sleep(_PAUSE)


def _live(swarm: Swarm, service: str) -> str | None:
    try:
        return swarm.live_generation(service)
    except ColorwayError:
        return None
