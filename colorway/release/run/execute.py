"""The thin executor: asks the plan for the next step, performs it, looks again, until the plan says that it is over."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import timedelta

from colorway.errors import ColorwayError
from colorway.release.plan.facts import not_healthy
from colorway.release.plan.plan import next_step, resolve, simulate
from colorway.release.plan.situation import Request, Session, Situation
from colorway.release.plan.steps import (
    Action,
    Apply,
    AwaitHealthy,
    BackUp,
    Bake,
    Commit,
    Done,
    Ending,
    Event,
    Freeze,
    Notify,
    PullImages,
    Purge,
    Refuse,
    RestoreFile,
    Smoke,
    Step,
    TakeLock,
    Undo,
    Verify,
)
from colorway.release.ports.git import GitError
from colorway.release.ports.protocols import LockLostError, LostError, Notice, Ports
from colorway.release.run.bake import Baking
from colorway.release.run.blame import StepFailedError, blame, blames_the_color, trimmed
from colorway.release.run.observe import Observer
from colorway.release.run.requests import Subject, try_out
from colorway.swarm.connections import NoAnswerError

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
            case Purge():
                self._purge(step)
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
                point = ports.backups.make(point=step.point) if ports.backups else "nobody makes one"
                return (f"Before {', '.join(step.migrations)}: {point}.",)
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

    def _purge(self, step: Purge) -> None:
        """Purge once nobody can be answered by it; a CDN that does not is told of, and holds nothing up."""
        ports = self.ports
        ports.clock.sleep(step.not_before - ports.clock.now())
        try:
            if ports.cdn:
                ports.cdn.forget([step.tag])
        except ColorwayError as error:
            again = f"colorway purge {ports.stack} --tag {step.tag} tries again, and so does `finish`"
            ports.reporter.say(f"not purged: {error}; {again}")

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


LOOKS = 5
"""How often a look is tried until what cannot be read stops the release, and until people are told of a silence."""
REPEATS = 3
"""How often a step is begun anew because Docker did not answer."""
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
            evidence = self._perform(step, situation)
        except ColorwayError as error:
            session = blame(situation, request, step, error)
            self.ports.reporter.say(f"failed: {error}")
            return self._with_log(session, situation) if blames_the_color(situation, session) else session
        head = self.ports.repository.head() if isinstance(step, Commit) else situation.head
        return situation.session.after(step, head=head, evidence=trimmed(evidence))

    def _perform(self, step: Action, situation: Situation) -> tuple[str, ...]:
        """Perform a step; one that Docker's silence made fail is held, and done once more when there is an answer."""
        for _ in range(REPEATS):
            try:
                return Performer(self.ports, self.observer).perform(step, situation)
            except ColorwayError as error:
                silence = self._silence(step, error) if situation.session.locked else None
                if silence is None:
                    raise
                self._hold(situation, silence)
        return Performer(self.ports, self.observer).perform(step, situation)

    def _silence(self, step: Action, error: ColorwayError) -> NoAnswerError | None:
        """Return Docker's silence if a step failed by it; an engine that lost Docker on the way says other things."""
        if isinstance(error, NoAnswerError):
            return error
        is_told = isinstance(error, LockLostError | LostError | GitError)
        if is_told or not isinstance(step, Apply | AwaitHealthy | Verify):
            return None
        try:
            self.ports.engine.health()
        except NoAnswerError as silence:
            return silence
        except ColorwayError:
            return None
        return None

    def _hold(self, situation: Situation, silence: NoAnswerError) -> None:
        """Stay where it is until Docker answers again; whoever waits is told.

        Raises:
            NoAnswerError: it did not within the policy's hold time.
            LockLostError: somebody took the release over.
        """
        ports, stack = self.ports, situation.stack
        ports.reporter.say(f"held: {silence}")
        deadline, looks = ports.clock.now() + situation.policy.hold_deadline, 0
        while ports.clock.now() < deadline:
            ports.clock.sleep(LOOK_PAUSE)
            ports.lock.check()
            looks += 1
            try:
                ports.engine.health()
            except NoAnswerError as again:
                silence = again
            except ColorwayError:
                # Docker is not what is wrong any more; whatever else is, the step itself says better.
                return
            else:
                ports.reporter.say("Docker answers again; it goes on")
                return
            if looks == LOOKS:
                title = f"{stack}: the release is held at {situation.state.percent} %: {silence}"
                for problem in ports.notifier.send(Notice(event=Event.HELD, title=title)):
                    ports.reporter.say(problem)
        raise silence

    def _look(self, before: Situation, session: Session) -> Situation:
        """Look again; where nothing can be seen for a while, the release stops where it is."""
        is_replaced = False
        for attempt in range(LOOKS):
            try:
                return self.observer.look(session)
            except ColorwayError as error:
                reason = str(error)
                try:
                    if isinstance(error, NoAnswerError) and session.locked and session.stopped is None:
                        self._hold(before, error)
                    elif attempt + 1 < LOOKS:
                        self.ports.clock.sleep(LOOK_PAUSE)
                except ColorwayError as end:
                    reason, is_replaced = str(end), isinstance(end, LockLostError)
                    break
        stopped = replace(session, stopped=f"where it stands cannot be read: {reason}", is_replaced=is_replaced)
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
