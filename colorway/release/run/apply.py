"""How HEAD becomes live: by this run, or by CI after a push."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from colorway.errors import ColorwayError
from colorway.release.ports.project import ProjectFacts
from colorway.release.ports.protocols import Clock, EnginePort, Reporter, Repository

CI_LIMIT = timedelta(minutes=30)
"""Longest time that CI may take for one commit."""
CI_PAUSE = timedelta(seconds=5)
"""Time between two looks at the stack's outputs."""


@dataclass(frozen=True)
class ApplyHere:
    """This run applies."""

    engine: EnginePort

    def apply(self, _facts: ProjectFacts, *, continue_on_error: bool) -> tuple[str, ...]:
        """Make HEAD live; see `Applier`."""
        told = self.engine.fence_lost() if continue_on_error else ()
        self.engine.up(continue_on_error=continue_on_error)
        return told


@dataclass(frozen=True, kw_only=True)
class ApplyByCi:
    """CI applies what is pushed; this run waits until the stack's outputs show it."""

    engine: EnginePort
    repository: Repository
    clock: Clock
    reporter: Reporter
    limit: timedelta = CI_LIMIT

    def apply(self, facts: ProjectFacts, *, continue_on_error: bool) -> tuple[str, ...]:
        """Push HEAD and wait; see `Applier`. What CI does on an error is CI's own."""
        told = self.engine.fence_lost() if continue_on_error else ()
        self.repository.push()
        head = self.repository.head()[:10]
        self.reporter.say(f"pushed {head}; waiting for CI to apply it")
        deadline = self.clock.now() + self.limit
        while not self._is_live(facts):
            if self.clock.now() >= deadline:
                minutes = round(self.limit / timedelta(minutes=1))
                raise ColorwayError(
                    f"CI has not applied commit {head} within {minutes} min; look at its log, then continue or undo"
                )
            self.clock.sleep(CI_PAUSE)
        return (*told, f"CI applied {head}.")

    def _is_live(self, facts: ProjectFacts) -> bool:
        try:
            outputs, live = self.engine.outputs(), self.engine.live()
        except ColorwayError:
            # CI's own `up` may hold the state right now.
            return False
        is_exported = (
            outputs is not None and outputs.installed == facts.committed and not outputs.held.keys() - facts.held
        )
        return is_exported and set(live.values()) == {facts.wanted_generation}
