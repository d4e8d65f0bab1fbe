"""What people are told of maintenance: since when a place is closed, and the link that leads past the page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from colorway.errors import ColorwayError
from colorway.release.plan.line import MAINTENANCE, said_of
from colorway.release.ports.git import Git
from colorway.release.ports.protocols import EnginePort
from colorway.render.maintenance import LINK_PATH
from colorway.spec.platform_spec import PlatformSpec


def closed_since(git: Git, file: str) -> dict[str, datetime]:
    """Return the places that a stack's file closes, each with the time of the commit that closed it.

    Commits that only change what visitors read, or that close others, do not count.

    Args:
        git: The project's repository.
        file: The stack's file, below the project.

    Raises:
        GitError: the file is not committed.
    """
    closed = said_of(git.text_at_head(file), MAINTENANCE)
    return _since(closed, git.edits(file, MAINTENANCE), lambda sha: git.text_at(sha, file))


def _since(
    closed: dict[str, str], edits: tuple[tuple[str, datetime], ...], text_at: Callable[[str], str]
) -> dict[str, datetime]:
    """Return the places with the time of the oldest commit since which each is closed without a break.

    Args:
        closed: What is closed now.
        edits: The commits that changed the line, newest first.
        text_at: Returns the file as a commit has it.
    """
    found: dict[str, datetime] = {}
    still = set(closed)
    for sha, time in edits:
        still &= said_of(text_at(sha), MAINTENANCE).keys()
        if not still:
            break
        found |= dict.fromkeys(still, time)
    return {place: found[place] for place in closed if place in found}


def links(spec: PlatformSpec, *, engine: EnginePort) -> list[str]:
    """Return the link past the page under each domain of a stack, the stack's own first.

    Raises:
        ColorwayError: the platform has no such link, or the stack has no secret for it yet.
    """
    if spec.platform.edge.maintenance_secret is None:
        raise ColorwayError(
            f"platforms/{spec.settings.platform}.yaml: edge.maintenance-secret names no secret, so that there is no "
            "link past the page; write it with a secret of `secrets`"
        )
    secret, suffix = engine.maintenance_secret(), spec.platform.edge.https_suffix
    # On this machine nobody gave the names an address.
    names = [str(spec.load_balancers[0].address)] if spec.is_local else list(spec.settings.domains.values())
    return [f"https://{name}{suffix}{LINK_PATH}/{secret}" for name in names]
