"""Looks at git, the files, the engine and the swarm, and puts it into one situation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.outputs import PlatformOutputs
from colorway.release.plan.edit import recognized
from colorway.release.plan.facts import ServiceHealth
from colorway.release.plan.situation import Session, Situation
from colorway.release.plan.trailers import ReleaseCommit
from colorway.release.ports.project import ProjectFacts
from colorway.release.ports.protocols import Ports


@dataclass(frozen=True)
class _Running:
    """What the engine and the swarm say."""

    outputs: PlatformOutputs | None
    live: Mapping[str, str | None]
    fenced: tuple[str, ...]
    health: tuple[ServiceHealth, ...]


@dataclass(frozen=True)
class _Committed:
    """What one commit says."""

    head: str
    text: str = field(repr=False)
    facts: ProjectFacts
    log: tuple[ReleaseCommit, ...]


@dataclass(kw_only=True)
class Observer:
    """Sees what a release's next step depends on; asks again only what may have changed."""

    ports: Ports
    version: str | None
    """Version that was asked for."""
    _running: _Running | None = field(default=None, init=False)
    _committed: _Committed | None = field(default=None, init=False)

    @property
    def file(self) -> str:
        """Path of the stack file."""
        return stack_files.stack_file(self.ports.stack)

    @cached_property
    def user(self) -> str:
        """Who works here."""
        return self.ports.repository.user()

    def ask_for(self, version: str | None) -> None:
        """Look at another version from now on."""
        if version != self.version:
            self.version, self._committed = version, None

    def forget(self) -> None:
        """Ask the engine and the swarm again at the next look."""
        self._running = None

    def facts(self) -> ProjectFacts:
        """Return what HEAD's files say."""
        return self._at_head().facts

    def outputs(self) -> PlatformOutputs:
        """Return what was last applied.

        Raises:
            ColorwayError: nothing was.
        """
        outputs = self._now_running().outputs
        if outputs is None:
            raise ColorwayError(f"{self.ports.stack}: nothing is installed; colorway up {self.ports.stack}")
        return outputs

    def look(self, session: Session) -> Situation:
        """Return the situation now.

        Raises:
            ColorwayError: git, the files, the engine or the swarm cannot be read.
        """
        ports, at_head = self.ports, self._at_head()
        facts, running = at_head.facts, self._now_running()
        changed = ports.repository.changed(facts.files)
        here = ports.repository.text_here(self.file) if changed else at_head.text
        leftover = recognized(at_head.text, here, name=self.file) if here != at_head.text else None
        return Situation(
            stack=ports.stack,
            platform=facts.platform,
            file=self.file,
            head=at_head.head,
            text=at_head.text,
            committed=facts.committed,
            installed=running.outputs.installed if running.outputs else None,
            wanted_generation=facts.wanted_generation,
            live=running.live,
            fenced=running.fenced,
            log=at_head.log,
            dirty=tuple(file for file in changed if not (leftover and file.endswith(self.file))),
            leftover=leftover,
            holder=None if session.locked else ports.lock.holder(),
            now=ports.clock.now(),
            policy=facts.policy,
            known_versions=facts.known_versions,
            problem=facts.problem,
            migrations=facts.migrations,
            waited=running.outputs.held if running.outputs else {},
            health=running.health,
            has_backups=ports.backups is not None,
            drain=facts.drain if ports.cdn else None,
            user=self.user,
            session=session,
        )

    def _at_head(self) -> _Committed:
        repository = self.ports.repository
        head = repository.head()
        if self._committed is None or self._committed.head != head:
            text = repository.text_at_head(self.file)
            facts = self.ports.project.facts(text, version=self.version)
            self._committed = _Committed(head, text, facts, repository.releases(self.file))
        return self._committed

    def _now_running(self) -> _Running:
        if self._running is None:
            engine = self.ports.engine
            outputs = engine.outputs()
            live, fenced, health = (engine.live(), engine.fenced(), engine.health()) if outputs else ({}, (), ())
            self._running = _Running(outputs, live, fenced, tuple(health))
        return self._running
