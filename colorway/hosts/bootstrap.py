"""From bare machines to the swarm that the stack's file names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from colorway.config.stack_files import stack_file
from colorway.errors import ColorwayError
from colorway.hosts import membership, preflight
from colorway.hosts.leaving import twins
from colorway.hosts.reach import Reach, everywhere, over_ssh
from colorway.machine.progress import Progress
from colorway.render.templates import host_script
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import Connection
from colorway.swarm.nodes import Nodes

_INSTALL = 900
"""Seconds for packages and the engine's start."""


def check(spec: PlatformSpec, *, reach: Reach = over_ssh) -> list[preflight.Facts]:
    """Return what a stack's hosts say about themselves.

    Raises:
        ColorwayError: one is not what it should be; all of it in one table, and nothing was changed.
    """
    facts, silent = preflight.ask(spec.settings.hosts, reach=reach)
    preflight.refuse([*silent, *preflight.findings(facts)], file=stack_file(spec.stack))
    return facts


def _check_left(
    spec: PlatformSpec, *, say: Callable[[str], None], reach: Reach, without: Collection[str]
) -> list[preflight.Facts]:
    """Do the same, and go on without hosts that the swarm has lost, too: one that died must not end all work.

    A load balancer's is another matter: half of the users would stay where they are, unless it is fenced.
    """
    facts, silent = preflight.ask(spec.settings.hosts, reach=reach)
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
    preflight.refuse([*silent, *preflight.findings(facts)], file=stack_file(spec.stack), cure=cure)
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


def make_ready(
    spec: PlatformSpec,
    *,
    progress: Progress,
    say: Callable[[str], None],
    reach: Reach = over_ssh,
    without: Collection[str] = (),
) -> None:
    """Make the hosts of a stack one swarm; does nothing where they are.

    Args:
        spec: The stack.
        progress: Told what is being done.
        say: Told what was done.
        reach: Runs a script on a host.
        without: Hosts that need not answer: their load balancers are left out.

    Raises:
        ColorwayError: refused, and nothing was changed; or a host does not do it, and the next run goes on.
    """
    progress("Asking the hosts what they are")
    facts = _check_left(spec, say=say, reach=reach, without=without)
    silent = [one.host for one in facts if not one.docker_version]
    if silent:
        progress(f"Starting Docker on {', '.join(host.name for host in silent)}")
        _start_docker(spec, silent, say=say, reach=reach)
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


def _start_docker(spec: PlatformSpec, silent: Sequence[HostSpec], *, say: Callable[[str], None], reach: Reach) -> None:
    """Install and start Docker on hosts, on all at once.

    Raises:
        ColorwayError: names each host that has none now, with its last words; on the others it runs.
    """
    text = host_script("docker-engine")
    answers = everywhere(silent, lambda host: reach(host, text, limit=_INSTALL))
    for name, said in answers.items():
        if said.code == 0:
            say(f"{name}: {', '.join(said.output.splitlines()) or 'Docker runs'}")
    failed = [f"{name}: {said.last_words}" for name, said in answers.items() if said.code]
    if failed:
        told = "\n".join(failed)
        raise ColorwayError(f"{stack_file(spec.stack)}: Docker does not run everywhere\n{told}")
