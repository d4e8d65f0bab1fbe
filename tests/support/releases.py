"""Generated releases, good and bad, and what the verdict makes of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from colorway.release.verdict.decision import Course, Decision, Watch, decide
from colorway.spec.release import ReleasePolicy
from colorway.spec.traffic import Color
from tests.support.releases_world import BASE_ERRORS, FINE, Kind, World

LEVELS = (1, 5, 20, 100, 500)
"""Requests a second of all services and both colors together."""
SICK = "search"
"""The one service of five that is ill where only one is."""
SMALL = "admin"
"""The service that carries 2 % where services are unequal."""
UNEQUAL = (0.5, 0.25, 0.15, 0.08, 0.02)


def _from(begins: float, errors: float, *, only: str | None = None) -> Callable[[float, str], float]:
    return lambda at, service: errors if at >= begins and only in (None, service) else BASE_ERRORS


def _rising(at: float, _service: str) -> float:
    return BASE_ERRORS + 0.05 * min(1.0, at / 960)


def _blip(at: float, _service: str) -> float:
    return 0.6 if 200 <= at < 208 else BASE_ERRORS


def _bursts(at: float, _service: str) -> float:
    return 0.01 if int(at // 5) % 10 == 0 else 0.0


def _cold(at: float, _service: str) -> float:
    return 4.0 if at % 600 < 8 else 1.0


def _doubled(_at: float, _service: str) -> float:
    return 2.0


KINDS = (
    Kind(name="good", good=True),
    Kind(name="good, noisy response times", good=True, spread=0.9, jitter=0.2),
    Kind(name="good, 60 % errors for 8 s", good=True, errors=_blip),
    Kind(name="good, failures in bursts, 0.1 % on average", good=True, errors=_bursts),
    Kind(name="good, 4 times slower for the first 8 s", good=True, slowness=_cold),
    Kind(name="good, services of 50, 25, 15, 8 and 2 %", good=True, shares=UNEQUAL),
    Kind(name="good, buckets a factor of 1.4 apart", good=True, buckets=FINE),
    Kind(name="2 % errors", errors=_from(0, 0.02)),
    Kind(name="5 % errors", errors=_from(0, 0.05)),
    Kind(name="20 % errors", errors=_from(0, 0.20)),
    Kind(name="20 % errors from minute 5 on", errors=_from(300, 0.20), begins=300),
    Kind(name="2 % errors, one service of five", errors=_from(0, 0.02, only=SICK)),
    Kind(name="5 % errors, one service of five", errors=_from(0, 0.05, only=SICK)),
    Kind(name="20 % errors, one service of five", errors=_from(0, 0.20, only=SICK)),
    Kind(name="20 % errors, a service that carries 2 %", errors=_from(0, 0.20, only=SMALL), shares=UNEQUAL),
    Kind(name="errors rising from 0.1 to 5 % in 16 min", errors=_rising),
    Kind(name="dead, answered by the other color", errors=_from(0, 1.0), dead=True),
    Kind(name="dies in minute 5, answered by the other color", errors=_from(300, 1.0), dead=True, begins=300),
    Kind(name="hangs, clients give up", given_up=lambda _at, _service: 0.9),
    Kind(name="p95 times 2", slowness=_doubled),
    Kind(name="p95 times 2, buckets a factor of 1.4 apart", slowness=_doubled, buckets=FINE),
    Kind(name="p95 times 10", slowness=lambda _at, _service: 10.0),
    Kind(name="p95 times 4, only the slowest tenth", slowness=lambda _at, _service: 4.0, slow_share=0.1),
)


@dataclass(frozen=True, kw_only=True)
class End:
    """How a generated release ended."""

    outcome: str
    """`promoted`; `aborted`, on evidence; or `held`, until the deadline ended it without evidence."""
    seconds: float
    """Since its first users."""
    reason: str


def run(
    kind: Kind,
    *,
    rate: float,
    seed: str,
    policy: ReleasePolicy | None = None,
) -> End:
    """Let a release of a kind run through the stages of a policy, at a rate in requests a second."""
    policy = policy or ReleasePolicy()
    dice = random.Random(seed)
    world = World(kind, rate=rate, dice=dice)
    for stage in policy.stages:
        watch = Watch(gate=policy.gate, rising=Color.GREEN, started=world.now)
        decision = Decision(action=Course.WAIT, reason="")
        while decision.action in (Course.WAIT, Course.HOLD):
            asks = {ask.service: ask.requests for ask in decision.synthetic}
            watch = watch.record(world.step(policy.gate.step, percent=stage.percent, asks=asks))
            decision = decide(watch, now=world.now, bake=stage.bake, hold_deadline=policy.hold_deadline)
        if decision.action is Course.ROLL_BACK:
            late = world.now >= watch.started + stage.bake + policy.hold_deadline
            return End(outcome="held" if late else "aborted", seconds=world.at, reason=decision.reason)
    return End(outcome="promoted", seconds=world.at, reason="")
