"""A process that keeps namespaces alive, known by its number and by when it began."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from colorway.errors import ColorwayError

_READY = "ready"
"""What a program prints once its namespaces are furnished."""
_START_SECONDS = 60.0
_END_SECONDS = 30.0
_POLL_SECONDS = 0.02
_BEGAN = 19
"""Place of the time when a process began, in ticks since the machine's start, after its name in /proc/PID/stat."""
_ENTRANCES = ("--net", "--mount", "--uts", "--ipc", "--pid", "--cgroup")


@dataclass(frozen=True, kw_only=True)
class Namespaces:
    """Namespaces that one process keeps alive; all in them ends with it."""

    what: str
    """Whose they are, for messages."""
    folder: Path
    """Where the process is written down."""

    @property
    def pid(self) -> int | None:
        """The process, None where it does not live: another one that has its number by now is none."""
        try:
            pid, began = (self.folder / "process").read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return None
        return int(pid) if _began(int(pid)) == began else None

    def start(self, program: Sequence[str], *, kinds: Sequence[str]) -> int:
        """Start a program as the first process of new namespaces, and return its number.

        Args:
            program: Prints `ready` when all is furnished, and lives as long as they should.
            kinds: Options of `unshare`; with `--pid` the program is process 1 there.

        Raises:
            ColorwayError: it ended, or was not ready in time; with its last words.
        """
        log = self.folder / "log"
        with log.open("wb") as written:
            outer = subprocess.Popen(
                ["unshare", *kinds, "--fork", "--propagation", "private", "--", *program],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        end = time.monotonic() + _START_SECONDS
        while _READY not in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if outer.poll() is not None or time.monotonic() > end:
                outer.kill()
                words = log.read_text(encoding="utf-8", errors="replace").strip() or "it said nothing"
                raise ColorwayError(f"{self.what} does not start: {words}")
            time.sleep(_POLL_SECONDS)
        pid = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text(encoding="ascii"))
        (self.folder / "process").write_text(f"{pid} {_began(pid)}", encoding="ascii")
        return pid

    def end(self) -> None:
        """End the process, and with it everything in the namespaces.

        Raises:
            ColorwayError: it does not end.
        """
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            end = time.monotonic() + _END_SECONDS
            while self.pid is not None:
                if time.monotonic() > end:
                    raise ColorwayError(f"{self.what} (process {pid}) does not end; `ps {pid}` says what it waits for")
                time.sleep(_POLL_SECONDS)
        (self.folder / "process").unlink(missing_ok=True)

    def run(self, *command: str, given: str = "") -> str:
        """Run a command inside, and return what it printed.

        Raises:
            ColorwayError: it failed, or nobody is there.
        """
        return run(self.entering(command), what=self.what, given=given)

    def entering(self, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command inside.

        Raises:
            ColorwayError: nobody is there.
        """
        pid = self.pid
        if pid is None:
            raise ColorwayError(f"{self.what} does not run")
        theirs = [kind for kind in _ENTRANCES if _differs(pid, kind.removeprefix("--").replace("mount", "mnt"))]
        return ["nsenter", f"--target={pid}", *theirs, "--", *command]


def run(command: Sequence[str], *, what: str, given: str = "") -> str:
    """Run a command on this machine, and return what it printed.

    Raises:
        ColorwayError: it failed; with its last line.
    """
    ran = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if ran.returncode:
        words = (ran.stderr or ran.stdout).strip().splitlines() or ["it said nothing"]
        raise ColorwayError(f"{what}: {command[0]} ended with {ran.returncode}: {words[-1]}")
    return ran.stdout


def _differs(pid: int, kind: str) -> bool:
    theirs, ours = Path(f"/proc/{pid}/ns/{kind}"), Path(f"/proc/self/ns/{kind}")
    return theirs.readlink() != ours.readlink()


def _began(pid: int) -> str | None:
    """Return when a process began; None for one that is gone, or only waits for its parent to notice."""
    try:
        rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if rest[0] in "ZX" else rest[_BEGAN]
