"""Whose fault a failed step is: the color's, so that it is undone, or somebody else's, so that it stops. Pure."""

from __future__ import annotations

from dataclasses import replace

from colorway.errors import ColorwayError
from colorway.release.plan.situation import Goal, Phase, Request, Session, Situation
from colorway.release.plan.steps import Action, Apply, AwaitHealthy, Bake, Failure, Smoke, Verify
from colorway.release.ports.git import GitError
from colorway.release.ports.protocols import LockLostError, LostError
from colorway.swarm.connections import NoAnswerError

LONGEST_LINE = 200
"""Characters of a line of evidence."""
MOST_LINES = 24
"""Lines of evidence in a commit."""


class StepFailedError(ColorwayError):
    """A step that failed by what it saw, with its evidence."""

    def __init__(self, reason: str, evidence: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.evidence = evidence


def blame(situation: Situation, request: Request, step: Action, error: ColorwayError) -> Session:
    """Return the session after a step that failed."""
    session, failure = situation.session, failure_of(error)
    is_nobodys = isinstance(error, GitError | LockLostError | LostError | NoAnswerError)
    if is_nobodys or not isinstance(step, Apply | AwaitHealthy | Smoke | Bake | Verify):
        return replace(session, stopped=failure.reason, is_replaced=isinstance(error, LockLostError))
    if session.failure or request.goal is Goal.ROLLBACK:
        if isinstance(step, Apply):
            return replace(session, apply_failures=(*session.apply_failures, failure.reason))
        return replace(session, stopped=failure.reason)
    state = situation.state
    is_ours = state.phase in {Phase.STARTED, Phase.RAMP, Phase.HOT} and state.version == request.version
    if request.goal is Goal.RELEASE and is_ours:
        return replace(session, failure=failure)
    return replace(session, stopped=failure.reason)


def blames_the_color(situation: Situation, session: Session) -> bool:
    """Return whether a failed step ended as the color's fault, so that its logs are worth reading."""
    return session.failure is not None and situation.session.failure is None


def failure_of(error: ColorwayError) -> Failure:
    """Return an error as a reason and its evidence; a message of several lines has its evidence in the later ones."""
    first, *more = str(error).splitlines() or [type(error).__name__]
    told = error.evidence if isinstance(error, StepFailedError) else ()
    return Failure(reason=first.strip(), evidence=trimmed((*told, *more)))


def trimmed(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return lines short and few enough for a commit's message."""
    short = [line.rstrip()[:LONGEST_LINE] for line in lines if line.strip()]
    left_out = len(short) - MOST_LINES
    return (*short[:MOST_LINES], f"({left_out} more lines)") if left_out > 0 else tuple(short)
