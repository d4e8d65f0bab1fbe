"""Who is in a stack's swarm, and as what: the steps from what is to what the file says, and their execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from typing_extensions import override

from colorway.errors import ColorwayError
from colorway.hosts.preflight import Facts
from colorway.spec.hosts import HostSpec, Role
from colorway.swarm.connections import Connection

PORT = 2377
"""Where managers of a swarm talk."""
_MANAGER, _WORKER = "manager", "worker"


class Act(StrEnum):
    """What becomes of a host."""

    INIT = "begins a swarm"
    JOIN = "joins"
    PROMOTE = "becomes a manager"
    DEMOTE = "is no manager any more"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One change of the membership."""

    host: str
    act: Act
    role: str = ""
    """As what it joins: manager or worker."""

    @override
    def __str__(self) -> str:
        return f"{self.host} {self.act}{f' as a {self.role}' if self.role else ''}"


def plan(facts: Sequence[Facts]) -> tuple[Step, ...]:
    """Return what makes the hosts the swarm of the file: managers first, so that there is a quorum for what follows.

    Raises:
        ColorwayError: hosts are in a swarm that none of the file's managers manages.
    """
    wanted = {one.host.name: one.host.has(Role.MANAGER) for one in facts}
    members = [one for one in facts if one.swarm_state in {"active", "pending"}]
    managing = [one for one in members if one.is_manager and wanted[one.host.name]]
    strangers = ", ".join(one.host.name for one in members)
    if members and not managing:
        raise ColorwayError(
            f"{strangers}: in a swarm that no manager of the stack's file manages; name one of its managers "
            "in the file, or take the host out with `docker swarm leave`"
        )
    outside = [one.host.name for one in facts if one not in members]
    steps = []
    if not members:
        first = next(name for name in outside if wanted[name])
        outside.remove(first)
        steps.append(Step(host=first, act=Act.INIT))
    joining = sorted(outside, key=lambda name: not wanted[name])
    steps += [Step(host=name, act=Act.JOIN, role=_MANAGER if wanted[name] else _WORKER) for name in joining]
    steps += [
        Step(host=one.host.name, act=Act.PROMOTE if wanted[one.host.name] else Act.DEMOTE)
        for one in sorted(members, key=lambda one: not wanted[one.host.name])
        if one.is_manager is not wanted[one.host.name]
    ]
    return tuple(steps)


def carry_out(
    steps: Sequence[Step],
    facts: Sequence[Facts],
    *,
    say: Callable[[str], None],
    connect: Callable[[HostSpec], Connection] = Connection,
) -> None:
    """Change the membership step by step; what was done stays done, and the next run goes on from there.

    Tokens go from engine to engine by their API: through no command line, and no file.

    Raises:
        ColorwayError: an engine refuses.
    """
    hosts = {one.host.name: one.host for one in facts}
    nodes = {one.host.name: one.node for one in facts}
    managers = [one.host for one in facts if one.is_manager and one.swarm_state == "active"]
    for step in steps:
        host = hosts[step.host]
        if step.act is Act.INIT:
            connect(host).ask("a new swarm", _beginning(host))
            managers = [host]
        elif step.act is Act.JOIN:
            tokens: dict[str, str] = connect(managers[0]).ask("the tokens of the swarm", _tokens)
            connect(host).ask("joining the swarm", _joining(host, tokens[step.role], managers))
        else:
            role = _MANAGER if step.act is Act.PROMOTE else _WORKER
            connect(managers[0]).ask(f"the role of {host.name}", _changing(nodes[host.name], role))
        say(str(step))


def _beginning(host: HostSpec) -> Callable[[Any], object]:
    address = str(host.address)
    return lambda api: api.init_swarm(advertise_addr=address, listen_addr=f"{address}:{PORT}", data_path_addr=address)


def _tokens(api: Any) -> dict[str, str]:  # noqa: ANN401 - docker-py is untyped here
    found = api.inspect_swarm()["JoinTokens"]
    return {_MANAGER: found["Manager"], _WORKER: found["Worker"]}


def _joining(host: HostSpec, token: str, managers: Sequence[HostSpec]) -> Callable[[Any], object]:
    address = str(host.address)
    return lambda api: api.join_swarm(
        remote_addrs=[f"{manager.address}:{PORT}" for manager in managers],
        join_token=token,
        advertise_addr=address,
        listen_addr=f"{address}:{PORT}",
        data_path_addr=address,
    )


def _changing(node: str, role: str) -> Callable[[Any], object]:
    def change(api: Any) -> object:  # noqa: ANN401 - docker-py is untyped here
        found = api.inspect_node(node)
        return api.update_node(node, found["Version"]["Index"], {**found["Spec"], "Role": role})

    return change
