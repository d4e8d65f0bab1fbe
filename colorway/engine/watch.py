"""Watches tasks while `up` runs: what failed is often gone when the engine says that it failed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from colorway.errors import ColorwayError
from colorway.swarm.services import Swarm, TaskState

INTERVAL = 1.0
"""Seconds between two looks."""
LOG_LINES = 20
FAILED = ("failed", "rejected", "complete")
"""Swarm's words for a task that ended by itself; one that its health check ended well-behaved is `complete`."""


@dataclass(kw_only=True)
class FailingTask:
    """The last failing task of one service."""

    service: str
    reason: str
    health: str = ""
    log: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return what an operator wants to read: the state, the health check's words, the log's end."""
        health = f"; health check: {self.health.splitlines()[-1][:200]}" if self.health else ""
        return [f"{self.service}: {self.reason}{health}", *(f"  | {line[:200]}" for line in self.log)]


@contextmanager
def watched_tasks(swarm: Swarm, *, stack: str) -> Iterator[dict[str, FailingTask]]:
    """Collect failing tasks of a stack while the block runs, by service; older failures do not count."""
    failures: dict[str, FailingTask] = {}
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(swarm, stack, failures, stop), daemon=True)
    watcher.start()
    try:
        yield failures
    finally:
        stop.set()
        watcher.join(timeout=5)


def _watch(swarm: Swarm, stack: str, failures: dict[str, FailingTask], stop: threading.Event) -> None:
    seen: set[str] | None = None
    while True:
        try:
            tasks = swarm.tasks(stack)
            failing = [task for task in tasks if task.state in FAILED]
            if seen is None:
                seen = {task.id for task in failing}
            for task in failing:
                if task.id not in seen:
                    seen.add(task.id)
                    failures[task.service] = _describe(swarm, task)
        except (ColorwayError, OSError, KeyError, ValueError):
            # Whoever watches must never make an `up` fail; the next look may work again.
            pass
        if stop.wait(INTERVAL):
            return


def _describe(swarm: Swarm, task: TaskState) -> FailingTask:
    code = "" if task.exit_code in {None, 0} else f", exit code {task.exit_code}"
    why = "ended although it should run" if task.state == "complete" else task.error or task.message
    return FailingTask(
        service=task.service,
        reason=f"task {task.state}: {why}{code}",
        health=swarm.health_output(task.container) if task.container else "",
        log=swarm.log_lines(task.container, count=LOG_LINES) if task.container else [],
    )
