"""What comes next: pure, from what git, the engine and the swarm say. There is no other memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from colorway.release.plan import commits, endings, undo
from colorway.release.plan.edit import TrafficEdit
from colorway.release.plan.endings import closing, held, stopped
from colorway.release.plan.ramp import forward
from colorway.release.plan.situation import Goal, Phase, Request, Situation
from colorway.release.plan.steps import (
    Action,
    Apply,
    AwaitHealthy,
    BackUp,
    Bake,
    Commit,
    Done,
    Event,
    Failure,
    Freeze,
    Notify,
    PullImages,
    Refuse,
    RestoreFile,
    Step,
    TakeLock,
    Undo,
)
from colorway.release.plan.trailers import FINISH, OFF, ReleaseCommit


def next_step(situation: Situation, request: Request) -> Step:
    """Return what a run does next: an action, or its ending.

    The same situation always gives the same step. A run that was killed is continued by any later one, since
    everything but `situation.session` comes from git and from the running system.

    Args:
        situation: What is known.
        request: What was asked for; not `RESUME`, see `resolve`.
    """
    if situation.session.stopped is not None:
        return stopped(situation)
    if situation.is_untouched and (beginning := _begin(situation, request)):
        return beginning
    if situation.leftover and not situation.did(RestoreFile, ""):
        return RestoreFile(why=f"an edit of {situation.file} was left uncommitted by a run that was killed")
    if situation.session.failure or request.goal is Goal.ROLLBACK:
        return undo.next_step(situation, request)
    return _finish(situation) if request.goal is Goal.FINISH else _release(situation, request)


def resolve(situation: Situation, request: Request) -> Request | Refuse:
    """Return what `RESUME` means now: the request that continues what is under way; any other request as it is."""
    if request.goal is not Goal.RESUME:
        return request
    state, newest = situation.state, situation.log[0] if situation.log else None
    if state.phase is Phase.HOT or state.is_under_way:
        return replace(request, goal=Goal.RELEASE, version=state.version)
    if newest and not situation.is_in_step and newest.step == OFF:
        return replace(request, goal=Goal.RELEASE, version=newest.version)
    if newest and not situation.is_in_step and newest.step == FINISH:
        return replace(request, goal=Goal.FINISH)
    stack = situation.stack
    return Refuse(reason=f"{stack}: no release is under way", cure=f"colorway release VERSION --stack {stack}")


def _begin(situation: Situation, request: Request) -> Step | None:
    """Return what comes before anything is changed: a refusal, the lock, the news that a killed run was undoing."""
    refusal = endings.of_any(situation, request)
    undone = _interrupted_undo(situation)
    if not refusal and not undone:
        match request.goal:
            case Goal.ROLLBACK:
                refusal = endings.of_rollback(situation, request)
            case Goal.FINISH:
                refusal = endings.of_finish(situation)
            case _:
                refusal = endings.of_release(situation, request)
    if refusal:
        return refusal
    if request.goal is Goal.FINISH and situation.state.phase is not Phase.HOT and situation.is_in_step:
        return Done(summary=f"{situation.stack}: nothing to finish, one color is on")
    if not situation.session.locked:
        take_over = request.take_over if situation.holder else None
        return TakeLock(reason=_purpose(situation, request), take_over=take_over)
    if undone and request.goal is not Goal.ROLLBACK:
        return Undo(why=undone)
    return None


def _interrupted_undo(situation: Situation) -> Failure | None:
    """Return why a release that a killed run was undoing is undone further; None = no such thing."""
    state, newest, leftover = situation.state, situation.log[0] if situation.log else None, situation.leftover
    if state.phase is Phase.UNDOING and state.since:
        return Failure(reason=f"the rollback that began at {state.since:%Y-%m-%d %H:%M:%S} UTC was interrupted")
    if newest and newest.step == OFF and not situation.is_applied and not state.is_under_way:
        return Failure(reason=f"the rollback of {newest.version} was interrupted before its last step was applied")
    goes_back = isinstance(leftover, TrafficEdit) and leftover.traffic.of(state.old) == 100  # noqa: PLR2004 - percent
    if goes_back and state.phase in {Phase.RAMP, Phase.HOT} and leftover:
        return Failure(reason="a run was killed just before it committed the rollback; its evidence is lost")
    return None


def _purpose(situation: Situation, request: Request) -> str:
    version = request.version or situation.state.version or ""
    return f"{request.goal.value} {version}".strip()


def _release(situation: Situation, request: Request) -> Step:
    state, version = situation.state, request.version or ""
    if situation.dirty:
        files = ", ".join(situation.dirty)
        return held(
            situation,
            reason=f"{files}: changed while the release was under way; what runs must be what is committed",
            cure=f"commit or restore it, then colorway release {version} --stack {situation.stack}",
        )
    if state.phase is Phase.HOT and state.version != version:
        return _turn_old_off(situation)
    if state.phase in {Phase.QUIET, Phase.PARKED} and _needs_apply(situation):
        return _back_up(situation, f"finish-{state.previous}", situation.due) or Apply()
    is_there = state.phase is Phase.PARKED and state.version == version
    if state.phase in {Phase.QUIET, Phase.PARKED, Phase.STARTED} and (step := _prepare(situation, version)):
        return step
    if state.phase in {Phase.QUIET, Phase.PARKED} and not is_there:
        return commits.start(situation, version)
    return forward(situation, request)


def _needs_apply(situation: Situation) -> bool:
    is_behind = situation.session.commits > 0 or not situation.is_in_step
    return is_behind and not situation.did(Apply)


def _prepare(situation: Situation, version: str) -> Step | None:
    """Return what is done before the first commit; on a run that continues, what is worth doing again."""
    state = situation.state
    if not situation.did(PullImages, version):
        return PullImages(version=version)
    new = situation.new_migrations(version, since=state.previous)
    at_once = tuple(one.id for one in new if one.backward_compatible)
    if state.phase is not Phase.STARTED and (step := _back_up(situation, f"release-{version}", at_once)):
        return step
    if not situation.did(Notify, Event.STARTED.value):
        return Notify(
            event=Event.STARTED,
            key=Event.STARTED.value,
            title=f"{situation.stack}: release of {version} {'continues' if state.step else 'starts'}",
            lines=(f"{state.rising} gets {version}; {state.old} ({state.previous}) serves everybody.",),
        )
    return None


def _back_up(situation: Situation, point: str, migrations: tuple[str, ...]) -> Step | None:
    """Return what is asked of the data stores before migrations, nothing where there is nobody to ask or it was."""
    is_asked = not migrations or not situation.has_backups or situation.did(BackUp, point)
    return None if is_asked else BackUp(point=point, migrations=migrations)


def _turn_old_off(situation: Situation) -> Step:
    state = situation.state
    if not situation.did(AwaitHealthy, state.rising.value):
        return AwaitHealthy(color=state.rising)
    waits = tuple(situation.held)
    return _back_up(situation, f"finish-{state.version}", waits) or commits.finish(situation)


def _finish(situation: Situation) -> Step:
    if situation.state.phase is Phase.HOT:
        return _turn_old_off(situation)
    newest = situation.log[0]
    if not situation.did(Apply):
        return _back_up(situation, f"finish-{newest.version}", situation.due) or Apply()
    return closing(
        situation,
        event=Event.DONE,
        ending=Done(summary=f"{situation.stack}: {newest.previous} is off, {newest.version} is released"),
    )


MOST_STEPS = 400
"""More than any release with 99 stages has."""


def simulate(situation: Situation, request: Request) -> tuple[Step, ...]:
    """Return all steps to the ending, as if each went well.

    Raises:
        RuntimeError: the plan does not come to an end, which is a mistake of ours.
    """
    resolved = resolve(situation, request)
    if isinstance(resolved, Refuse):
        return (resolved,)
    steps: list[Step] = []
    while len(steps) < MOST_STEPS:
        step = next_step(situation, resolved)
        steps.append(step)
        if isinstance(step, Done | Refuse | Freeze):
            return tuple(steps)
        situation = after(situation, step)
    raise RuntimeError(f"the plan of {request} has no end")


def after(situation: Situation, step: Action) -> Situation:
    """Return the situation after a step that went well."""
    changed = _changed(situation, step)
    return replace(changed, session=changed.session.after(step, head=changed.head))


def _changed(situation: Situation, step: Action) -> Situation:
    match step:
        case Commit():
            return _committed(situation, step)
        case Apply():
            live = dict.fromkeys(situation.live, situation.wanted_generation)
            return replace(situation, installed=situation.committed, live=live, waited=situation.held)
        case Bake():
            return replace(situation, now=situation.now + step.time)
        case RestoreFile():
            return replace(situation, leftover=None)
        case _:
            return replace(situation, now=situation.now + timedelta(seconds=1))


def _committed(situation: Situation, step: Commit) -> Situation:
    number, before, trailers = situation.session.commits + 1, situation.committed, step.message.trailers
    commit = ReleaseCommit(
        sha=f"commit-{number}",
        time=situation.now,
        author=situation.user,
        subject=step.message.subject,
        platform=trailers.platform,
        version=trailers.version,
        step=trailers.step,
        previous=trailers.previous,
    )
    committed = (
        before._replace(traffic=step.edit.traffic)
        if isinstance(step.edit, TrafficEdit)
        else before._replace(versions=step.edit.versions)
    )
    return replace(
        situation,
        head=commit.sha,
        text=step.edit.of(situation.text, name=situation.file),
        committed=committed,
        wanted_generation=f"generation-{number}",
        log=(commit, *situation.log),
    )
