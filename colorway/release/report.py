"""Says on a terminal, or in a log, how far a release is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from colorway.release.ports import Clock
from colorway.release.reports import ColorFigures, Progress
from colorway.release.verdict_evidence import percent
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

    def progress(self, progress: Progress) -> None:
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


def progress_line(progress: Progress) -> str:
    """Return one look at a stage as a line: time left, both colors' figures, what the verdict waits for."""
    left = go_duration(timedelta(seconds=round(progress.left.total_seconds())))
    said = f"held: {progress.said}" if progress.is_held else progress.said
    colors = " | ".join(_color(color, figures) for color, figures in progress.colors.items())
    return f"{progress.percent} %, {left} left | {colors} | {said}"


def _color(color: Color, figures: ColorFigures) -> str:
    rate = "?" if figures.requests_per_second is None else f"{figures.requests_per_second:.3g}"
    errors = "no requests" if figures.error_ratio is None else f"{percent(figures.error_ratio)} failed"
    p95 = "" if figures.p95 is None else f" p95 {1000 * figures.p95:.0f} ms"
    return f"{color} {figures.version} {figures.share} %: {rate}/s {errors}{p95}"
