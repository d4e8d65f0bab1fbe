"""What the machine's processes show of themselves, to whoever looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def processes_watched(*wanted: bytes, pause: float = 0.02) -> Iterator[list[str]]:
    """Look at the arguments and variables of all processes while the block runs; collect those with a secret.

    Args:
        wanted: How the secrets would show.
        pause: Seconds between two looks.
    """
    found: list[str] = []
    end = threading.Event()

    def look() -> None:
        while not end.wait(pause):
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        text = (process / name).read_bytes()
                    except OSError:
                        continue
                    if any(needle in text for needle in wanted):
                        found.append(f"{process.name} {name}")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join(timeout=10)
