"""The way back: traffic first, in its own commit; then the version goes off."""

from __future__ import annotations

from colorway.release.plan import commits, endings
from colorway.release.plan.endings import closing, held
from colorway.release.plan.situation import Goal, Phase, Request, Situation
from colorway.release.plan.steps import Apply, Done, Event, ExitCode, Failure, Notify, Step

TRIES = 2
"""How often HEAD is applied on the way back before a person is asked."""


def next_step(situation: Situation, request: Request) -> Step:
    """Return the next step of a release that is undone, because it failed or because somebody asked."""
    state = situation.state
    why = situation.session.failure or _asked(situation, request)
    if state.phase in {Phase.QUIET, Phase.PARKED}:
        return _last(situation, request, why)
    if state.phase in {Phase.RAMP, Phase.HOT}:
        return _take_back(situation, request, why)
    if step := _bring_back(situation, request, why):
        return step
    if situation.session.failure and not situation.did(Notify, Event.FAILED.value):
        return _failed(situation, why)
    return commits.off(situation, why=why)


def _asked(situation: Situation, request: Request) -> Failure:
    schema = f", although a migration is not backward compatible: {request.accept_schema}"
    return Failure(reason=f"{situation.user} asked for it{schema if request.accept_schema else ''}")


def _take_back(situation: Situation, request: Request, why: Failure) -> Step:
    """Return the commit that takes traffic back, unless the old version could be worse."""
    state, stack = situation.state, situation.stack
    told = (f"{state.version} failed: {why.reason}", *why.evidence)
    if situation.one_way_migrations and not request.accept_schema:
        return held(
            situation,
            reason=f"{stack}: {why.reason}; not rolled back: {endings.one_way_sentence(situation)}",
            cure=f"repair forward, or colorway rollback --stack {stack} --accept-schema REASON "
            f"if it has not run or {state.previous} works with it",
            lines=told,
        )
    if reason := endings.cold(situation):
        return held(
            situation,
            reason=f"{stack}: {why.reason}; not rolled back: {reason}",
            cure=f"colorway up {stack} brings it back; then colorway rollback --stack {stack}",
            lines=told,
        )
    return commits.rollback(situation, why=why)


def _bring_back(situation: Situation, request: Request, why: Failure) -> Step | None:
    """Return what makes HEAD's shares live, nothing once they are; a color is only turned off without users."""
    has_users = situation.installed is not None and situation.installed.traffic.of(situation.state.rising) > 0
    if situation.did(Apply) or not (situation.state.phase is Phase.UNDOING or has_users):
        return None
    tries = situation.session.apply_failures
    if not tries or (situation.strays and len(tries) < TRIES):
        return Apply(continue_on_error=True)
    if situation.strays:
        return _not_back(situation)
    return _undone(situation, request, why, remarks=_still_on(situation)) if has_users else None


def _failed(situation: Situation, why: Failure) -> Step:
    state = situation.state
    title = f"{situation.stack}: the release of {state.version} failed: {why.reason}"
    back = f"{state.old} ({state.previous}) has all traffic; {state.rising} is turned off next."
    return Notify(event=Event.FAILED, key=Event.FAILED.value, title=title, lines=(*why.evidence, back))


def _last(situation: Situation, request: Request, why: Failure) -> Step:
    """Return what follows the commit that turned the color off."""
    is_behind = situation.session.commits > 0 or not situation.is_in_step
    if is_behind and not situation.did(Apply):
        if len(situation.session.apply_failures) < TRIES:
            return Apply(continue_on_error=True)
        cure = f"colorway up {situation.stack} finishes it"
        remarks = (f"not everything could be applied: {situation.session.apply_failures[-1]}; {cure}",)
        return _undone(situation, request, why, remarks=remarks)
    if not is_behind and not situation.session.commits and not situation.did(Apply):
        return Done(summary=f"{situation.stack}: nothing was released; the uncommitted edit is undone")
    return _undone(situation, request, why)


def _undone(situation: Situation, request: Request, why: Failure, remarks: tuple[str, ...] = ()) -> Step:
    newest, traffic = situation.log[0], situation.committed.traffic
    summary = (
        f"{situation.stack}: {newest.version} is rolled back, {traffic.active} ({newest.previous}) has all traffic; "
        f"why: {why.reason}"
    )
    code = ExitCode.ROLLED_BACK
    if request.goal is Goal.ROLLBACK:
        code = ExitCode.FENCED if situation.fenced else ExitCode.DONE
    remarks = (*remarks, *endings.fenced_remarks(situation))
    return closing(situation, event=Event.ROLLED_BACK, ending=Done(summary=summary, code=code, remarks=remarks))


def _not_back(situation: Situation) -> Step:
    stack, (host, live) = situation.stack, next(iter(situation.strays.items()))
    reason = (
        f"{stack}: the rollback is committed, but load balancer {host} serves generation {live or 'unknown'}: "
        f"{situation.session.apply_failures[-1]}"
    )
    return held(situation, reason=reason, cure=f"colorway up {stack}, then colorway rollback --stack {stack}")


def _still_on(situation: Situation) -> tuple[str, ...]:
    state, stack = situation.state, situation.stack
    why = situation.session.apply_failures[-1]
    cure = f"colorway up {stack}, then colorway rollback --stack {stack}"
    return (f"{state.rising} ({state.version}) is still on: {why}; {cure}",)
