"""From bare machines to the swarm that the stack's file names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext

from colorway.config.stack_files import stack_file
from colorway.errors import ColorwayError
from colorway.hosts import membership, preflight, system
from colorway.hosts.fit import misfits
from colorway.hosts.leaving import twins
from colorway.hosts.reach import Reach, over_ssh
from colorway.machine.progress import Progress
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import Connection
from colorway.swarm.nodes import Nodes

Hold = Callable[[], AbstractContextManager[object]]
"""Holds the stack's lock, where there is a swarm that keeps it."""


def check(spec: PlatformSpec, *, reach: Reach = over_ssh) -> list[preflight.Facts]:
    """Return what a stack's hosts say about themselves.

    Raises:
        ColorwayError: one is not what it should be; all of it in one table, and nothing was changed.
    """
    facts, silent = preflight.ask(spec.settings.hosts, stack=spec.stack, reach=reach)
    preflight.refuse([*silent, *_findings(spec, facts)], file=stack_file(spec.stack))
    return facts


def _findings(spec: PlatformSpec, facts: Sequence[preflight.Facts]) -> list[preflight.Finding]:
    return [*preflight.findings(facts, architecture=spec.settings.architecture), *misfits(spec, facts)]


def _check_left(
    spec: PlatformSpec, *, say: Callable[[str], None], reach: Reach, without: Collection[str]
) -> list[preflight.Facts]:
    """Do the same, and go on without hosts that the swarm has lost, too: one that died must not end all work.

    A load balancer's is another matter: half of the users would stay where they are, unless it is fenced.
    """
    facts, silent = preflight.ask(spec.settings.hosts, stack=spec.stack, reach=reach)
    spared = {*without, *(_spared(spec, facts) if silent else ())}
    for one in silent:
        if one.host in spared:
            say(f"{one.host}: is gone ({one.found}); the others go on without it")
    silent = [one for one in silent if one.host not in spared]
    edge = [host.name for host in spec.load_balancers]
    lost = [one.host for one in silent if one.host in edge]
    cure = ""
    if lost and len(lost) < len(edge) and any(one.swarm_state == "active" for one in facts):
        told = " ".join(f"--without {host}" for host in lost)
        cure = f"To go on without a load balancer: colorway up {spec.stack} {told}"
    preflight.refuse([*silent, *_findings(spec, facts)], file=stack_file(spec.stack), cure=cure)
    return facts


def _spared(spec: PlatformSpec, facts: Sequence[preflight.Facts]) -> tuple[str, ...]:
    """Return the hosts that the others can go on without, as a manager that answers knows them."""
    if not any(one.is_manager and one.host == spec.manager for one in facts):
        return ()
    nodes = Nodes(Connection(spec.manager), stack=spec.stack)
    edge = {host.name for host in spec.load_balancers}
    try:
        return (*nodes.fenced(), *(host for host in nodes.down() if host not in edge))
    except ColorwayError:
        return ()


def make_ready(  # noqa: PLR0913 - all but the stack have a name where it is called
    spec: PlatformSpec,
    *,
    progress: Progress,
    say: Callable[[str], None],
    reach: Reach = over_ssh,
    hold: Hold = nullcontext,
    without: Collection[str] = (),
) -> None:
    """Make the hosts of a stack one swarm; does nothing where they are.

    Args:
        spec: The stack.
        progress: Told what is being done.
        say: Told what was done.
        reach: Runs a script on a host.
        hold: Held while hosts are changed that are in a swarm already.
        without: Hosts that need not answer: their load balancers are left out.

    Raises:
        ColorwayError: refused, and nothing was changed; or a host does not do it, and the next run goes on.
    """
    progress("Asking the hosts what they are")
    facts = _check_left(spec, say=say, reach=reach, without=without)
    pending = [one for one in facts if not (one.docker_version and system.wanted(spec, one.host).holds(one))]
    if pending:
        progress(f"Setting up {', '.join(one.host.name for one in pending)}")
        with hold() if any(one.is_manager for one in facts) else nullcontext():
            system.set_up(spec, facts, pending=pending, say=say, reach=reach)
        facts = _check_left(spec, say=say, reach=reach, without=without)
    steps = membership.plan(facts)
    if steps:
        progress("Making the hosts one swarm")
        _forget_twins(spec, facts, say=say)
        membership.carry_out(steps, facts, say=say)


def _forget_twins(spec: PlatformSpec, facts: Sequence[preflight.Facts], *, say: Callable[[str], None]) -> None:
    """Forget what hosts were before they were installed anew; they join then with the majority that there was.

    Raises:
        ColorwayError: the managers do not let one go.
    """
    if not any(one.is_manager and one.host == spec.manager for one in facts):
        return
    nodes = Nodes(Connection(spec.manager), stack=spec.stack)
    # Their own word: an engine that says nothing may still be the node that it was.
    here = {one.host.name: one.node for one in facts if one.swarm_state in {"inactive", "active"}}
    for node in twins(nodes.all(), here):
        nodes.forget(node)
        say(f"{node.name} was installed anew; the swarm has forgotten what it was")
