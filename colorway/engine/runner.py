"""One operation of the engine: past locks of the dead, references to what is gone, deletes that only look failed.

And what migrations wait for that only run once a color is gone.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pulumi import automation as auto

from colorway.config.pulumi_config import KEPT_BACK_VARIABLE
from colorway.engine.ending import EngineError, patient
from colorway.engine.events import EventLog
from colorway.engine.stack import Stack, last_line
from colorway.engine.state import Deployed, dead_owner, is_dead
from colorway.errors import ColorwayError
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.traffic import Color
from colorway.swarm.services import Swarm

_DELETING = re.compile(r"deleting (?P<urn>urn:\S+?):(?=\s|$)")
FAILED_DELETE = ("context deadline exceeded", "not found")
"""Ends of the docker plugin's errors after which a service may be gone although its delete failed."""
GONE_WITHIN = timedelta(seconds=60)
"""How long after its services' grace a color that was removed may have tasks."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs operations on one stack's state."""

    stack: str
    """Its name."""
    say: Callable[[str], None]
    """Prints one line."""

    def end_dead_locks(self, stack: Stack) -> None:
        """Take away what a killed engine left of its own lock, and of a state that it was just writing.

        Raises:
            ColorwayError: an engine that lives holds it: plain `pulumi`, or the last run's that is just ending.
        """
        owners = stack.lock_owners()
        living = [pid for host, pid in owners if not is_dead(host, pid)]
        if living:
            raise ColorwayError(
                f"{self.stack}: another run is working on this stack (process {living[0]}); wait until it ends"
            )
        # Before the lock, because the CLI reads the state to take that away.
        if restored := stack.restore():
            self.say(f"recovering: {restored}")
        if owners:
            self._cancel(stack, owners[0][1])

    def _cancel(self, stack: Stack, owner: int) -> None:
        self.say(f"recovering: process {owner} held the stack's lock and is dead; the lock is taken away")
        stack.cancel()

    def refuse_dangling(self, deployed: Deployed) -> None:
        """Refuse a state that refers to what is gone, where nothing may be written.

        Raises:
            ColorwayError: it does; with what takes such references out.
        """
        if deployed.dangling:
            raise ColorwayError(
                f"{self.stack}: the last run failed half-way and left references to what is gone in the state; "
                f"`colorway up {self.stack}` takes them out and goes on"
            )

    def repaired(self, stack: Stack, deployed: Deployed) -> Deployed:
        """Return the state without references to what is gone; until they are taken out the engine reads none of it."""
        if not deployed.dangling:
            return deployed
        gone = ", ".join(urn.rpartition("::")[2] for urn in deployed.dangling)
        self.say(f"recovering: the last run left references to {gone} in the state, which is gone; they are taken out")
        stack.repair()
        return stack.deployed()

    def refresh(self, stack: Stack, urns: Sequence[str]) -> None:
        """Have the engine ask the swarm what there is of some resources; see `unlocked`."""
        self.unlocked(stack, lambda: stack.refresh(target=list(urns), clear_pending_creates=True, run_program=False))

    def repeated(self, stack: Stack, log: EventLog, operation: Callable[[], object]) -> None:
        """Run an operation, and again where deletes failed that may have worked, as long as they get fewer."""
        failed: frozenset[str] | None = None
        while True:
            try:
                self.unlocked(stack, operation)
            except auto.CommandError:
                before, failed = failed, _failed_deletes(log.errors)
                if not failed or (before is not None and not failed - before and len(failed) >= len(before)):
                    raise
                self.say("recovering: a delete failed although the service may be gone; the swarm is asked what it has")
                deployed = self.repaired(stack, stack.deployed())
                left = sorted(failed & deployed.urns) or [urn for urn in [deployed.stack_urn] if urn]
                if left:
                    self.refresh(stack, left)
                log.errors.clear()
            else:
                return

    def unlocked(self, stack: Stack, operation: Callable[[], object]) -> None:
        """Run an operation; a lock whose process is dead is taken away first.

        Raises:
            ColorwayError: a process that lives holds it.
            auto.CommandError: the operation fails.
        """
        try:
            with self.patient():
                operation()
        except auto.ConcurrentUpdateError as error:
            owner = dead_owner(str(error))
            if owner is None:
                raise ColorwayError(
                    f"{self.stack}: another run is working on this stack; wait until it ends ({last_line(str(error))})"
                ) from None
            self._cancel(stack, owner)
            with self.patient():
                operation()

    def patient(self) -> AbstractContextManager[None]:
        """Let the engine end by itself at Ctrl-C, and say what helps then."""
        name = self.stack
        return patient(self.say, ending=f"{name}: interrupted; `colorway status {name}` says what is live, what helps")


def _failed_deletes(errors: Sequence[str]) -> frozenset[str]:
    """Return the URNs whose delete failed although they may be gone."""
    found = [_DELETING.search(error) for error in errors if any(end in error for end in FAILED_DELETE)]
    return frozenset(match["urn"] for match in found if match)


@contextmanager
def kept_back(migrations: Sequence[str]) -> Iterator[None]:
    """Let the program, which runs in this process, leave migrations to the next run."""
    os.environ[KEPT_BACK_VARIABLE] = " ".join(migrations)
    try:
        yield
    finally:
        del os.environ[KEPT_BACK_VARIABLE]


def await_gone(spec: PlatformSpec, swarm: Swarm, *, migrations: Sequence[str]) -> None:
    """Wait until no task is alive that could not live with some migrations: none of a color that is off.

    Raises:
        EngineError: one still is.
    """
    off = [color for color in Color if color not in spec.colors_on]
    longest = max(service.stop_grace for service in spec.platform.colored.values())
    until = time.monotonic() + (longest + GONE_WITHIN).total_seconds()
    while alive := [task for color in off for task in swarm.alive_of(color, network=names.network(spec.stack, color))]:
        if time.monotonic() > until:
            told = f"{', '.join(migrations)} waits: {alive[0]}, of the color that is off, is still alive"
            raise EngineError(
                told, hint=f"`colorway finish --stack {spec.stack}` goes on once its host is back or replaced."
            )
        time.sleep(1)
