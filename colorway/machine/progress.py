"""Tells the person at the terminal what a long step does, for how long, and how far it is."""

from __future__ import annotations

import math
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

from typing_extensions import override

LINE_EVERY_SECONDS: Final = 10.0
"""How often a running step prints a line where lines cannot be rewritten (a log, CI)."""

_ESTIMATE_AFTER_SECONDS: Final = 5.0
_WORTH_KEEPING_SECONDS: Final = 1.0
_ROUGH_SECONDS: Final = 100
_CLEAR_LINE: Final = "\r\x1b[2K"


@dataclass(frozen=True, kw_only=True)
class Count:
    """How far a step is."""

    done: int
    """Units that are finished."""
    unit: str
    """What is counted, singular: "package"."""
    total: int | None = None
    """How many units there are; None while nobody knows."""
    time_share: float | None = None
    """How much of the step's time is behind, 0 to 1, where the units are too unequal to tell; else None."""

    @property
    def share(self) -> float | None:
        """The best guess at the share of the work that is behind, 0 to 1."""
        if self.time_share is not None:
            return self.time_share
        return self.done / self.total if self.total else None

    @override
    def __str__(self) -> str:
        if not self.total or self.share is None:
            return f"{self.done} {self.unit}{'' if self.done == 1 else 's'}"
        return f"{self.unit} {self.done} of {self.total} ({math.floor(self.share * 100)} %)"


class Progress(Protocol):
    """Receives what a long piece of work is doing."""

    def __call__(self, what: str, count: Count | None = None, *, lasting: bool = False) -> None:
        """Say that `what` goes on; another `what` than the last one ends that step and starts a new one.

        Args:
            what: The step, without a full stop: "Compiling the Pulumi CLI".
            count: How far it is, where that is known.
            lasting: The line is a fact to keep on the terminal, no step: it is printed once and never rewritten.
        """


def silent(what: str, count: Count | None = None, *, lasting: bool = False) -> None:
    """Report nothing; for callers that want only the result."""


@dataclass(frozen=True, kw_only=True)
class _Step:
    what: str
    started: float
    count: Count | None

    def line(self, *, now: float) -> str:
        """What runs, how far it is, how long it took and, once that can be told, how long it will take."""
        seconds = now - self.started
        parts = [f"{self.what}: {self.count}" if self.count else self.what, duration(seconds)]
        share = self.count.share if self.count else None
        if share and share < 1 and seconds >= _ESTIMATE_AFTER_SECONDS:
            parts.append(f"about {_rough(seconds * (1 - share) / share)} left")
        return ", ".join(parts)


class TerminalProgress:
    """Progress on a terminal: one line that is rewritten, or a line every ten seconds where that is impossible.

    Use it as a context manager: a thread keeps the time on the line current while a step is silent.
    """

    def __init__(self, stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._rewrites = self._stream.isatty()
        self._step: _Step | None = None
        self._printed_at = 0.0
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._ticker = threading.Thread(target=self._keep_current, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._ticker.join()
        with self._lock:
            self._end_step("stopped after" if kind else "took")

    def __call__(self, what: str, count: Count | None = None, *, lasting: bool = False) -> None:
        """Show the step, or print the lasting line; see `Progress`."""
        with self._lock:
            if lasting:
                self._print(what)
                return
            if self._step is None or self._step.what != what:
                self._end_step("took")
                self._step = _Step(what=what, started=self._clock(), count=count)
                if not self._rewrites:
                    self._print(what)
            else:
                self._step = _Step(what=what, started=self._step.started, count=count)
            self.tick()

    def tick(self) -> None:
        """Bring the line up to date; called by the thread about once a second."""
        with self._lock:
            now = self._clock()
            if self._step is None:
                return
            if self._rewrites:
                width = shutil.get_terminal_size().columns - 1
                self._stream.write(_CLEAR_LINE + self._step.line(now=now)[:width])
                self._stream.flush()
            elif now - self._printed_at >= LINE_EVERY_SECONDS:
                self._print(self._step.line(now=now))

    def _keep_current(self) -> None:
        while not self._closed.wait(1.0):
            self.tick()

    def _end_step(self, how: str) -> None:
        if self._step is None:
            return
        seconds = self._clock() - self._step.started
        if seconds >= (_WORTH_KEEPING_SECONDS if self._rewrites else LINE_EVERY_SECONDS):
            self._print(f"{self._step.what}: {how} {duration(seconds)}")
        elif self._rewrites:
            self._stream.write(_CLEAR_LINE)
            self._stream.flush()
        self._step = None

    def _print(self, line: str) -> None:
        self._stream.write(f"{_CLEAR_LINE if self._rewrites else ''}{line}\n")
        self._stream.flush()
        self._printed_at = self._clock()


def duration(seconds: float) -> str:
    """Write a duration the way a person says it: "34 s", "6 min 2 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _rough(seconds: float) -> str:
    """Write an estimate no more exactly than it deserves: tens of seconds, then whole minutes."""
    tens = math.ceil(seconds / 10) * 10
    return f"{tens} s" if tens < _ROUGH_SECONDS else f"{math.ceil(seconds / 60)} min"
