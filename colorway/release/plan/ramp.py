"""The way forward: from a started color to 100 %, each share only for a color that is healthy and tried."""

from __future__ import annotations

from datetime import timedelta

from colorway.release.plan import commits
from colorway.release.plan.endings import closing, hot_left
from colorway.release.plan.situation import Request, Situation
from colorway.release.plan.steps import Apply, AwaitHealthy, Bake, Done, Event, Notify, Purge, Smoke, Step, Verify
from colorway.release.plan.trailers import WHOLE
from colorway.spec import names
from colorway.spec.fields import go_duration
from colorway.spec.release import ReleasePolicy

BAKE = timedelta(minutes=10)
"""Bake time of a stage where the policy has none at all."""


def forward(situation: Situation, request: Request) -> Step:
    """Return the next step of a release whose rising color has its version in HEAD."""
    state = situation.state
    if step := _recheck(situation) or _bring_live(situation):
        return step
    if state.percent == WHOLE:
        return _complete(situation)
    if not situation.did(Smoke, state.rising.value):
        return _smoke(situation)
    if state.percent > 0 and not situation.did(Bake, str(state.percent)):
        return _stage(situation, request)
    following = [percent for percent in stages(situation.policy, request) if percent > state.percent]
    return commits.stage(situation, following[0] if following else WHOLE)


def stages(policy: ReleasePolicy, request: Request) -> tuple[int, ...]:
    """Return the shares below 100 % that a release goes through."""
    return tuple(stage.percent for stage in policy.stages) if request.stages is None else request.stages


def bake_time(policy: ReleasePolicy, request: Request, percent: int) -> timedelta:
    """Return how long a share is watched: as asked for, or as the policy says of it or of its last stage."""
    if request.bake is not None:
        return request.bake
    known = {stage.percent: stage.bake for stage in policy.stages}
    return known.get(percent, policy.stages[-1].bake if policy.stages else BAKE)


def _recheck(situation: Situation) -> Step | None:
    """Return what is looked at again where a killed run committed a share and did not apply it."""
    color, installed = situation.state.rising, situation.installed
    if installed and installed.traffic.of(color) >= situation.state.percent:
        return None
    if situation.did(Smoke, color.value):
        return None
    return _await_healthy(situation) or _smoke(situation)


def _bring_live(situation: Situation) -> Step | None:
    """Return what makes HEAD live, nothing once every load balancer serves it and the color is healthy."""
    if not situation.did(Apply):
        return Apply()
    if situation.state.percent > 0 and not situation.did(Verify):
        return Verify()
    return _await_healthy(situation)


def _await_healthy(situation: Situation) -> Step | None:
    color = situation.state.rising
    return None if situation.did(AwaitHealthy, color.value) else AwaitHealthy(color=color)


def _smoke(situation: Situation) -> Step:
    return Smoke(color=situation.state.rising, version=situation.state.version or "")


def _stage(situation: Situation, request: Request) -> Step:
    state = situation.state
    time = bake_time(situation.policy, request, state.percent)
    key = f"{Event.STAGE.value} {state.percent}"
    if not situation.did(Notify, key):
        title = f"{situation.stack}: {state.version} has {state.percent} % of the traffic"
        watched = f"Watched for {go_duration(time)} or longer; back: colorway rollback --stack {situation.stack}"
        return Notify(event=Event.STAGE, key=key, title=title, lines=(watched,))
    return Bake(rising=state.rising, percent=state.percent, time=time)


def _complete(situation: Situation) -> Step:
    """Return what follows the last share: try it as a user, purge what old workers kept, then say that it is done."""
    state, stack, left = situation.state, situation.stack, hot_left(situation)
    if not situation.did(Smoke, f"{state.rising.value}-users"):
        return Smoke(color=state.rising, version=state.version or "", as_user=True)
    tag = names.cache_tag(stack, state.old, state.previous)
    # `up` has purged it at the switch. On the way back, and in `finish`, `up` does both: the color goes off there.
    if situation.drain is not None and state.since and not situation.did(Purge, tag):
        return Purge(tag=tag, not_before=state.since + situation.drain)
    stays = f"stays on for {go_duration(left)}" if left else "was kept on for long enough"
    ending = Done(
        summary=f"{stack}: {state.version} is released; {state.old} ({state.previous}) {stays}: "
        f"colorway rollback --stack {stack} goes back, colorway finish --stack {stack} turns it off"
        f"{' then' if left else ''}"
        f"{', and runs ' + ', '.join(situation.held) if situation.held else ''}"
    )
    return closing(situation, event=Event.DONE, ending=ending)
