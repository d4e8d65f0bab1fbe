"""How runs end: exit code, notice and state say the same."""

from __future__ import annotations

from colorway.release.situation import Situation
from colorway.release.state import Phase
from colorway.release.steps import Done, Event, Freeze, Notify, Refuse, Step


def closing(situation: Situation, *, event: Event, ending: Done | Freeze, lines: tuple[str, ...] = ()) -> Step:
    """Return an ending, and before it the notice about it."""
    if situation.did(Notify, event.value):
        return ending
    if isinstance(ending, Freeze):
        return Notify(event=event, key=event.value, title=ending.reason, lines=(*lines, f"helps: {ending.cure}"))
    return Notify(event=event, key=event.value, title=ending.summary, lines=(*lines, *ending.remarks))


def held(situation: Situation, *, reason: str, cure: str, lines: tuple[str, ...] = ()) -> Step:
    """Return the ending of a release that stands where it is."""
    return closing(situation, event=Event.HELD, ending=Freeze(reason=reason, cure=cure), lines=lines)


def stopped(situation: Situation) -> Step:
    """Return the ending after something that is not the color's fault: git, the lock, a connection."""
    state, stack = situation.state, situation.stack
    reason = situation.session.stopped or ""
    if situation.session.is_replaced:
        return Freeze(reason=reason, cure=f"colorway status {stack}")
    is_quiet = not state.is_under_way and not situation.session.commits
    if is_quiet or not situation.session.locked:
        return Refuse(reason=reason, cure="repair that and run the command again")
    if state.phase is Phase.UNDOING or situation.session.failure:
        return held(
            situation,
            reason=f"{stack}: the release of {state.version} is only partly undone: {reason}",
            cure=f"repair that, then colorway rollback --stack {stack}",
            lines=(situation.session.failure.reason,) if situation.session.failure else (),
        )
    if state.phase in {Phase.QUIET, Phase.PARKED}:
        return held(situation, reason=reason, cure=f"repair that, then colorway up {stack}")
    return held(
        situation,
        reason=f"{stack}: the release of {state.version} stands at {state.percent} %: {reason}",
        cure=f"colorway release {state.version} --stack {stack} continues it, "
        f"colorway rollback --stack {stack} undoes it",
    )
