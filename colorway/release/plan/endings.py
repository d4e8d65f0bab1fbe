"""Why a command is refused before anything is changed: each reason with its cure."""

from __future__ import annotations

import difflib
from datetime import timedelta

from colorway.release.plan.edit import Edit, TrafficEdit, why_not
from colorway.release.plan.facts import dead
from colorway.release.plan.situation import Phase, Request, Situation
from colorway.release.plan.steps import Done, Event, Freeze, Notify, Refuse, RestoreFile, Step
from colorway.release.plan.trailers import FINISH, OFF, ReleaseCommit
from colorway.spec.fields import go_duration
from colorway.spec.traffic import Color


def of_any(situation: Situation, request: Request) -> Refuse | None:
    """Return why nothing at all can be done now."""
    stack = situation.stack
    if situation.installed is None:
        return Refuse(
            reason=f"{stack}: nothing is installed; the first install takes versions and traffic together",
            cure=f"colorway up {stack}",
        )
    if situation.holder and not request.take_over:
        return Refuse(
            reason=f"{stack}: {situation.holder.sentence()}",
            cure="wait for it, or add --take-over REASON, which stops that run at its next step",
        )
    strange = situation.leftover is not None and not is_ours(situation, situation.leftover)
    if situation.dirty or strange:
        files = ", ".join([*situation.dirty, *([situation.file] if strange else [])])
        return Refuse(
            reason=f"{files}: differs from HEAD; a release is made of what is committed",
            cure="commit it, or git restore it",
        )
    if not situation.session.locked and (reason := why_not(situation.text, name=situation.file)):
        return Refuse(reason=reason, cure="commit it in that form")
    return None


def of_release(situation: Situation, request: Request) -> Refuse | None:
    """Return why a version cannot be released now."""
    return (
        _unknown_version(situation, request)
        or _left_behind(situation, request)
        or _wrong_time(situation, request)
        or _fenced(situation)
        or _out_of_step(situation)
    )


def of_finish(situation: Situation) -> Refuse | None:
    """Return why the old color cannot be turned off now."""
    state = situation.state
    if state.is_under_way:
        return _under_way(situation)
    if state.phase is Phase.HOT and (left := hot_left(situation)):
        return Refuse(reason=_hot(situation, left), cure=f"wait, or colorway rollback --stack {situation.stack}")
    if state.phase is Phase.HOT and not situation.is_in_step:
        return _not_applied(situation)
    return None


def of_rollback(situation: Situation, request: Request) -> Refuse | None:
    """Return why nothing can be rolled back now."""
    state, stack = situation.state, situation.stack
    newest = situation.log[0] if situation.log else None
    restored = situation.leftover or situation.did(RestoreFile, "")
    if state.phase in {Phase.QUIET, Phase.PARKED} and not restored:
        if newest and newest.step == OFF and not situation.is_in_step:
            return None
        if newest and newest.step == FINISH:
            return _off_already(situation, newest)
        return Refuse(reason=f"{stack}: no release is under way", cure=f"colorway status {stack}")
    if reason := cold(situation):
        return Refuse(reason=f"{stack}: {reason}", cure=f"colorway up {stack} brings it back; then roll back")
    if situation.one_way_migrations and not request.accept_schema:
        return Refuse(
            reason=f"{stack}: {one_way_sentence(situation)}",
            cure=f"repair forward, or add --accept-schema REASON if it has not run, or {state.previous} works with it",
        )
    return None


def hot_left(situation: Situation) -> timedelta:
    """Return how long the old color has to stay on, nothing once its time is over."""
    since = situation.state.since
    left = since + situation.policy.hot - situation.now if since else timedelta()
    return timedelta(seconds=max(0, round(left.total_seconds())))


def cold(situation: Situation) -> str | None:
    """Return why the old color cannot take the traffic back; one that has traffic is never asked."""
    state = situation.state
    gone = dead(situation.health, state.old) if state.phase is Phase.HOT else ()
    return f"{state.old} ({state.previous}) cannot take the traffic: no task of {gone[0]} runs" if gone else None


def one_way_sentence(situation: Situation) -> str:
    """Say why no rollback happens by itself."""
    state = situation.state
    names = ", ".join(situation.one_way_migrations)
    return (
        f"a `finish` of {state.version} was reverted, and {names}, which is not backward compatible, may have run in "
        f"it, so {state.previous} may not work; {state.version} keeps {state.percent} % of the traffic"
    )


def _off_already(situation: Situation, newest: ReleaseCommit) -> Refuse:
    """Refuse to go back to a color that is off, and say what leads to its version."""
    stack, since = situation.stack, f"{newest.time:%Y-%m-%d %H:%M} UTC"
    if situation.due:
        return Refuse(
            reason=f"{stack}: {newest.previous} is off since {since}, and {', '.join(situation.due)} has not run yet",
            cure=f"colorway finish --stack {stack} goes on; git revert HEAD, then colorway up {stack} brings "
            f"{newest.previous} back",
        )
    return Refuse(
        reason=f"{stack}: {newest.previous} is off since {since}; no color is hot",
        cure=f"colorway release {newest.previous} --stack {stack}",
    )


def is_ours(situation: Situation, edit: Edit) -> bool:
    """Return whether a leftover edit is one that a release may make: the idle color's version, or shares."""
    before = situation.committed
    if isinstance(edit, TrafficEdit):
        return len(before.versions.on) == len(Color)
    serving = [color for color in Color if before.traffic.of(color) > 0]
    return all(edit.versions.of(color) == before.versions.of(color) for color in serving)


def fenced_remarks(situation: Situation) -> tuple[str, ...]:
    """Say of each fenced load balancer what helps."""
    return tuple(
        f"load balancer {host} is fenced and serves nobody; once it can be reached, colorway up {situation.stack} "
        "lets it in again"
        for host in situation.fenced
    )


def _fenced(situation: Situation) -> Refuse | None:
    """Refuse to go forward without a load balancer: half of the users would stay where they are."""
    if not situation.fenced:
        return None
    hosts = ", ".join(situation.fenced)
    return Refuse(
        reason=f"{situation.stack}: load balancer {hosts} is fenced, because it could not be told to go back",
        cure=f"repair the host; then colorway up {situation.stack} lets it in again",
    )


def _unknown_version(situation: Situation, request: Request) -> Refuse | None:
    version, known = request.version or "", situation.known_versions
    if version not in known:
        near = difflib.get_close_matches(version, known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"known versions: {', '.join(known) or 'none'}"
        return Refuse(
            reason=f"releases/{situation.platform}/{version}.yaml: there is no such version; {hint}",
            cure="write its manifest and commit it",
        )
    if situation.problem:
        return Refuse(reason=situation.problem, cure="correct it and commit it")
    return None


def _left_behind(situation: Situation, request: Request) -> Refuse | None:
    """Refuse a version that does not know a migration which no older version works with, and which has run."""
    state, stack = situation.state, situation.stack
    serving = state.version if state.phase is Phase.HOT else state.previous
    if request.version in {state.version, state.previous}:
        return None
    lacking = situation.held_migrations(serving, by=request.version)
    if not lacking:
        return None
    return Refuse(
        reason=f"{stack}: {request.version} does not list {', '.join(lacking)}, which {serving} brought and no older "
        "version works with",
        cure=f"list it in {request.version}'s manifest if {request.version} works with it; else release another one",
    )


def _wrong_time(situation: Situation, request: Request) -> Refuse | None:
    state, stack, version = situation.state, situation.stack, request.version
    if state.phase in {Phase.STARTED, Phase.RAMP} and state.version != version:
        return _under_way(situation)
    left = hot_left(situation)
    if state.phase is Phase.HOT and state.version != version and left:
        return Refuse(reason=_hot(situation, left), cure=f"wait, or colorway rollback --stack {stack}")
    if state.phase is Phase.HOT and state.version == version and not left and situation.is_in_step:
        return Refuse(reason=f"{stack}: {version} is released already", cure=f"colorway finish --stack {stack}")
    if state.phase in {Phase.QUIET, Phase.PARKED} and state.previous == version:
        return Refuse(
            reason=f"{stack}: {state.old} runs {version} already and has all traffic",
            cure="name another version",
        )
    return None


def _out_of_step(situation: Situation) -> Refuse | None:
    """Refuse to begin on a stack whose HEAD is not applied; an interrupted step is no such stack."""
    state, newest = situation.state, situation.log[0] if situation.log else None
    fresh = state.phase in {Phase.QUIET, Phase.PARKED}
    interrupted = newest and newest.step in {FINISH, OFF} and not situation.is_applied
    if situation.is_in_step or (fresh and interrupted) or state.is_under_way:
        return None
    if state.phase is Phase.HOT and hot_left(situation):
        return None
    return _not_applied(situation)


def _not_applied(situation: Situation) -> Refuse:
    stack = situation.stack
    if situation.committed != situation.installed:
        reason = f"{stack}: {situation.file} says other versions or traffic than what is installed"
    elif situation.remains:
        reason = f"{stack}: {situation.remains[0]} runs, and HEAD has its color off"
    else:
        host, live = next(iter(situation.strays.items()))
        reason = (
            f"{stack}: load balancer {host} serves generation {live or 'unknown'}, "
            f"and HEAD means {situation.wanted_generation}"
        )
    return Refuse(reason=reason, cure=f"colorway up {stack}")


def _under_way(situation: Situation) -> Refuse:
    state, stack = situation.state, situation.stack
    since = f" since {state.since:%Y-%m-%d %H:%M} UTC" if state.since else ""
    undone = " and is being undone" if state.phase is Phase.UNDOING else ""
    return Refuse(
        reason=f"{stack}: the release of {state.version} is under way{since}, at {state.percent} %{undone}",
        cure=f"colorway release {state.version} --stack {stack} continues it; "
        f"colorway rollback --stack {stack} undoes it",
    )


def _hot(situation: Situation, left: timedelta) -> str:
    state = situation.state
    return (
        f"{situation.stack}: {state.old} ({state.previous}) is kept on for a rollback from {state.version}, "
        f"for another {go_duration(left)}"
    )


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
        again = f"colorway finish --stack {stack}" if situation.due else f"colorway up {stack}"
        return held(situation, reason=reason, cure=f"repair that, then {again}")
    return held(
        situation,
        reason=f"{stack}: the release of {state.version} stands at {state.percent} %: {reason}",
        cure=f"colorway release {state.version} --stack {stack} continues it, "
        f"colorway rollback --stack {stack} undoes it",
    )
