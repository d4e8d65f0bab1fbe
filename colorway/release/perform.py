"""Performs one step through the ports; knows how, never whether."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from colorway.errors import ColorwayError
from colorway.release.bake import Baking
from colorway.release.blame import StepFailedError
from colorway.release.health import not_healthy
from colorway.release.observe import Observer
from colorway.release.ports import Ports
from colorway.release.reports import Notice
from colorway.release.situation import Situation
from colorway.release.smoke import Subject, try_out
from colorway.release.steps import (
    Action,
    Apply,
    AwaitHealthy,
    BackUp,
    Bake,
    Commit,
    Notify,
    PullImages,
    RestoreFile,
    Smoke,
    TakeLock,
    Undo,
    Verify,
)

PAUSE = timedelta(seconds=1)
"""Time between two looks at tasks or load balancers."""
VERIFY_WITHIN = timedelta(seconds=15)
"""How long a load balancer may take to answer what it was just given."""


@dataclass(frozen=True)
class Performer:
    """Performs steps."""

    ports: Ports
    observer: Observer

    def perform(self, step: Action, situation: Situation) -> tuple[str, ...]:
        """Perform a step.

        Returns:
            What was found out and belongs into the next commit, a line each.

        Raises:
            ColorwayError: it could not be done, or what was seen is bad.
        """
        ports = self.ports
        match step:
            case TakeLock():
                ports.lock.take(reason=step.reason, take_over=step.take_over)
                self.observer.forget()
            case RestoreFile():
                ports.repository.restore(situation.file, text=situation.text)
            case Undo():
                pass
            case Commit():
                self._commit(step, situation)
            case Apply():
                return self._apply(step)
            case Notify():
                self._notify(step)
            case Verify():
                self._verify(situation)
            case PullImages() | BackUp() | AwaitHealthy() | Smoke() | Bake():
                return self._examine(step)
        return ()

    def _examine(self, step: PullImages | BackUp | AwaitHealthy | Smoke | Bake) -> tuple[str, ...]:
        """Perform a step that changes nothing that HEAD says."""
        ports = self.ports
        match step:
            case PullImages():
                return ports.images.pull(self.observer.facts().images)
            case BackUp():
                name = ports.backups.make() if ports.backups else "none"
                return (f"Backup before {', '.join(step.migrations)}: {name}, verified.",)
            case AwaitHealthy():
                return self._await_healthy(step)
            case Smoke():
                subject = Subject(color=step.color, version=step.version, as_user=step.as_user)
                return try_out(self.observer.facts().smoke, subject, prober=ports.prober, clock=ports.clock)
            case Bake():
                return Baking(ports=ports, facts=self.observer.facts(), step=step).run()

    def _commit(self, step: Commit, situation: Situation) -> None:
        self.ports.lock.check()
        after = step.edit.of(situation.text, name=situation.file)
        sha = self.ports.repository.commit_edit(
            situation.file, before=situation.text, after=after, message=step.message, head=situation.head
        )
        self.ports.reporter.say(f"committed {sha[:10]}")

    def _apply(self, step: Apply) -> tuple[str, ...]:
        self.ports.lock.check()
        try:
            return self.ports.applier.apply(self.observer.facts(), continue_on_error=step.continue_on_error)
        finally:
            self.observer.forget()

    def _notify(self, step: Notify) -> None:
        for problem in self.ports.notifier.send(Notice(event=step.event, title=step.title, lines=step.lines)):
            self.ports.reporter.say(problem)

    def _await_healthy(self, step: AwaitHealthy) -> tuple[str, ...]:
        clock = self.ports.clock
        deadline = clock.now() + self.observer.facts().healthy_within
        expected = [row.service for row in self.observer.outputs().services if row.color is step.color]
        while missing := not_healthy(self.ports.engine.health(), step.color, expected=expected):
            if clock.now() >= deadline:
                raise StepFailedError(f"{step.color} is not healthy: {missing[0]}", missing[1:])
            clock.sleep(PAUSE)
        return (f"All services of {step.color} are healthy.",)

    def _verify(self, situation: Situation) -> None:
        clock, wanted = self.ports.clock, situation.wanted_generation
        deadline = clock.now() + VERIFY_WITHIN
        while strays := {host: live for host, live in self.ports.engine.live().items() if live != wanted}:
            if clock.now() >= deadline:
                host, live = next(iter(strays.items()))
                raise ColorwayError(
                    f"load balancer {host} serves generation {live or 'unknown'} and not {wanted} after `up`"
                )
            clock.sleep(PAUSE)
