"""Waiting that ends when the engine says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from colorway.errors import ColorwayError


class PluginError(ColorwayError):
    """An operation that failed; its message is what the engine shows for the resource."""


class CanceledError(PluginError):
    """The engine asked to stop, so a waiting loop gave up."""

    def __init__(self) -> None:
        super().__init__("context canceled")


class Patience:
    """Lets loops wait, until the engine cancels; then every wait ends with `CanceledError`."""

    def __init__(self) -> None:
        self._canceled = threading.Event()
        self._endings: set[Callable[[], None]] = set()
        self._lock = threading.Lock()

    def end(self) -> None:
        """End all waits, the running ones and those to come."""
        with self._lock:
            self._canceled.set()
            endings = list(self._endings)
        for ending in endings:
            ending()

    @contextmanager
    def ending(self, ending: Callable[[], None]) -> Iterator[None]:
        """While inside, call this when the engine cancels."""
        with self._lock:
            canceled = self._canceled.is_set()
            self._endings.add(ending)
        if canceled:
            ending()
        try:
            yield
        finally:
            with self._lock:
                self._endings.discard(ending)

    @property
    def ended(self) -> bool:
        """Whether the engine has canceled."""
        return self._canceled.is_set()

    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """Wait so long.

        Raises:
            CanceledError: the engine canceled.
        """
        if self._canceled.wait(max(seconds, 0)):
            raise CanceledError

    def until(self, reached: Callable[[], bool], *, every: float, limit: float) -> bool:
        """Wait for a condition.

        Args:
            reached: the condition.
            every: seconds between two looks.
            limit: seconds after which to give up.

        Returns:
            Whether it was reached in time.

        Raises:
            CanceledError: the engine canceled.
        """
        deadline = self.now() + limit
        while not reached():
            left = deadline - self.now()
            if left <= 0:
                return False
            self.pause(min(every, left))
        return True
