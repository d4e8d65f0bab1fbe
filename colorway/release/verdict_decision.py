"""What to do with a stage now: go on, wait, hold or roll back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from colorway.release.verdict import Outcome, WindowVerdict, breaches, judge
from colorway.release.verdict_evidence import Evidence
from colorway.release.verdict_stage import Watch
from colorway.release.verdict_statistics import CHANCE, LIKELY
from colorway.release.verdict_stretch import failed_stretch
from colorway.release.window import QueryError
from colorway.spec.fields import go_duration

ERRORS_TO_HOLD = 4
"""Failed readings in a row that stop a release where it is."""


class Action(StrEnum):
    """What a release does next."""

    GO_ON = "go-on"
    """The next stage, or 100 %."""
    WAIT = "wait"
    """Read again after `step`."""
    HOLD = "hold"
    """Stay at this share, tell people, read again after `step`."""
    ROLL_BACK = "roll-back"
    """All traffic to the active color, now."""


@dataclass(frozen=True)
class Ask:
    """A service that too few users ask: send requests of our own through the secret header."""

    service: str
    requests: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now, and why."""

    action: Action
    reason: str
    """One sentence."""
    evidence: tuple[Evidence, ...] = ()
    """What the reason is taken from, gravest first."""
    synthetic: tuple[Ask, ...] = ()
    """Requests that would help; only while waiting or holding."""


def decide(watch: Watch, *, now: datetime, bake: timedelta, hold_deadline: timedelta) -> Decision:
    """Decide about the stage that `watch` has seen so far.

    In this order: failed windows roll back; a passed stage whose bake is over goes on; the deadline, `hold_deadline`
    after the end of the bake, rolls back; four failed readings in a row hold; an unfinished bake waits; and
    everything else holds.
    """
    if failure := _two_in_a_row(watch) or _failed_stretch(watch):
        return failure
    over = now >= watch.started + bake
    doubts = _doubts(watch, bake=bake) if over else _Doubts()
    if over and not doubts.sentences:
        return Decision(action=Action.GO_ON, reason=f"every service kept every limit for {_for_people(watch.watched)}")
    if now >= watch.started + bake + hold_deadline:
        return Decision(
            action=Action.ROLL_BACK,
            reason=f"no pass within {go_duration(hold_deadline)} after the bake: {doubts.sentences[0]}",
            evidence=doubts.evidence,
        )
    asks = _asks(watch, bake=bake, now=now)
    if watch.errors_in_a_row >= ERRORS_TO_HOLD:
        return Decision(action=Action.HOLD, reason=_unreadable(watch), synthetic=asks)
    if not over:
        return Decision(action=Action.WAIT, reason=f"the bake of {go_duration(bake)} is not over", synthetic=asks)
    return Decision(action=Action.HOLD, reason=doubts.sentences[0], evidence=doubts.evidence, synthetic=asks)


def _two_in_a_row(watch: Watch) -> Decision | None:
    """Return the rollback if two failed windows in a row lie further apart than a blip lasts.

    Windows overlap, so an unbroken run of failed ones is meant whose last begins `blip` or more after the end of its
    first: no blip can be in both.
    """
    first, last = watch.failing_since, watch.history[-1] if watch.history else None
    if first is None or not isinstance(last, WindowVerdict) or last.start < first.end + watch.gate.blip:
        return None
    return _roll_back("two failed windows in a row", [one for one in last.reasons if one.beyond(CHANCE)])


def _failed_stretch(watch: Watch) -> Decision | None:
    failed = failed_stretch(watch)
    if failed is None:
        return None
    return _roll_back(f"the last {_for_people(failed.length)} failed, even without the worst moments", failed.evidence)


@dataclass(frozen=True)
class _Doubts:
    """Why a stage has not passed, the gravest first; none if it has."""

    sentences: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def _doubts(watch: Watch, *, bake: timedelta) -> _Doubts:
    total, last = watch.total, watch.history[-1] if watch.history else None
    if total is None or last is None:
        return _Doubts(("nothing could be read since the stage began",))
    if isinstance(last, QueryError):
        return _Doubts((f"the last reading failed: {last.reason}",))
    if last.outcome is Outcome.FAIL:
        return _Doubts((f"the last window failed: {last.reasons[0].sentence}",), last.reasons)
    reasons = judge(total, policy=watch.gate, rising=watch.rising).reasons
    late = breaches(watch.last(total.length / 2), policy=watch.gate, rising=watch.rising)
    late = [one for one in late if one.beyond(LIKELY)]
    sentences = [*(one.sentence for one in reasons), *(f"of late, {one.sentence}" for one in late)]
    if watch.watched < bake - watch.gate.step:
        sentences.append(f"only {_for_people(watch.watched)} of {go_duration(bake)} could be watched")
    return _Doubts(tuple(sentences), (*reasons, *late))


def _asks(watch: Watch, *, bake: timedelta, now: datetime) -> tuple[Ask, ...]:
    """Return the requests that services lack which will not have enough by the end of the bake."""
    total, needed = watch.total, watch.gate.minimum_requests
    if total is None or total.length < 2 * watch.gate.window:
        return ()
    pace = max(1.0, bake / max(total.length, now - watch.started))
    lacking = []
    for pair in total.services:
        counts = pair.of(watch.rising)
        if counts.answered * pace < needed and counts.answered + counts.synthetic < needed:
            lacking.append(Ask(pair.service, needed - counts.answered - counts.synthetic))
    return tuple(lacking)


def _unreadable(watch: Watch) -> str:
    last = watch.history[-1]
    reason = last.reason if isinstance(last, QueryError) else ""
    return f"{watch.errors_in_a_row} readings in a row failed: {reason}"


def _roll_back(why: str, broken: Sequence[Evidence]) -> Decision:
    return Decision(action=Action.ROLL_BACK, reason=f"{why}: {broken[0].sentence}", evidence=tuple(broken))


def _for_people(length: timedelta) -> str:
    return go_duration(timedelta(seconds=round(length.total_seconds())))
