"""What the plan is made from: what git, the engine and the swarm say, and what this run has done so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from colorway.release.edit import Edit
from colorway.release.health import ServiceHealth
from colorway.release.lock_record import Holder
from colorway.release.state import State, read_state
from colorway.release.steps import (
    Action,
    Apply,
    AwaitHealthy,
    BackUp,
    Bake,
    Commit,
    Failure,
    Notify,
    PullImages,
    RestoreFile,
    Smoke,
    TakeLock,
    Undo,
    Verify,
)
from colorway.release.trailers import ReleaseCommit
from colorway.spec.release import MigrationSpec, ReleasePolicy
from colorway.spec.traffic import Color
from colorway.spec.transitions import Installed


class Goal(StrEnum):
    """What was asked for."""

    RELEASE = "release"
    ROLLBACK = "rollback"
    FINISH = "finish"
    RESUME = "resume"
    """Continue what is under way, whatever it is."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for."""

    goal: Goal
    version: str | None = None
    """Version to release."""
    stages: tuple[int, ...] | None = None
    """Stages instead of the policy's; none = the policy's, () = straight to 100 %."""
    bake: timedelta | None = None
    """Bake time of every stage instead of the policy's."""
    take_over: str | None = None
    """Why somebody else's lock is taken."""
    accept_schema: str | None = None
    """Why traffic goes back although a migration is not backward compatible."""


class Deed(NamedTuple):
    """Something that this run has done; redoing it after a kill does no harm."""

    kind: type[Action]
    key: str


@dataclass(frozen=True, kw_only=True)
class Session:
    """What this run has done so far; lost with it, and needed by no other run."""

    locked: bool = False
    deeds: frozenset[Deed] = frozenset()
    commits: int = 0
    evidence: tuple[str, ...] = ()
    """What was found out since the last commit; the next commit's body."""
    failure: Failure | None = None
    """The color failed: the release is undone."""
    is_replaced: bool = False
    """Somebody took the release over: what comes next is theirs to do and to tell."""
    stopped: str | None = None
    """Something else failed (git, the lock, a connection): the release stands where it is."""
    apply_failures: tuple[str, ...] = ()
    """Why HEAD could not be applied, one sentence a try."""

    def after(self, step: Action, *, head: str, evidence: tuple[str, ...] = ()) -> Session:
        """Return the session after a step that went well; `head` is the commit it was done at, after the step."""
        done = Deed(type(step), _key(step, head))
        deeds = self.deeds | {done}
        session = replace(self, deeds=deeds, evidence=(*self.evidence, *evidence))
        match step:
            case TakeLock():
                return replace(session, locked=True)
            case Undo():
                return replace(session, failure=step.why, evidence=())
            case Commit():
                return replace(session, commits=self.commits + 1, evidence=(), apply_failures=())
            case Apply():
                # What was healthy before a change has to be looked at again.
                return replace(session, deeds=frozenset(deed for deed in deeds if deed.kind is not AwaitHealthy))
            case _:
                return session


def _key(step: Action, head: str) -> str:
    """Return what tells a deed from others of its kind."""
    key = ""
    match step:
        case Apply() | Verify():
            key = head
        case AwaitHealthy():
            key = step.color.value
        case Smoke():
            key = f"{step.color.value}{'-users' if step.as_user else ''}"
        case Bake():
            key = str(step.percent)
        case Notify():
            key = step.key
        case PullImages():
            key = step.version
        case TakeLock() | RestoreFile() | Undo() | BackUp() | Commit():
            pass
    return key


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Everything that the next step depends on."""

    stack: str
    platform: str
    file: str
    """Path of the stack file."""
    head: str
    """HEAD's commit."""
    text: str = field(repr=False)
    """The stack file at HEAD."""
    committed: Installed
    """Versions and traffic at HEAD."""
    installed: Installed | None
    """The same as last applied; none = never installed."""
    wanted_generation: str
    """Generation that HEAD's traffic line means."""
    live: Mapping[str, str | None]
    """Generation that each load balancer serves, by host; none = it does not answer."""
    log: tuple[ReleaseCommit, ...]
    """The stack's release commits, newest first."""
    dirty: tuple[str, ...] = ()
    """Files of the stack that differ from HEAD, a recognized leftover edit not among them."""
    leftover: Edit | None = None
    """An uncommitted edit of our line."""
    holder: Holder | None = None
    """Who else holds the lock, alive and in time."""
    now: datetime
    policy: ReleasePolicy
    known_versions: tuple[str, ...] = ()
    """Release manifests of the platform."""
    problem: str | None = None
    """What is wrong with the requested version's manifest."""
    migrations: Mapping[str, tuple[MigrationSpec, ...]] = field(default_factory=dict)
    """Migrations by version: of those that are on and of the requested one."""
    health: tuple[ServiceHealth, ...] = ()
    """Tasks of every service."""
    has_backups: bool = False
    """Whether somebody can make a backup."""
    user: str = "somebody"
    session: Session = Session()

    @cached_property
    def state(self) -> State:
        """Where the release stands."""
        return read_state(self.committed, self.log)

    @property
    def strays(self) -> dict[str, str | None]:
        """The load balancers that do not serve what HEAD says."""
        return {host: live for host, live in self.live.items() if live != self.wanted_generation}

    @property
    def remains(self) -> tuple[str, ...]:
        """Services of a color that HEAD has off: a start that failed half-way leaves them, and no output says so."""
        off = {color for color in Color if self.committed.versions.of(color) is None}
        return tuple(row.service for row in self.health if row.color in off)

    @property
    def is_applied(self) -> bool:
        """Whether HEAD's versions and traffic are what was applied, and nothing else runs."""
        return self.committed == self.installed and not self.remains

    @property
    def is_in_step(self) -> bool:
        """Whether HEAD is what was applied and what is live."""
        return self.is_applied and not self.strays

    @property
    def is_untouched(self) -> bool:
        """Whether this run has changed nothing yet, so that refusing is still possible."""
        harmless = {TakeLock, RestoreFile}
        return self.session.failure is None and all(deed.kind in harmless for deed in self.session.deeds)

    def did(self, kind: type[Action], key: str | None = None) -> bool:
        """Return whether this run has done something; without a key, for HEAD."""
        return Deed(kind, self.head if key is None else key) in self.session.deeds

    def new_migrations(self, version: str, *, since: str | None) -> tuple[MigrationSpec, ...]:
        """Return the migrations of a version that another does not have."""
        before = {migration.id for migration in self.migrations.get(since or "", ())}
        return tuple(migration for migration in self.migrations.get(version, ()) if migration.id not in before)

    @property
    def one_way_migrations(self) -> tuple[str, ...]:
        """Migrations of the rising version after which the old version may not work."""
        state = self.state
        new = self.new_migrations(state.version or "", since=state.previous)
        return tuple(migration.id for migration in new if not migration.backward_compatible)
