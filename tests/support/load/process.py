"""The load as the test sees it: a context manager around the generator's process."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from tests.support.load.frames import PipeClosedError, read_frame, write_frame
from tests.support.load.generator import SNAPSHOT, STOP, STOP_NOW, Ready, Task
from tests.support.load.plan import LoadError
from tests.support.load.record import Snapshot
from tests.support.load.report import Report
from tests.support.load.stages import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from tests.support.load.plan import LoadPlan, Target

REPOSITORY = Path(__file__).resolve().parents[3]
START_SECONDS = 20.0
END_SECONDS = 5.0
SNAPSHOT_SECONDS = 30.0
POLL_SECONDS = 0.1
KEEPALIVE_MIN_TIMEOUT = 10.0
"""For so long after a reload an old nginx worker may still answer on an idle connection."""
START_MARK = "start"
LAST_WORDS = 4000

Message = TypeVar("Message")


class Load:
    """Sends a load from a process of its own while the test does something to the platform.

    Entering starts it, leaving ends the process whatever happened. Only `stop()` gives the final report.

    Args:
        target: The platform's entry.
        plan: How much of what.
    """

    def __init__(self, *, target: Target, plan: LoadPlan) -> None:
        self._target = target
        self._plan = plan
        self._marks: list[Mark] = []
        self._lock = threading.Lock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed on exit
        self._process: subprocess.Popen[bytes] | None = None
        self.post_prefix = f"load-{secrets.token_hex(4)}-"

    def __enter__(self) -> Self:
        """Start the generator and wait until it sends.

        Raises:
            LoadError: It did not start.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.support.load.generator import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=REPOSITORY,
            start_new_session=True,  # Ctrl-C is for the test; the generator ends when its input does.
        )
        try:
            with self._translated("start"):
                write_frame(self._stdin, Task(target=self._target, plan=self._plan, post_prefix=self.post_prefix))
                ready = self._read(Ready, timeout=START_SECONDS)
        except BaseException:
            self._end()
            raise
        self._marks.append(Mark(label=START_MARK, at=ready.started, settled_after=0.0))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._end()
        self._errors.close()

    @property
    def pid(self) -> int:
        """Process id of the generator."""
        return self._running.pid

    def mark(self, label: str, *, settled_after: float = KEEPALIVE_MIN_TIMEOUT) -> Mark:
        """Begin a stage now; it lasts until the next mark.

        Args:
            label: Its name in the report, unique in this load.
            settled_after: Seconds after which every request must meet the new state; questions about
                colors consider only requests that started later.

        Raises:
            LoadError: The label was used before.
        """
        mark = Mark(label=label, at=time.monotonic(), settled_after=settled_after)
        if any(label == one.label for one in self._marks):
            raise LoadError(f"Load.mark: {label!r} was marked before; each stage needs a label of its own.")
        self._marks.append(mark)
        return mark

    def snapshot(self) -> Report:
        """Return the report so far; the load goes on."""
        with self._lock, self._translated("give a snapshot"):
            os.write(self._stdin, SNAPSHOT)
            return self._report(self._read(Snapshot, timeout=SNAPSHOT_SECONDS))

    def wait_for(self, condition: Callable[[Report], bool], *, timeout: float) -> Report:
        """Wait until a condition holds for the report so far.

        Args:
            condition: Asked ten times a second at most, less often as the record grows.
            timeout: Seconds.

        Raises:
            LoadError: It did not hold in time, or the generator died.
        """
        deadline = time.monotonic() + timeout
        while True:
            asked = time.monotonic()
            report = self.snapshot()
            if condition(report):
                return report
            if time.monotonic() > deadline:
                raise LoadError(f"Load.wait_for: the condition did not hold within {timeout:g} s: {report.summary()}")
            # A long record takes a while to read: asking must not become a load of its own.
            time.sleep(max(POLL_SECONDS, 4 * (time.monotonic() - asked)))

    def stop(self, *, finish_download: bool = True) -> Report:
        """Send nothing new, wait for what is under way, end the process, print the report's summary and return it.

        Args:
            finish_download: Wait for the download under way too; else it counts as abandoned, not as failed.

        Raises:
            LoadError: The generator died, does not answer or printed an error: then nothing is proved.
        """
        longest = self._plan.request_timeout + 3 * (self._plan.download_seconds or 0) * finish_download
        with self._lock, self._translated("stop"):
            os.write(self._stdin, STOP if finish_download else STOP_NOW)
            report = self._report(self._read(Snapshot, timeout=longest + SNAPSHOT_SECONDS))
        self._end()
        if self._errors.seek(0, os.SEEK_END):
            raise LoadError(f"The load generator had an error of its own, so its report is void.{self._last_words()}")
        print(report.summary())
        return report

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise LoadError("Load: it does not run; use it as `with Load(target=…, plan=…) as load:`, up to stop().")
        return self._process

    @property
    def _stdin(self) -> int:
        stdin = self._running.stdin
        assert stdin is not None, "stdin is a pipe"
        return stdin.fileno()

    def _read(self, kind: type[Message], *, timeout: float) -> Message:
        stdout = self._running.stdout
        assert stdout is not None, "stdout is a pipe"
        message = read_frame(stdout.fileno(), timeout=timeout)
        assert isinstance(message, kind), f"the generator answered {type(message).__name__}"
        return message

    def _report(self, snapshot: Snapshot) -> Report:
        return Report(snapshot=snapshot, plan=self._plan, marks=tuple(sorted(self._marks, key=lambda mark: mark.at)))

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Say in one sentence that the generator died or hangs, with the end of what it printed."""
        try:
            yield
        except (PipeClosedError, BrokenPipeError):
            self._end()
            raise LoadError(f"The load generator died instead of doing this: {what}.{self._last_words()}") from None
        except TimeoutError:
            self._end()
            raise LoadError(f"The load generator did not {what} in time and was ended.{self._last_words()}") from None

    def _last_words(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - LAST_WORDS))
        words = self._errors.read().decode(errors="replace").strip()
        return f" It printed:\n{words}" if words else " It printed nothing."

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
