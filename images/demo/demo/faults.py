"""Ways to be a bad release, on request: what a release tool must notice and undo.

`DEMO_FAULT` holds any of these, separated by commas; `@SERVICE` after one limits it to that service.

    never-healthy     /healthz answers 503, and workers and schedulers show no sign of life
    errors:0.2        this share of requests ends in 500
    slow:10           a request takes ten times the median time of this process, and 0.25 s more at least
    crash-after:N     the process dies, without a word, at the request after N of them
    smoke             /whoami names a version that is not the right one
    sound-for:N       the first N requests of a process are answered well, whatever else is named
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from demo.asgi import Answer, App, Message, Receive, Send

HEALTH_PATHS: Final = frozenset({"/healthz", "/readyz"})
LEAST_DELAY: Final = 0.25
REMEMBERED: Final = 101


class FaultError(ValueError):
    """DEMO_FAULT names a fault that there is not; the message says which there are."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What this process does wrong on purpose; nothing, as a rule."""

    never_healthy: bool = False
    error_share: float = 0.0
    slow_factor: float = 0.0
    crash_after: int | None = None
    smoke: bool = False
    sound_for: int = 0


def parse(text: str, *, service: str) -> Faults:
    """Read DEMO_FAULT for one service.

    Raises:
        FaultError: a fault is unknown, or its number is none.
    """
    found = Faults()
    for word in filter(None, (part.strip() for part in text.split(","))):
        fault, _, only = word.partition("@")
        if only in {"", service}:
            found = _with(found, fault)
    return found


def _with(faults: Faults, word: str) -> Faults:
    kind, _, number = word.partition(":")
    try:
        match kind:
            case "never-healthy":
                return replace(faults, never_healthy=True)
            case "errors":
                return replace(faults, error_share=float(number))
            case "slow":
                return replace(faults, slow_factor=float(number))
            case "crash-after":
                return replace(faults, crash_after=int(number))
            case "smoke":
                return replace(faults, smoke=True)
            case "sound-for":
                return replace(faults, sound_for=int(number))
    except ValueError:
        raise FaultError(f"DEMO_FAULT: {kind!r} needs a number after a colon, as in {kind}:10") from None
    raise FaultError(
        f"DEMO_FAULT: there is no fault {kind!r}; "
        "there are never-healthy, errors:SHARE, slow:FACTOR, crash-after:N, smoke, sound-for:N"
    )


class FaultyApp:
    """An application around another one that answers badly; health requests pass untouched."""

    def __init__(self, app: App, faults: Faults) -> None:
        self._app = app
        self._faults = faults
        self._requests = 0
        self._times: deque[float] = deque(maxlen=REMEMBERED)
        self._error = Answer({"error": "this release fails on purpose"}, status=500)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or fail at it."""
        if scope["type"] != "http" or scope["path"] in HEALTH_PATHS:
            await self._app(scope, receive, send)
            return
        self._requests += 1
        if self._requests <= self._faults.sound_for:
            await self._app(scope, receive, send)
            return
        if self._faults.crash_after is not None and self._requests > self._faults.crash_after:
            os._exit(1)
        if self._faults.slow_factor:
            await asyncio.sleep(self._delay())
        if random.random() < self._faults.error_share:  # noqa: S311 - a share, not a secret
            await self._error.send(send)
            return
        before = time.perf_counter()
        await self._app(scope, receive, send)
        self._times.append(time.perf_counter() - before)

    def _delay(self) -> float:
        median = statistics.median(self._times) if self._times else 0.0
        return max(LEAST_DELAY, median * (self._faults.slow_factor - 1))


def with_faults(app: App, faults: Faults) -> App:
    """Return the application itself if there is nothing to do wrong: the hot path pays nothing."""
    return FaultyApp(app, faults) if faults.error_share or faults.slow_factor or faults.crash_after is not None else app
