"""What the plan is made from: what git, the engine and the swarm say, and what this run has done so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from colorway.release.plan.edit import Edit
from colorway.release.plan.facts import Holder, ServiceHealth
from colorway.release.plan.steps import (
    Action,
    Apply,
    AwaitHealthy,
    BackUp,
    Bake,
    Commit,
    Failure,
    Notify,
    PullImages,
    Purge,
    RestoreFile,
    Smoke,
    TakeLock,
    Undo,
    Verify,
)
from colorway.release.plan.trailers import FINISH, ROLLBACK, WHOLE, ReleaseCommit
from colorway.spec.release import MigrationSpec, ReleasePolicy, due, held
from colorway.spec.traffic import Color, Installed


class Phase(StrEnum):
    """Where a release stands."""

    QUIET = "quiet"
    """One color is on; nothing is under way."""
    PARKED = "parked"
    """The idle color is on at 0 %, and no release put it there."""
    STARTED = "started"
    """The rising color has its version and no traffic yet."""
    RAMP = "ramp"
    """Both colors have traffic."""
    HOT = "hot"
    """The rising color has all traffic; the old one is kept on for a rollback."""
    UNDOING = "undoing"
    """Traffic was taken back; the version that failed is still on."""


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a release stands."""

    phase: Phase
    old: Color
    """The color that a rollback goes to; without a release the active one."""
    rising: Color
    """The color that is released; without a release the idle one."""
    version: str | None
    """Version of the rising color; none = it is off."""
    previous: str | None
    """Version of the old color; none = it is off."""
    percent: int
    """Share of the rising color."""
    step: ReleaseCommit | None = None
    """The commit of the release's last step; none = no release is under way."""

    @property
    def is_under_way(self) -> bool:
        """Whether a release has begun and not ended; the hot time after it is no part of it."""
        return self.phase in {Phase.STARTED, Phase.RAMP, Phase.UNDOING}

    @property
    def since(self) -> datetime | None:
        """When the last step was committed."""
        return self.step.time if self.step else None


def read_state(committed: Installed, log: tuple[ReleaseCommit, ...]) -> State:
    """Return where a release stands.

    The file decides, also where somebody moved traffic by hand or reverted a step; the log says which release it is.

    Args:
        committed: Versions and traffic as HEAD has them.
        log: The stack's release commits, newest first.
    """
    versions, traffic = committed
    active, idle = traffic.active, traffic.active.other
    waiting, newest = versions.of(idle), log[0] if log else None
    phase, step = Phase.QUIET, None
    if traffic.is_split:
        phase, step = Phase.RAMP, newest if newest and newest.version == waiting else None
    elif waiting is not None:
        phase, step = _with_both_on(waiting, versions.of(active), log)
    if phase is Phase.HOT:
        active, idle = idle, active
    return State(
        phase=phase,
        old=active,
        rising=idle,
        version=versions.of(idle),
        previous=versions.of(active),
        percent=traffic.of(idle),
        step=step,
    )


def _with_both_on(
    waiting: str, serving: str | None, log: tuple[ReleaseCommit, ...]
) -> tuple[Phase, ReleaseCommit | None]:
    """Tell apart why the idle color is on at 0 %."""
    newest = log[0] if log else None
    if newest and newest.version == waiting:
        if newest.step == ROLLBACK:
            return Phase.UNDOING, newest
        if newest.step not in {FINISH, "off"}:
            return Phase.STARTED, newest
    # A reverted `finish` makes the old color hot again, so it may stand above the last step.
    whole = next((commit for commit in log if commit.step != FINISH), None)
    if whole and whole.percent == WHOLE and (whole.version, whole.previous) == (serving, waiting):
        return Phase.HOT, whole
    return Phase.PARKED, None


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
        case BackUp():
            key = step.point
        case Purge():
            key = step.tag
        case TakeLock() | RestoreFile() | Undo() | Commit():
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
    fenced: tuple[str, ...] = ()
    """Hosts whose load balancer could not be told to go back; no part of `live`."""
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
    waited: Mapping[str, str] = field(default_factory=dict)
    """Migrations that waited when HEAD was last applied, each with the version that brings it."""
    health: tuple[ServiceHealth, ...] = ()
    """Tasks of every service."""
    has_backups: bool = False
    """Whether somebody can make a backup."""
    drain: timedelta | None = None
    """How long after a switch the CDN may still get answers of who left; none = there is no CDN."""
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
        """Services of a color that HEAD has off: a start that failed half-way leaves them, and no output says so.

        Those that stay while a load balancer is fenced are no leftovers: the `up` that lets it in removes them.
        """
        if self.fenced:
            return ()
        off = {color for color in Color if self.committed.versions.of(color) is None}
        return tuple(row.service for row in self.health if row.color in off)

    @property
    def is_applied(self) -> bool:
        """Whether HEAD's versions and traffic are what was applied, nothing else runs, and no migration is due."""
        return self.committed == self.installed and not self.remains and not self.due

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

    def held_migrations(self, version: str | None, *, by: str | None) -> tuple[str, ...]:
        """Return the migrations of a version that wait until another one is off; none where that is off."""
        others = None if by is None else self.migrations.get(by, ())
        return held(self.migrations.get(version or "", ()), others)

    @property
    def held(self) -> dict[str, str]:
        """The migrations that wait at HEAD, each with the version that brings it."""
        versions = self.committed.versions
        pairs = [(version, versions.of(color.other)) for color in versions.on if (version := versions.of(color))]
        return {one: version for version, other in pairs for one in self.held_migrations(version, by=other)}

    @property
    def due(self) -> tuple[str, ...]:
        """The migrations that waited and run at the next apply, because the color that they waited for is off."""
        versions = self.committed.versions
        return due(self.waited, on=[versions.of(color) for color in versions.on], waits=self.held)

    @property
    def one_way_migrations(self) -> tuple[str, ...]:
        """Migrations after which the old version may not work, and that may have run: `finish` was reverted."""
        state, newest = self.state, self.log[0] if self.log else None
        is_reverted = state.phase is Phase.HOT and newest is not None and newest.step == FINISH
        return self.held_migrations(state.version, by=state.previous) if is_reverted else ()
