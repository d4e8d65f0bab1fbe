"""The verdict on a stage: everything read since it began, and what to do now. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from colorway.release.verdict import Outcome, WindowVerdict, judge
from colorway.release.window import DifferentBucketsError, QueryError, Window
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
        """How long the stage was really watched; what a gap longer than a window hides is counted, but unseen."""
        return sum((step.length for step in self.steps if step.length <= self.gate.window), timedelta())

    @property
    def errors_in_a_row(self) -> int:
        """Readings that failed since the last good one."""
        good = (index for index, one in enumerate(reversed(self.history)) if not isinstance(one, QueryError))
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
