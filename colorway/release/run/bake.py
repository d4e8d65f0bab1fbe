"""Watches one stage until the verdict: reads, judges, says how it looks, sends what users do not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from colorway.errors import ColorwayError
from colorway.release.plan.facts import dead
from colorway.release.plan.steps import Bake, Event
from colorway.release.ports.project import ProjectFacts
from colorway.release.ports.protocols import ColorFigures, Notice, Ports, StageProgress
from colorway.release.run import requests
from colorway.release.run.blame import StepFailedError
from colorway.release.verdict.counters import OwnRequests
from colorway.release.verdict.decision import ERRORS_TO_HOLD, Course, Decision, Watch, decide
from colorway.release.verdict.evidence import percent
from colorway.release.verdict.window import Counts, ServiceCounts, Window, together
from colorway.spec.traffic import Color, Versions
from colorway.swarm.connections import NoAnswerError

LOOKS_TO_BE_DEAD = 2
"""Looks in a row without any task of a service until the release is undone."""
LOOKS_TO_HOLD = ERRORS_TO_HOLD
"""Looks in a row without an answer of Docker until the stage is held; it never passes without one."""


@dataclass(kw_only=True)
class Baking:
    """One stage being watched."""

    ports: Ports
    facts: ProjectFacts
    step: Bake
    _watch: Watch = field(init=False)
    _own: OwnRequests = field(init=False)
    """Our own requests since the last good reading."""
    _dead_looks: int = field(default=0, init=False)
    _silent_looks: int = field(default=0, init=False)
    _silence: NoAnswerError | None = field(default=None, init=False)
    _is_told: bool = field(default=False, init=False)

    def run(self) -> tuple[str, ...]:
        """Watch until the stage has passed.

        Returns:
            What was seen, for the next commit.

        Raises:
            StepFailedError: the verdict is to go back; with its evidence.
            NoAnswerError: Docker did not answer until the end of the hold time.
            LockLostError: somebody took the release over.
        """
        clock, policy = self.ports.clock, self.facts.policy
        # Old connections may still ask the way they did before the switch.
        clock.sleep(self.facts.settle)
        self.ports.meter.begin(services=self.facts.judged)
        self._own = OwnRequests(self.step.rising)
        self._watch = Watch(gate=policy.gate, rising=self.step.rising, started=clock.now())
        while True:
            clock.sleep(policy.gate.step)
            self.ports.lock.check()
            self._read()
            self._look_for_death()
            watch = replace(self._watch, gate=policy.gate.unvisited if self._is_unvisited else policy.gate)
            decision = self._held_by_silence(
                decide(watch, now=clock.now(), bake=self.step.time, hold_deadline=policy.hold_deadline)
            )
            self._report(decision)
            match decision.action:
                case Course.GO_ON:
                    return self._summary(decision)
                case Course.ROLL_BACK:
                    evidence = tuple(found.sentence for found in decision.evidence)
                    raise StepFailedError(f"at {self.step.percent} %: {decision.reason}", (*evidence, *self._figures()))
                case Course.HOLD:
                    self._tell(decision)
                case Course.WAIT:
                    pass
            self._ask(decision)

    def _read(self) -> None:
        reading = self.ports.meter.read(own=self._own)
        if isinstance(reading, Window):
            if not reading.length:
                return
            self._own = OwnRequests(self.step.rising)
        self._watch = self._watch.record(reading)

    def _look_for_death(self) -> None:
        """Undo a color whose service is gone without waiting for its figures; users are on the other one by then."""
        try:
            health = self.ports.engine.health()
        except NoAnswerError as silence:
            # A swarm that does not answer says nothing about the release.
            self._silence, self._silent_looks = silence, self._silent_looks + 1
            return
        except ColorwayError:
            # Nor does anything else that keeps from asking it.
            return
        self._silence, self._silent_looks = None, 0
        # Where the other color is dead, too, the fault is none of this one.
        gone = () if dead(health, self.step.rising.other) else dead(health, self.step.rising)
        self._dead_looks = self._dead_looks + 1 if gone else 0
        if self._dead_looks >= LOOKS_TO_BE_DEAD:
            reason = f"at {self.step.percent} %: no task of {', '.join(gone)} runs any more"
            raise StepFailedError(reason, self._figures())

    def _held_by_silence(self, decision: Decision) -> Decision:
        """Hold a stage that could go on, or is watched, while nobody can say whether its tasks live."""
        if self._silence is None or decision.action not in {Course.GO_ON, Course.WAIT}:
            return decision
        deadline = self._watch.started + self.step.time + self.facts.policy.hold_deadline
        if decision.action is Course.GO_ON and self.ports.clock.now() >= deadline:
            raise self._silence
        if decision.action is Course.WAIT and self._silent_looks < LOOKS_TO_HOLD:
            return decision
        return replace(decision, action=Course.HOLD, reason=str(self._silence))

    def _ask(self, decision: Decision) -> None:
        if not decision.synthetic:
            return
        sent = requests.send(
            decision.synthetic,
            color=self.step.rising,
            pages=self.facts.pages,
            prober=self.ports.prober,
            clock=self.ports.clock,
        )
        self._own = requests.together(self._own, sent)

    def _tell(self, decision: Decision) -> None:
        if self._is_told:
            return
        self._is_told = True
        title = f"{self.ports.stack}: the release is held at {self.step.percent} %: {decision.reason}"
        lines = (*(found.sentence for found in decision.evidence), *self._figures())
        for problem in self.ports.notifier.send(Notice(event=Event.HELD, title=title, lines=lines)):
            self.ports.reporter.say(problem)

    def _report(self, decision: Decision) -> None:
        over = self._watch.started + self.step.time
        left = max(timedelta(), over - self.ports.clock.now())
        recent = self._watch.last(self.facts.policy.gate.window) if self._watch.total else None
        self.ports.reporter.progress(
            StageProgress(
                percent=self.step.percent,
                left=left,
                said=decision.reason,
                is_held=decision.action is Course.HOLD,
                colors=color_figures(recent, self.facts.committed.versions, self.step),
            )
        )

    @property
    def _is_unvisited(self) -> bool:
        """Whether nobody is let in, and nobody came who has the link."""
        total = self._watch.total
        return self.facts.is_closed and (total is None or not together(total.services).asked)

    def _summary(self, decision: Decision) -> tuple[str, ...]:
        said = f"Verdict at {self.step.percent} %: {decision.reason}."
        if self._is_unvisited:
            said += " Everything is closed, so these are the release tool's own requests alone."
        return (said, *(f"  {line}" for line in self._figures()))

    def _figures(self) -> tuple[str, ...]:
        """Return both colors' figures over the whole stage, a line a service."""
        total = self._watch.total
        return tuple(_service_line(pair, self.step.rising) for pair in total.services) if total else ()


def color_figures(window: Window | None, versions: Versions, step: Bake) -> Mapping[Color, ColorFigures]:
    """Return both colors' figures in a window; none = it could not be read."""
    shares = {step.rising: step.percent, step.rising.other: 100 - step.percent}
    total = together(window.services) if window else ServiceCounts("")
    seconds = window.length.total_seconds() if window else 0.0
    return {
        color: ColorFigures(
            version=versions.of(color) or "",
            share=share,
            requests_per_second=total.of(color).attempts / seconds if seconds else None,
            error_ratio=_error_ratio(total.of(color)),
            p95=_slowest(window.services if window else (), color),
        )
        for color, share in shares.items()
    }


def _error_ratio(counts: Counts) -> float | None:
    answered = counts.answered + counts.synthetic
    return counts.failures / answered if answered > 0 else None


def _slowest(services: Sequence[ServiceCounts], color: Color) -> float | None:
    found = [pair.of(color).latencies.p95 for pair in services]
    return max((value for value in found if not math.isnan(value)), default=None)


def _service_line(pair: ServiceCounts, rising: Color) -> str:
    told = []
    for color in (rising, rising.other):
        counts = pair.of(color)
        ratio, p95 = _error_ratio(counts), _slowest([pair], color)
        errors = "no requests" if ratio is None else f"{counts.attempts:,} requests, {percent(ratio)} failed"
        told.append(f"{color} {errors}{'' if p95 is None else f', p95 {1000 * p95:.0f} ms'}")
    return f"{pair.service}: {'; '.join(told)}"
