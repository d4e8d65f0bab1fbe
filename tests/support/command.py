"""A command of the command line that runs beside the test, and what it has said so far."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from dataclasses import dataclass, field
from subprocess import Popen

from tests.support.clone import Clone
from tests.support.wait import wait_until


@dataclass(frozen=True)
class Said:
    """One line, and when it came."""

    at: float
    """`time.monotonic()` seconds."""
    text: str


@dataclass(kw_only=True)
class Command:
    """A running command."""

    process: Popen[str]
    said: list[Said] = field(default_factory=list)
    _reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def start(cls, clone: Clone, *arguments: str) -> Command:
        """Start a command in a clone; it is a process group of its own."""
        return cls(process=clone.start(*arguments))

    @property
    def output(self) -> str:
        """All that was said so far."""
        return "\n".join(line.text for line in self.said)

    def when(self, pattern: str, *, after: float = 0.0) -> float:
        """Return when the first line came that has a pattern, of those that came after some time.

        Raises:
            AssertionError: none did.
        """
        found = next((line.at for line in self.said if line.at > after and re.search(pattern, line.text)), None)
        assert found is not None, f"{pattern!r} was never said:\n{self.output}"
        return found

    def wait_for(self, pattern: str, *, limit: float) -> float:
        """Wait until a line has a pattern, and return when it came.

        Raises:
            AssertionError: the command ended, or the time was over, before.
        """

        def is_said() -> bool:
            if re.search(pattern, self.output, re.MULTILINE):
                return True
            assert self.process.poll() is None, f"ended before it said {pattern!r}:\n{self.output}"
            return False

        try:
            wait_until(is_said, limit=limit, what=f"the command says {pattern!r}")
        except AssertionError:
            print(self.output)
            raise
        return self.when(pattern)

    def end(self, *, code: int, limit: float) -> str:
        """Wait for the end, and return all that was said.

        Raises:
            AssertionError: it ended with another code, too late, or with a traceback.
        """
        wait_until(lambda: self.process.poll() is not None, limit=limit, what=f"the command ends:\n{self.output}")
        self._reader.join(timeout=10)
        assert self.process.returncode == code, f"ended with {self.process.returncode}:\n{self.output}"
        assert "Traceback" not in self.output, f"a user must never see a traceback:\n{self.output}"
        return self.output

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the command and all its children, and wait until it is gone."""
        os.killpg(self.process.pid, number)
        self.process.wait(timeout=60)
        self._reader.join(timeout=10)

    def _read(self) -> None:
        assert self.process.stdout is not None, "stdout is a pipe"
        for line in self.process.stdout:
            self.said.append(Said(time.monotonic(), line.rstrip()))
