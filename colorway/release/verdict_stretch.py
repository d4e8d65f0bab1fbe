"""What is too rare for a short window adds up: longer stretches of a stage, without their worst moments. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce

from colorway.release.verdict import breaches
from colorway.release.verdict_evidence import Evidence, Measure
from colorway.release.verdict_stage import Watch
from colorway.release.verdict_statistics import RARE
from colorway.release.window import Window


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
