"""What to do with a stage now: go on, wait, hold or roll back. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce

from colorway.release.verdict.evidence import CHANCE, LIKELY, RARE, Evidence, Measure
from colorway.release.verdict.judgement import Outcome, WindowVerdict, breaches, judge
from colorway.release.verdict.window import DifferentBucketsError, QueryError, Window
from colorway.spec.fields import go_duration
from colorway.spec.release import GateSpec
from colorway.spec.traffic import Color


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What was read since a stage began; every reading makes a new one."""

    gate: GateSpec
    rising: Color
    started: datetime
    history: tuple[WindowVerdict | QueryError, ...] = ()
    """One entry a reading: the verdict on the window that ended then, or why there is none."""
    steps: tuple[Window, ...] = field(default=(), repr=False)
    """What was counted between two readings."""
    totals: tuple[Window, ...] = field(default=(), repr=False)
    """What was counted from the beginning up to each reading."""

    def record(self, step: Window | QueryError) -> Watch:
        """Return the watch with one more reading: what was counted since the last good one, or why nothing was."""
        if isinstance(step, QueryError):
            return replace(self, history=(*self.history, step))
        try:
            totals = (*self.totals, self.totals[-1].then(step) if self.totals else step)
        except DifferentBucketsError:
            reason = "the response times have other buckets than when the stage began; begin the release anew"
            return self.record(QueryError(at=step.end, reason=reason))
        later = replace(self, steps=(*self.steps, step), totals=totals)
        verdict = judge(later.last(self.gate.window), policy=self.gate, rising=self.rising)
        return replace(later, history=(*self.history, verdict))

    @property
    def total(self) -> Window | None:
        """Everything counted in this stage."""
        return self.totals[-1] if self.totals else None

    @property
    def watched(self) -> timedelta:
        """How long the stage was really watched, on every load balancer.

        What a gap longer than a window hides is counted, but unseen.
        """
        seen = (step.length for step in self.steps if step.length <= self.gate.window and not step.missing)
        return sum(seen, timedelta())

    @property
    def errors_in_a_row(self) -> int:
        """Readings without all figures since the last good one."""
        good = (index for index, one in enumerate(reversed(self.history)) if not _unread(one))
        return next(good, len(self.history))

    @property
    def failing_since(self) -> WindowVerdict | None:
        """The first of the failed windows in a row that the history ends with, readings that failed left out."""
        first = None
        for verdict in reversed(self.history):
            if isinstance(verdict, QueryError):
                continue
            if verdict.outcome is not Outcome.FAIL:
                break
            first = verdict
        return first

    def last(self, length: timedelta) -> Window:
        """Return what was counted in the last `length`, rounded to readings; at most the whole stage."""
        total = self.totals[-1]
        earlier = bisect_right(self.totals, total.end - length, key=lambda one: one.end)
        return total.since(self.totals[earlier - 1]) if earlier else total


def _unread(reading: WindowVerdict | QueryError) -> str:
    """Return why not all figures were there; empty where they were."""
    return reading.reason if isinstance(reading, QueryError) else reading.missing


@dataclass(frozen=True)
class FailedStretch:
    """A stretch that ends now and breaks a limit."""

    length: timedelta
    evidence: tuple[Evidence, ...]
    """What was found without its worst moments."""


def failed_stretch(watch: Watch) -> FailedStretch | None:
    """Return a stretch that breaks a limit beyond chance although its worst moments are set aside; none if none does.

    Stretches of 2, 4, 8 … windows up to the whole stage are judged. The worst moments are as long as a blip and one
    reading, and the limit must be broken more clearly than in a window, because many stretches are looked at.
    """
    for stretch in _stretches(watch):
        for evidence in _beyond_doubt(watch, stretch):
            rest = stretch.without(_worst_moments(watch, stretch, evidence))
            if left := [one for one in _beyond_doubt(watch, rest) if one.is_like(evidence)]:
                return FailedStretch(stretch.length, tuple(left))
    return None


def _beyond_doubt(watch: Watch, window: Window) -> list[Evidence]:
    return [one for one in breaches(window, policy=watch.gate, rising=watch.rising) if one.beyond(RARE)]


def _stretches(watch: Watch) -> Iterator[Window]:
    """Yield the stretches that are due: one of n readings every n / 2 readings, so that chance gets few chances."""
    if watch.total is None or watch.total.length < watch.gate.window + watch.gate.blip:
        return
    once_a_window = max(1, watch.gate.window // watch.gate.step)
    length, due = 2 * watch.gate.window, once_a_window
    while length < watch.total.length:
        if len(watch.steps) % due == 0:
            yield watch.last(length)
        length, due = 2 * length, 2 * due
    if len(watch.steps) % once_a_window == 0:
        yield watch.total


def _worst_moments(watch: Watch, stretch: Window, evidence: Evidence) -> Window:
    """Return the part of a stretch, as long as a blip and a reading, that adds most to the evidence."""
    count = _counter(watch, stretch, evidence)
    steps = [step for step in watch.steps if step.start >= stretch.start]
    # A blip that begins within a reading reaches into one more.
    length = watch.gate.blip + max(step.length for step in steps)
    parts = (_part(steps[first:], length) for first in range(len(steps)))
    return reduce(Window.then, max(parts, key=lambda part: sum(map(count, part))))


def _part(steps: list[Window], length: timedelta) -> list[Window]:
    """Return the first steps, as many as it takes to be that long."""
    end = next((number for number, step in enumerate(steps, start=1) if step.end >= steps[0].start + length), None)
    return steps[:end]


def _counter(watch: Watch, stretch: Window, evidence: Evidence) -> Callable[[Window], int]:
    """Return what counts the requests of a window that the evidence is made of."""

    def failures(window: Window) -> int:
        return window.of(evidence.service).of(watch.rising).failures

    def let_down(window: Window) -> int:
        return window.of(evidence.service).of(watch.rising).let_down

    def slow(window: Window) -> int:
        latencies = window.of(evidence.service).of(watch.rising).latencies
        return latencies.above(bound) if latencies.total else 0

    if evidence.measure is Measure.ERROR_RATIO:
        return failures
    if evidence.measure is Measure.ERROR_RATIO_POINTS:
        return let_down
    unit = 1.0 if evidence.measure is Measure.P95 else stretch.of(evidence.service).of(watch.rising.other).latencies.p95
    bounds = stretch.of(evidence.service).of(watch.rising).latencies.bounds
    bound = max((one for one in bounds if one <= evidence.limit * unit), default=bounds[0])
    return slow


ERRORS_TO_HOLD = 4
"""Failed readings in a row that stop a release where it is."""


class Course(StrEnum):
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

    action: Course
    reason: str
    """One sentence."""
    evidence: tuple[Evidence, ...] = ()
    """What the reason is taken from, gravest first."""
    synthetic: tuple[Ask, ...] = ()
    """Requests that would help; only while waiting or holding."""


def decide(watch: Watch, *, now: datetime, bake: timedelta, hold_deadline: timedelta) -> Decision:
    """Decide about the stage that `watch` has seen so far.

    In this order: failed windows roll back, also those of a part of the load balancers; a passed stage whose bake is
    over goes on; the deadline, `hold_deadline` after the end of the bake, rolls back; four failed readings in a row
    hold; an unfinished bake waits; and everything else holds.
    """
    if failure := _two_in_a_row(watch) or _failed_stretch(watch):
        return failure
    over = now >= watch.started + bake
    doubts = _doubts(watch, bake=bake) if over else _Doubts()
    if over and not doubts.sentences:
        return Decision(action=Course.GO_ON, reason=f"every service kept every limit for {_for_people(watch.watched)}")
    if now >= watch.started + bake + hold_deadline:
        return Decision(
            action=Course.ROLL_BACK,
            reason=f"no pass within {go_duration(hold_deadline)} after the bake: {doubts.sentences[0]}",
            evidence=doubts.evidence,
        )
    asks = _asks(watch, bake=bake, now=now)
    if watch.errors_in_a_row >= ERRORS_TO_HOLD:
        return Decision(action=Course.HOLD, reason=_unreadable(watch), synthetic=asks)
    if not over:
        return Decision(action=Course.WAIT, reason=f"the bake of {go_duration(bake)} is not over", synthetic=asks)
    return Decision(action=Course.HOLD, reason=doubts.sentences[0], evidence=doubts.evidence, synthetic=asks)


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
    if isinstance(last, QueryError) or last.missing:
        return _Doubts((f"the last reading failed: {_unread(last)}",))
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
    return f"{watch.errors_in_a_row} readings in a row failed: {_unread(watch.history[-1])}"


def _roll_back(why: str, broken: Sequence[Evidence]) -> Decision:
    return Decision(action=Course.ROLL_BACK, reason=f"{why}: {broken[0].sentence}", evidence=tuple(broken))


def _for_people(length: timedelta) -> str:
    return go_duration(timedelta(seconds=round(length.total_seconds())))
