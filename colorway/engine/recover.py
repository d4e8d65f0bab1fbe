"""What is done before every `up` and `down`, because the last one may have been killed at any moment.

Pure: it decides from facts. `operations` gathers the facts and carries the decision out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from colorway.engine.state import COMMAND_TYPES, DOCKER_TYPES, Deployed, Pending
from colorway.errors import ColorwayError
from colorway.swarm.services import SwarmObject

_GENERATION = re.compile(r"^# colorway generation (\w+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What has to happen before an `up` or a `down` can be trusted."""

    refresh: tuple[str, ...] = ()
    """URNs that the swarm is asked about: those that were being changed, and no other. The stack's own URN alone asks
    about nothing, and has the engine forget the creates that it had begun."""
    replace: tuple[str, ...] = ()
    """URNs of scripts that must run again although their inputs did not change."""
    remove: tuple[SwarmObject, ...] = ()
    """What a killed run made and did not live to write down; making it again would clash with it."""
    reasons: tuple[str, ...] = ()
    """One sentence each, for the operator."""


def plan_recovery(
    deployed: Deployed,
    *,
    stack: str,
    live: Mapping[str, str | None],
    running: Iterable[SwarmObject] = (),
    stopped: Iterable[str] = (),
) -> Recovery:
    """Decide what has to be mended. Nothing that was not being changed is touched, or asked about.

    Args:
        deployed: The stack's state.
        stack: Name of the stack.
        live: The generation that each load balancer serves, by the URN of its apply; None = no answer. One that is
            fenced is left out.
        running: Named objects in the swarm that carry the stack's label.
        stopped: Services that should have tasks, and are told to have none: members of a data store, by a restore.

    Raises:
        ColorwayError: the swarm runs something of this stack that neither this state nor the run that was killed on
            it has made.
    """
    reasons: list[str] = []
    pending = [operation for operation in deployed.pending if operation.urn]
    if pending:
        what = ", ".join(sorted({operation.urn.rsplit("::", 1)[-1] for operation in pending}))
        reasons.append(f"the last run was interrupted while it worked on {what}; the swarm is asked what it has")
    begun = {operation.name for operation in pending if operation.is_create}
    unknown = sorted(set(running) - deployed.swarm_objects)
    foreign = [made for made in unknown if made.name not in begun]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise ColorwayError(
            f"{stack}: the swarm runs {foreign[0].name}{more} of this stack, and this checkout's state knows nothing "
            f"of it; work from the checkout that made it, or remove all of it with `colorway down {stack} --orphans`"
        )
    reasons += [
        f"the last run made the {made.kind} {made.name} and could not note it; it is made anew" for made in unknown
    ]
    replace = [operation.urn for operation in pending if _is_script(operation) and operation.urn in deployed.urns]
    for urn, text in deployed.applied_generations.items():
        wanted = generation_of(text)
        if wanted and urn in live and live[urn] != wanted:
            replace.append(urn)
            reasons.append(
                f"{host_of_apply(urn)} serves {live[urn] or 'nothing known'} and not {wanted} of the last "
                "finished run; the configured one is applied again"
            )
    ended = {name: urn for name, urn in deployed.services.items() if name in set(stopped)}
    if ended:
        reasons.append(f"{', '.join(sorted(ended))} was told to stop; it begins as the stack's files say")
    return Recovery(
        refresh=tuple(sorted({*_asked_about(deployed, pending), *ended.values()})),
        replace=tuple(dict.fromkeys(replace)),
        reasons=tuple(reasons),
        remove=tuple(unknown),
    )


def _asked_about(deployed: Deployed, pending: Sequence[Pending]) -> tuple[str, ...]:
    urns = {operation.urn for operation in pending if operation.type.startswith(DOCKER_TYPES)} & deployed.urns
    if not urns and pending and deployed.stack_urn:
        urns = {deployed.stack_urn}
    return tuple(sorted(urns))


def _is_script(operation: Pending) -> bool:
    # Killed half-way it may have done its work, which the state does not say: an old value would count as unchanged.
    return operation.type.startswith(COMMAND_TYPES)


def generation_of(text: str) -> str | None:
    """Return the generation that a text of nginx names."""
    found = _GENERATION.search(text)
    return found.group(1) if found else None


def host_of_apply(urn: str) -> str:
    """Return the host whose load balancer an apply of `Routing` works on."""
    return urn.rsplit("::", 1)[-1].removeprefix("routing-apply-").removesuffix("-run")
