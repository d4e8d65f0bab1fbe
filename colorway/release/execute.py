"""The thin executor: asks the plan for the next step, performs it, looks again, until the plan says that it is over."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import timedelta

from colorway.errors import ColorwayError
from colorway.release.blame import blame, blames_the_color, trimmed
from colorway.release.observe import Observer
from colorway.release.perform import Performer
from colorway.release.plan import next_step, resolve
from colorway.release.ports import Ports
from colorway.release.simulate import simulate
from colorway.release.situation import Request, Session, Situation
from colorway.release.steps import Action, Commit, Done, Ending, Freeze, Refuse, Step, TakeLock

LOOKS = 5
"""How often a look is tried until a lost connection stops the release."""
LOOK_PAUSE = timedelta(seconds=2)
LOG_LIMIT = 2.0
"""Seconds that a color's last log lines may take: the way back does not wait for them."""
LOG_LINES = 10


def plan(request: Request, ports: Ports) -> tuple[Situation, tuple[Step, ...]]:
    """Return the situation now and all steps that a request would take if each went well; changes nothing.

    Raises:
        ColorwayError: git, the files, the engine or the swarm cannot be read.
    """
    situation = Observer(ports=ports, version=request.version).look(Session())
    return situation, simulate(situation, request)


def execute(request: Request, ports: Ports) -> Ending:
    """Do what was asked for, up to its ending.

    Whatever kills this run leaves git, the outputs and the swarm in a state that any later run continues from.

    Raises:
        ColorwayError: nothing could be read, and nothing was changed.
    """
    return Run(ports=ports, observer=Observer(ports=ports, version=request.version)).to_the_end(request)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the tool."""

    ports: Ports
    observer: Observer

    def to_the_end(self, request: Request) -> Ending:
        """Take step after step."""
        situation = self.observer.look(Session())
        found = resolve(situation, request)
        if isinstance(found, Refuse):
            return found
        self.observer.ask_for(found.version)
        is_locked = False
        try:
            while not isinstance(step := next_step(situation, found), Done | Refuse | Freeze):
                is_locked = is_locked or isinstance(step, TakeLock)
                situation = self._look(situation, self._take(step, situation, found))
        except BaseException:
            if is_locked:
                self._say_where_it_stands(situation)
            raise
        else:
            return step
        finally:
            if is_locked:
                self.ports.lock.release()

    def _take(self, step: Action, situation: Situation, request: Request) -> Session:
        """Perform one step and return what this run has done with it."""
        if step.sentence:
            self.ports.reporter.say(step.sentence)
        try:
            evidence = Performer(self.ports, self.observer).perform(step, situation)
        except ColorwayError as error:
            session = blame(situation, request, step, error)
            self.ports.reporter.say(f"failed: {error}")
            return self._with_log(session, situation) if blames_the_color(situation, session) else session
        head = self.ports.repository.head() if isinstance(step, Commit) else situation.head
        return situation.session.after(step, head=head, evidence=trimmed(evidence))

    def _look(self, before: Situation, session: Session) -> Situation:
        """Look again; where nothing can be seen for a while, the release stops where it is."""
        for attempt in range(LOOKS):
            try:
                return self.observer.look(session)
            except ColorwayError as error:
                reason = str(error)
                if attempt + 1 < LOOKS:
                    self.ports.clock.sleep(LOOK_PAUSE)
        stopped = replace(session, stopped=f"where it stands cannot be read: {reason}")
        return replace(before, session=stopped)

    def _with_log(self, session: Session, situation: Situation) -> Session:
        """Add a failed color's last log lines to the evidence, if they come in time."""
        lines: list[str] = []
        color = situation.state.rising
        reader = threading.Thread(target=lambda: lines.extend(self.ports.engine.log_tail(color)), daemon=True)
        reader.start()
        reader.join(timeout=LOG_LIMIT)
        failure = session.failure
        if failure is None or not lines:
            return session
        told = trimmed(tuple(f"| {line}" for line in lines[-LOG_LINES:]))
        return replace(session, failure=replace(failure, evidence=(*failure.evidence, f"log of {color}:", *told)))

    def _say_where_it_stands(self, situation: Situation) -> None:
        state, stack = situation.state, situation.stack
        self.ports.reporter.say(
            f"stopped: {stack} stands where the last commit says; colorway status {stack} names it, "
            f"colorway release {state.version or 'VERSION'} --stack {stack} continues, "
            f"colorway rollback --stack {stack} undoes"
        )
