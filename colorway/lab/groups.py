"""The control groups of a lab's host, whichever version of them the machine has."""

from __future__ import annotations

import errno
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from colorway.errors import ColorwayError

GROUPS = Path("/sys/fs/cgroup")
"""Where the machine's control groups are: one tree (version 2), or one for each controller (version 1)."""
INIT = "init"
"""The group of a host's own processes in version 2, where a group whose groups have limits takes no process."""
_END_SECONDS = 30.0
_POLL_SECONDS = 0.02


def is_unified() -> bool:
    """Return whether this machine has version 2, and nothing else."""
    return (GROUPS / "cgroup.controllers").exists()


def can_limit(controller: str) -> bool:
    """Return whether this machine has groups that limit something, as `memory`."""
    if is_unified():
        return controller in (GROUPS / "cgroup.controllers").read_text(encoding="ascii").split()
    return (GROUPS / controller).is_dir()


@dataclass(frozen=True, kw_only=True)
class ControlGroup:
    """All that a host's processes and containers may take together."""

    name: str
    """Its path below the root of each tree."""
    what: str
    """Whose it is, for messages."""

    @property
    def members(self) -> list[Path]:
        """The files that a process is written to, to be one of the host's own."""
        inner = INIT if is_unified() else ""
        return [folder / inner / "cgroup.procs" for folder in self._folders()]

    @property
    def stands_still(self) -> bool:
        """Whether its processes do nothing."""
        try:
            return self._freezer().read_text(encoding="ascii").strip() not in {"0", "THAWED"}
        except FileNotFoundError:
            return False

    def stand_still(self, *, on: bool) -> None:
        """Let all its processes stand still, or go on; nothing where it is not there."""
        freezer = self._freezer()
        if freezer.exists():
            words = ("0", "1") if is_unified() else ("THAWED", "FROZEN")
            freezer.write_text(words[on], encoding="ascii")

    def remove(self) -> None:
        """Remove it, with what is in it, and above it what is empty then; its processes have ended.

        Raises:
            ColorwayError: a process does not end.
        """
        for folder in self._folders():
            for inner in sorted(folder.rglob("*/"), reverse=True):
                self._remove(inner)
            self._remove(folder)
            # What other hosts and labs have stays.
            with suppress(OSError):
                for above in list(folder.parents)[: self.name.count("/")]:
                    above.rmdir()

    def _remove(self, folder: Path) -> None:
        end = time.monotonic() + _END_SECONDS
        while True:
            try:
                folder.rmdir()
            except FileNotFoundError:
                # A controller may have a second name.
                return
            except OSError as error:
                # Who has just entered the host from outside notices its end a moment later.
                if error.errno != errno.EBUSY or time.monotonic() > end:
                    raise ColorwayError(f"{self.what}: its control group {folder} cannot be removed: {error}") from None
                time.sleep(_POLL_SECONDS)
            else:
                return

    def _folders(self) -> list[Path]:
        """Return it in each tree that has it."""
        trees = [GROUPS] if is_unified() else sorted(GROUPS.glob("*/"))
        return [tree / self.name for tree in trees if (tree / self.name).is_dir()]

    def _freezer(self) -> Path:
        if is_unified():
            return GROUPS / self.name / "cgroup.freeze"
        return GROUPS / "freezer" / self.name / "freezer.state"
