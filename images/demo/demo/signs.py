"""Signs of life and the wish to stop, for roles without a port."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Final

ALIVE: Final = Path("/tmp/alive")  # noqa: S108 - the health command of the platform file looks there
BEAT_SECONDS: Final = 0.5


def stop_on_signal() -> asyncio.Event:
    """Return an event that SIGTERM sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def pause(stop: asyncio.Event, *, seconds: float) -> None:
    """Wait, but not once the process is to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


async def show_life(path: Path = ALIVE) -> None:
    """Touch a file twice a second for as long as this process's event loop turns; never returns."""
    while True:
        path.touch()  # noqa: ASYNC240 - a file in memory
        await asyncio.sleep(BEAT_SECONDS)
