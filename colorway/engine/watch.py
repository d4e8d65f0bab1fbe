"""Watches tasks while `up` runs, and says what keeps them from starting as soon as that is known.

What failed is often gone when the engine says that it failed: the docker plugin deletes a service whose first create
did not converge, and waits minutes before it says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from colorway.errors import ColorwayError
from colorway.swarm.services import Swarm
from colorway.swarm.tasks import WAITING, TaskState, missing_image, why_ended, why_waiting

INTERVAL = 1.0
"""Seconds between two looks."""
PERSISTS = 3.0
"""Seconds that a task must have waited for the same reason: a swarm that only schedules says such things, too."""
LOG_LINES = 20


@dataclass(kw_only=True)
class FailingTask:
    """The last task of one service that did not start, or did not last."""

    service: str
    reason: str
    health: str = ""
    log: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """Return what is wrong in one line: service, state, reason, and the health check's last words."""
        health = f"; health check: {self.health.splitlines()[-1][:200]}" if self.health else ""
        return f"{self.service}: {self.reason}{health}"

    def lines(self) -> list[str]:
        """Return what an operator wants to read: the sentence, and the log's end."""
        return [self.sentence(), *(f"  | {line[:200]}" for line in self.log)]


def _nothing(_line: str) -> None:
    return


@contextmanager
def watched_tasks(
    swarm: Swarm, *, stack: str, say: Callable[[str], None] = _nothing, without: Collection[str] = ()
) -> Iterator[dict[str, FailingTask]]:
    """Collect tasks of a stack that do not start or do not last while the block runs, by service.

    Older failures do not count, and a task that waited and then starts after all is forgotten.

    Args:
        swarm: Its swarm.
        stack: Name of the stack.
        say: Told each reason within seconds, once per service and reason.
        without: Services that cannot start now, as everybody knows.
    """
    watch = _Watcher(swarm=swarm, stack=stack, say=say, without=frozenset(without))
    stop = threading.Event()
    thread = threading.Thread(target=_look_until, args=(watch, stop), daemon=True)
    thread.start()
    try:
        yield watch.failures
    finally:
        stop.set()
        thread.join(timeout=5)


def _look_until(watch: _Watcher, stop: threading.Event) -> None:
    while True:
        # Whoever watches must never make an `up` fail; the next look may work again.
        with suppress(ColorwayError, OSError, KeyError, ValueError):
            watch.look()
        if stop.wait(INTERVAL):
            return


@dataclass(kw_only=True)
class _Watcher:
    """What was seen so far."""

    swarm: Swarm
    stack: str
    say: Callable[[str], None]
    without: frozenset[str] = frozenset()
    failures: dict[str, FailingTask] = field(default_factory=dict)
    _ended: set[str] | None = None
    """Tasks whose end is known; none = nobody has looked yet."""
    _waiting: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Why each waiting task waits, and since when."""
    _blamed: dict[str, str] = field(default_factory=dict)
    """The waiting task that each service's failure is taken from."""
    _said: set[tuple[str, str]] = field(default_factory=set)
    _refused: dict[str, str | None] = field(default_factory=dict)
    """What registries said of images that are missing; asked once each."""

    def look(self) -> None:
        """Ask the swarm once."""
        tasks = [task for task in self.swarm.tasks(self.stack) if task.service not in self.without]
        ended = {task.id: task for task in tasks if task.has_ended}
        if self._ended is None:
            self._ended = set(ended)
        # Oldest first, so that the newest failure of a service is the one that stays.
        for task in reversed([task for name, task in ended.items() if name not in self._ended]):
            self._note(task, self._why_ended(task))
            self._ended.add(task.id)
        self._look_at_waiting([task for task in tasks if not task.has_ended])

    def _why_ended(self, task: TaskState) -> str:
        """Return why a task ended; for an image that is missing, what its registry says."""
        reference = missing_image(task.error or task.message)
        if reference is None:
            return why_ended(task)
        if reference not in self._refused:
            self._refused[reference] = self.swarm.why_no_image(reference)
        refused = self._refused[reference]
        return f"task {task.state}: No such image: {reference}; {refused}" if refused else why_ended(task)

    def _look_at_waiting(self, tasks: list[TaskState]) -> None:
        new = any(task.state in WAITING and not task.error for task in tasks)
        starting = any(task.state == "starting" for task in tasks)
        networks = self.swarm.networks() if new else []
        no_addresses = {one.id: one.name for one in networks if not one.has_addresses}
        unhealthy = self.swarm.unhealthy_containers() if starting else set()
        now, before, self._waiting = monotonic(), self._waiting, {}
        for task in tasks:
            reason = why_waiting(task, no_addresses=no_addresses, unhealthy=unhealthy)
            if reason is None:
                self._forget(task)
                continue
            known, since = before.get(task.id, (reason, now))
            self._waiting[task.id] = (reason, since if known == reason else now)
            if task.container or now - self._waiting[task.id][1] >= PERSISTS:
                self._note(task, reason)
                self._blamed[task.service] = task.id

    def _forget(self, task: TaskState) -> None:
        """Blame a task no more that waited and goes on; one that is gone may be the very reason why it is."""
        if self._blamed.get(task.service) == task.id and task.desired != "shutdown":
            del self._blamed[task.service]
            self.failures.pop(task.service, None)

    def _note(self, task: TaskState, reason: str) -> None:
        known = self.failures.get(task.service)
        if known and known.reason == reason and task.service in self._blamed:
            return
        found = FailingTask(
            service=task.service,
            reason=reason,
            health=self.swarm.health_output(task.container) if task.container else "",
            log=self.swarm.log_lines(task.container, count=LOG_LINES) if task.container else [],
        )
        self._blamed.pop(task.service, None)
        self.failures[task.service] = found
        if (task.service, reason) not in self._said:
            self._said.add((task.service, reason))
            self.say(found.sentence())
