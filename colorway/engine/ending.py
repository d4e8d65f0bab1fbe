"""How an operation of the engine ends before its end: by a failure, or by Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from pulumi import automation as auto

from colorway.engine.events import EventLog
from colorway.engine.stack import last_line
from colorway.engine.watch import FailingTask
from colorway.errors import ColorwayError
from colorway.swarm.tasks import missing_image


class EngineError(ColorwayError):
    """The engine could not finish; the message says what failed and why."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        # A release knows itself what comes next.
        self.hint = hint


@contextmanager
def explained(
    log: EventLog,
    failures: dict[str, FailingTask],
    *,
    hint: str,
    why_no_image: Callable[[str], str | None] = lambda _reference: None,
) -> Iterator[None]:
    """Turn an engine's failure into an error that says what failed and why."""
    try:
        yield
    except auto.CommandError as error:
        # A failing task is the reason; that its service did not converge is the consequence.
        told = [line for failure in failures.values() for line in failure.lines()]
        told += [_with_registry(line, why_no_image) for line in log.errors]
        told = told or [last_line(str(error))]
        raise EngineError("\n".join(told), hint=hint) from None


def _with_registry(line: str, why_no_image: Callable[[str], str | None]) -> str:
    """Return an error with what a registry says of the image that it misses: of a migration's, for example."""
    reference = missing_image(line)
    why = why_no_image(reference) if reference else None
    return f"{line}; {why}" if why else line


@contextmanager
def patient(say: Callable[[str], None], *, ending: str) -> Iterator[None]:
    """Let the engine end by itself at the first Ctrl-C: the terminal tells it, too. A second one ends all at once.

    Args:
        say: Prints one line.
        ending: One sentence for the end: what was interrupted, and what helps; typer says nothing of an interrupt.

    Raises:
        KeyboardInterrupt: it was interrupted and has ended, or was interrupted twice.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread is told of signals.
        yield
        return
    told = False

    def hear(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        if told:
            raise KeyboardInterrupt
        told = True
        say("interrupted: the engine ends what it has begun; Ctrl-C again ends it at once")

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    except auto.CommandError:
        if not told:
            raise
    finally:
        signal.signal(signal.SIGINT, before)
    if told:
        say(ending)
        raise KeyboardInterrupt
