"""Turns: what several colorways of one machine make once, one after the other."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colorway.errors import ColorwayError
from colorway.machine.progress import Progress, silent


@contextmanager
def in_turn(folder: Path, *, what: str, progress: Progress = silent) -> Iterator[None]:
    """Hold the one right to fill a folder, and wait for whoever holds it; the system gives it back when that dies.

    What is wanted may have come meanwhile: look again once it is yours.

    Args:
        folder: Has the lock in it; made if need be.
        what: What the other one does, for who waits: "makes the root of a lab's hosts".
        progress: Told that somebody is waited for.

    Raises:
        ColorwayError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w", encoding="ascii")
    except OSError as error:
        raise ColorwayError(
            f"{folder} cannot be written to: {error.strerror}; set XDG_CACHE_HOME to a folder that can"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"Waiting for another colorway that {what}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
