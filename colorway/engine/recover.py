"""What is done before every `up`, because the last one may have been killed at any moment.

Pure: it decides from facts. `operations` gathers the facts and carries the decision out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from colorway.engine.state import Deployed
from colorway.errors import ColorwayError
from colorway.swarm.services import SwarmObject

_GENERATION = re.compile(r"^# colorway generation (\w+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What has to happen before an `up` can be trusted."""

    refresh: bool
    """Whether the swarm has to be asked what it has: operations were left unfinished, or a delete failed."""
    replace: tuple[str, ...]
    """URNs of scripts that must run again although their inputs did not change."""
    reasons: tuple[str, ...]
    """One sentence each, for the operator."""
    remove: tuple[SwarmObject, ...] = ()
    """What a killed run made and did not live to write down; making it again would clash with it."""

    @property
    def is_needed(self) -> bool:
        """Whether anything has to happen."""
        return self.refresh or bool(self.replace) or bool(self.remove)


def plan_recovery(
    deployed: Deployed, *, stack: str, live: Mapping[str, str | None], running: Iterable[SwarmObject] = ()
) -> Recovery:
    """Decide what has to be mended.

    Args:
        deployed: The stack's state.
        stack: Name of the stack.
        live: The generation that each load balancer serves, by the URN of its apply; None = no answer.
        running: Named objects in the swarm that carry the stack's label.

    Raises:
        ColorwayError: the swarm runs this stack, and this state knows nothing of it.
    """
    reasons: list[str] = []
    pending = [urn for urn in deployed.pending if urn]
    if pending:
        what = ", ".join(sorted(urn.rsplit("::", 1)[-1] for urn in pending))
        reasons.append(f"the last run was interrupted while it worked on {what}; the swarm is asked what it has")
    unknown = tuple(sorted(set(running) - deployed.swarm_objects))
    if unknown and deployed.is_empty and not pending:
        raise ColorwayError(
            f"the swarm already runs this stack ({unknown[0].name} and {len(unknown) - 1} more), and this checkout's "
            "state knows nothing of it; work from the checkout that made it, or remove it with "
            f"`colorway down {stack} --orphans`"
        )
    reasons += [
        f"the last run made the {made.kind} {made.name} and could not note it; it is made anew" for made in unknown
    ]
    replace = []
    for urn, text in deployed.applied_generations.items():
        wanted = generation_of(text)
        if wanted and live.get(urn) != wanted:
            replace.append(urn)
            reasons.append(
                f"{host_of_apply(urn)} serves {live.get(urn) or 'nothing known'} and not {wanted} of the last "
                "finished run; the configured one is applied again"
            )
    return Recovery(refresh=bool(pending), replace=tuple(replace), reasons=tuple(reasons), remove=unknown)


def generation_of(text: str) -> str | None:
    """Return the generation that a text of nginx names."""
    found = _GENERATION.search(text)
    return found.group(1) if found else None


def host_of_apply(urn: str) -> str:
    """Return the host whose load balancer an apply of `Routing` works on."""
    return urn.rsplit("::", 1)[-1].removeprefix("routing-apply-").removesuffix("-run")
