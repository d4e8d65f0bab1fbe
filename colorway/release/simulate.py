"""A release on paper: every step as the plan has it while all goes well. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from colorway.release.edit import TrafficEdit
from colorway.release.plan import next_step, resolve
from colorway.release.situation import Request, Situation
from colorway.release.steps import Action, Apply, Bake, Commit, Done, Freeze, Refuse, RestoreFile, Step
from colorway.release.trailers import ReleaseCommit

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
            return replace(situation, installed=situation.committed, live=live)
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
