"""From bare machines to the swarm that the stack's file names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from colorway.config.stack_files import stack_file
from colorway.errors import ColorwayError
from colorway.hosts import membership, preflight
from colorway.hosts.reach import Reach, everywhere, over_ssh
from colorway.machine.progress import Progress
from colorway.render.templates import host_script
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.services import Swarm

_INSTALL = 900
"""Seconds for packages and the engine's start."""


def check(spec: PlatformSpec, *, reach: Reach = over_ssh) -> list[preflight.Facts]:
    """Return what a stack's hosts say about themselves.

    Raises:
        ColorwayError: one is not what it should be; all of it in one table, and nothing was changed.
    """
    facts, silent = preflight.ask(spec.settings.hosts, reach=reach)
    fenced = _fenced(spec, facts) if silent else ()
    silent = [one for one in silent if one.host not in fenced]
    preflight.refuse([*silent, *preflight.findings(facts)], file=stack_file(spec.stack))
    return facts


def _fenced(spec: PlatformSpec, facts: Sequence[preflight.Facts]) -> tuple[str, ...]:
    """Return the hosts of fenced load balancers, which the others go on without; asked of a manager that answers."""
    managers = [one.host for one in facts if one.is_manager and one.host.name == spec.manager.name]
    try:
        return Swarm(managers[0]).fenced(spec) if managers else ()
    except ColorwayError:
        return ()


def make_ready(spec: PlatformSpec, *, progress: Progress, say: Callable[[str], None], reach: Reach = over_ssh) -> None:
    """Make the hosts of a stack one swarm; does nothing where they are.

    Raises:
        ColorwayError: refused, and nothing was changed; or a host does not do it, and the next run goes on.
    """
    progress("Asking the hosts what they are")
    facts = check(spec, reach=reach)
    silent = [one.host for one in facts if not one.docker_version]
    if silent:
        progress(f"Starting Docker on {', '.join(host.name for host in silent)}")
        _start_docker(spec, silent, say=say, reach=reach)
        facts = check(spec, reach=reach)
    steps = membership.plan(facts)
    if steps:
        progress("Making the hosts one swarm")
        membership.carry_out(steps, facts, say=say)


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
