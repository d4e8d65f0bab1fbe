"""The commits of a release: which line changes, what the message says."""

from __future__ import annotations

from dataclasses import replace

from colorway.release.plan.edit import Edit, TrafficEdit, VersionsEdit
from colorway.release.plan.situation import Situation
from colorway.release.plan.steps import Commit, Failure
from colorway.release.plan.trailers import FINISH, OFF, ROLLBACK, START, WHOLE, Message, Trailers
from colorway.spec.traffic import Color, Traffic, Versions


def start(situation: Situation, version: str) -> Commit:
    """Return the commit that gives the idle color a version."""
    state = situation.state
    lines = [f"{state.rising} takes no traffic yet; {_serving(situation)}."]
    begun = _commit(
        situation,
        VersionsEdit(_with_version(situation, state.rising, version)),
        subject=f"Start {version} as {state.rising} on {situation.stack}",
        body=[*situation.session.evidence, *lines, *_schema_lines(situation, version)],
        step=START,
    )
    return replace(begun, remark=_waits(situation, version))


def stage(situation: Situation, percent: int) -> Commit:
    """Return the commit that gives the rising color its next share; with 100 % it becomes the active one."""
    state = situation.state
    whole = percent == WHOLE
    share = "all traffic" if whole else f"{percent} %"
    lines = [f"{state.rising} becomes active: workers, schedulers and crons follow it."] if whole else []
    return _commit(
        situation,
        TrafficEdit(_shares(state.rising, percent, active=state.rising if whole else state.old)),
        subject=f"Send {share} of {situation.stack} to {state.rising} ({state.version})",
        body=[*situation.session.evidence, *lines],
        step=str(percent),
    )


def rollback(situation: Situation, *, why: Failure) -> Commit:
    """Return the commit that gives all traffic back to the old color."""
    state = situation.state
    return _commit(
        situation,
        TrafficEdit(_shares(state.old, WHOLE, active=state.old)),
        subject=f"Take {situation.stack} back to {state.old} ({state.previous})",
        body=[
            f"Why: {why.reason}",
            *(f"  {line}" for line in why.evidence),
            f"Undone: {state.version} had {state.percent} % of the traffic.",
            *_not_undone(situation),
        ],
        step=ROLLBACK,
    )


def off(situation: Situation, *, why: Failure) -> Commit:
    """Return the commit that turns the color off whose release was undone."""
    state = situation.state
    begun = [] if state.step and state.step.step == ROLLBACK else [f"  {line}" for line in why.evidence]
    return _commit(
        situation,
        VersionsEdit(_with_version(situation, state.rising, None)),
        subject=f"Turn {state.rising} off on {situation.stack}: {state.version} is undone",
        body=[f"Why: {why.reason}", *begun, *situation.session.evidence, *_not_undone(situation)],
        step=OFF,
    )


def finish(situation: Situation) -> Commit:
    """Return the commit that turns the old color off after its hot time."""
    state = situation.state
    since = f" at {state.since:%Y-%m-%d %H:%M} UTC" if state.since else ""
    ended = _commit(
        situation,
        VersionsEdit(_with_version(situation, state.old, None)),
        subject=f"Turn {state.old} off on {situation.stack}: {state.version} is released",
        body=[
            f"{state.version} got all traffic{since}, and the hot time of {state.previous} is over.",
            *situation.session.evidence,
            *_one_way_lines(situation),
        ],
        step=FINISH,
    )
    waits = ", ".join(situation.held)
    return replace(ended, remark=f"then {waits} runs, and from there only a restore leads back" if waits else "")


def way_back(situation: Situation, *, step: str) -> tuple[str, ...]:
    """Return the commands that undo a step."""
    stack, state = situation.stack, situation.state
    if step == FINISH and situation.held:
        return (f"Back: no version works any more; only a restore to the point finish-{state.version} leads back",)
    if step == FINISH:
        return (f"Back: colorway release {state.previous} --stack {stack}",)
    if step in {ROLLBACK, OFF}:
        return (f"Again: colorway release {state.version} --stack {stack}",)
    back = (f"Back: colorway rollback --stack {stack}",)
    return back if step == START else (*back, f"One step back: git revert HEAD && colorway up {stack}")


def _commit(situation: Situation, edit: Edit, *, subject: str, body: list[str], step: str) -> Commit:
    state = situation.state
    begun = edit.versions.of(state.rising) if isinstance(edit, VersionsEdit) else None
    version, previous = begun or state.version or "", state.previous or ""
    trailers = Trailers(platform=situation.platform, version=version, step=step, previous=previous)
    whole = (*body, "", *way_back(situation, step=step))
    return Commit(edit=edit, message=Message(subject=subject, body=whole, trailers=trailers))


def _with_version(situation: Situation, color: Color, version: str | None) -> Versions:
    kept = {one.value: situation.committed.versions.of(one) for one in Color}
    return Versions.model_validate({**kept, color.value: version})


def _shares(color: Color, percent: int, *, active: Color) -> Traffic:
    return Traffic.model_validate({color.value: percent, color.other.value: WHOLE - percent, "active": active})


def _serving(situation: Situation) -> str:
    return f"{situation.state.old} ({situation.state.previous}) serves everybody"


def _schema_lines(situation: Situation, version: str) -> list[str]:
    new = situation.new_migrations(version, since=situation.state.previous)
    at_once = ", ".join(migration.id for migration in new if migration.backward_compatible)
    waits = _waits(situation, version)
    return [
        *([f"Migrations: {at_once}."] if at_once else []),
        *([f"Not backward compatible: {waits}."] if waits else []),
    ]


def _waits(situation: Situation, version: str) -> str:
    """Say which migrations of a version do not run yet, and when they do; empty where all do."""
    waits = ", ".join(situation.held_migrations(version, by=situation.state.previous))
    return f"{waits} is held until `finish` has turned {situation.state.previous} off" if waits else ""


def _one_way_lines(situation: Situation) -> list[str]:
    waits = ", ".join(situation.held)
    if not waits:
        return []
    return [f"Migrations: {waits}, once nothing of {situation.state.previous} is left, which may not work afterwards."]


def _not_undone(situation: Situation) -> list[str]:
    state = situation.state
    new = situation.new_migrations(state.version or "", since=state.previous)
    names = [m.id for m in new if m.backward_compatible or m.id in situation.one_way_migrations]
    return [f"Not undone: migrations {', '.join(names)}, where they were applied."] if names else []
