"""Says on a terminal, or in a log, how far a release is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from colorway.release.plan.situation import Situation
from colorway.release.plan.steps import Bake, Commit, Done, Ending, Freeze, Refuse, Step
from colorway.release.ports.protocols import Clock, ColorFigures, StageProgress
from colorway.release.verdict.evidence import percent
from colorway.spec.fields import go_duration
from colorway.spec.traffic import Color

LOG_EVERY = timedelta(seconds=30)
"""Time between two progress lines where lines cannot be overwritten."""
ERASE = "\r\x1b[2K"
"""Back to the beginning of the line, and empty it."""


@dataclass(kw_only=True)
class LineReporter:
    """Prints a run's lines; a stage's progress is one line that is overwritten, or one line now and then in a log."""

    write: Callable[[str], object]
    """Writes text as it is, and shows it at once."""
    is_terminal: bool
    clock: Clock
    width: int = 160
    _last: datetime | None = field(default=None, init=False)
    _held: bool = field(default=False, init=False)
    _is_open: bool = field(default=False, init=False)

    def say(self, line: str) -> None:
        """Print one line."""
        self._close()
        self.write(f"{line}\n")

    def progress(self, progress: StageProgress) -> None:
        """Show one look at a stage."""
        line = progress_line(progress)
        if self.is_terminal:
            self.write(f"{ERASE}{line[: self.width - 1]}")
            self._is_open = True
            return
        now = self.clock.now()
        if self._last is None or now - self._last >= LOG_EVERY or progress.is_held != self._held:
            self._last, self._held = now, progress.is_held
            self.write(f"{line}\n")

    def _close(self) -> None:
        """End the line that was being overwritten."""
        if self._is_open:
            self.write("\n")
            self._is_open = False


def progress_line(progress: StageProgress) -> str:
    """Return one look at a stage as a line: time left, both colors' figures, what the verdict waits for."""
    left = go_duration(timedelta(seconds=round(progress.left.total_seconds())))
    said = f"held: {progress.said}" if progress.is_held else progress.said
    colors = " | ".join(_color(color, figures) for color, figures in progress.colors.items())
    return f"{progress.percent} %, {left} left | {colors} | {said}"


def _color(color: Color, figures: ColorFigures) -> str:
    rate = "?" if figures.requests_per_second is None else _rate(figures.requests_per_second)
    errors = "no requests" if figures.error_ratio is None else f"{percent(figures.error_ratio)} failed"
    p95 = "" if figures.p95 is None else f" p95 {1000 * figures.p95:.0f} ms"
    return f"{color} {figures.version} {figures.share} %: {rate}/s {errors}{p95}"


def _rate(number: float) -> str:
    """Return a number of requests as people write it: 2,240, 40.4, 4.04; never with an exponent."""
    digits = next((digits for digits, least in enumerate((100, 10)) if number >= least), 2)
    return f"{number:,.{digits}f}"


def describe(situation: Situation, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return a plan, a line each; commits with subject, diff and body."""
    text, told = situation.text, []
    for step in steps:
        match step:
            case Commit():
                after = step.edit.of(text, name=situation.file)
                told += _commit(step, text, after, situation.file)
                text = after
            case Bake():
                told.append(f"- {step.sentence} for {go_duration(step.time)} or longer; a bad verdict goes back")
            case Done() | Refuse() | Freeze():
                told += ending_lines(step)
            case _:
                told.append(f"- {step.sentence}")
    return tuple(told)


def ending_lines(ending: Ending) -> tuple[str, ...]:
    """Return how a run ended, a line each."""
    match ending:
        case Done():
            return (ending.summary, *(f"but: {remark}" for remark in ending.remarks))
        case Refuse():
            return (ending.reason, f"helps: {ending.cure}")
        case Freeze():
            return (f"held: {ending.reason}", f"helps: {ending.cure}")


def _commit(step: Commit, before: str, after: str, file: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), file, file, lineterm="", n=0)
    return [f"- commit: {step.sentence}", *(f"    {line}" for line in list(lines)[2:] if line[0] in "+-")]
