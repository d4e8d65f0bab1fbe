"""What a release can do: one frozen dataclass a step. The plan returns them, the executor performs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from colorway.release.plan.edit import Edit
from colorway.release.plan.trailers import Message
from colorway.spec.traffic import Color


class ExitCode(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    """What was asked for is so."""
    REFUSED = 1
    """Nothing was changed."""
    ROLLED_BACK = 3
    """The release failed and was undone."""
    HELD = 4
    """The release stands where it is, and a person has to decide."""
    FENCED = 5
    """What was asked for is so, but for a load balancer that is fenced."""


class Event(StrEnum):
    """What people are told about."""

    STARTED = "started"
    STAGE = "stage"
    HELD = "held"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a release is undone."""

    reason: str
    """One sentence: which check, which window, both colors' values."""
    evidence: tuple[str, ...] = ()
    """More, a line each: the other measures, the last log lines."""


@dataclass(frozen=True, kw_only=True)
class TakeLock:
    """Take the stack's release lock."""

    reason: str
    take_over: str | None
    """Why somebody else's lock is taken; none = it is not."""

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return "taking the release lock" + (f" over: {self.take_over}" if self.take_over else "")


@dataclass(frozen=True, kw_only=True)
class RestoreFile:
    """Undo an uncommitted edit that a killed run left."""

    why: str

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"restoring the stack file: {self.why}"


@dataclass(frozen=True, kw_only=True)
class Undo:
    """Decide that the release is undone; from here on no step leads forward."""

    why: Failure

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"undoing: {self.why.reason}"


@dataclass(frozen=True, kw_only=True)
class PullImages:
    """Bring the images of a version to all nodes, so that a start is not a download."""

    version: str

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"pulling the images of {self.version} on all nodes"


@dataclass(frozen=True, kw_only=True)
class BackUp:
    """Make a point to come back to, and see whether migrations do no harm now, before they change the schema."""

    point: str
    """What the point is called."""
    migrations: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"asking the data stores before {', '.join(self.migrations)}"


@dataclass(frozen=True, kw_only=True)
class Commit:
    """Change one line and commit it."""

    edit: Edit
    message: Message
    remark: str = ""
    """What people have to know before; none = the subject says it all."""

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"{self.message.subject}; {self.remark}" if self.remark else self.message.subject


@dataclass(frozen=True, kw_only=True)
class Apply:
    """Make the swarm what HEAD says."""

    continue_on_error: bool = False
    """Whether what does not depend on a failure is done all the same."""

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return "applying HEAD"


@dataclass(frozen=True, kw_only=True)
class AwaitHealthy:
    """Wait until all tasks of a color that should run do."""

    color: Color

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"waiting until {self.color} is healthy"


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """Send the platform's smoke tests to a color."""

    color: Color
    version: str
    as_user: bool = False
    """Whether they go the way of users; if not, through the secret header."""

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"trying {self.color} ({self.version}) out {'as a user' if self.as_user else 'before it has users'}"


@dataclass(frozen=True, kw_only=True)
class Bake:
    """Watch one stage until a verdict."""

    rising: Color
    percent: int
    time: timedelta
    """Shortest time that it is watched."""

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"watching {self.rising} at {self.percent} %"


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Check that every load balancer serves what HEAD says."""

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return "checking every load balancer"


@dataclass(frozen=True, kw_only=True)
class Purge:
    """Have the CDN forget a version once more, when nobody can be answered by it any longer."""

    tag: str
    not_before: datetime
    """When the last connections that old workers kept have ended, UTC."""

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"purging {self.tag} once more, after {self.not_before:%H:%M:%S} UTC"


@dataclass(frozen=True, kw_only=True)
class Notify:
    """Tell people."""

    event: Event
    key: str
    """Told once a run."""
    title: str
    lines: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is about to be done, for people."""
        return f"notice: {self.title}"


@dataclass(frozen=True, kw_only=True)
class Done:
    """The end: what was asked for is so, or the release was undone."""

    summary: str
    code: ExitCode = ExitCode.DONE
    remarks: tuple[str, ...] = ()
    """What did not work all the same, each with its cure."""


@dataclass(frozen=True, kw_only=True)
class Refuse:
    """The end: nothing was changed."""

    reason: str
    cure: str


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """The end: the release stands where it is, because every way on could do harm."""

    reason: str
    cure: str


Ending = Done | Refuse | Freeze
Action = (
    TakeLock
    | RestoreFile
    | Undo
    | PullImages
    | BackUp
    | Commit
    | Apply
    | AwaitHealthy
    | Smoke
    | Bake
    | Verify
    | Purge
    | Notify
)
Step = Action | Ending


def code_of(ending: Ending) -> ExitCode:
    """Return the exit code of an ending."""
    match ending:
        case Done():
            return ending.code
        case Refuse():
            return ExitCode.REFUSED
        case Freeze():
            return ExitCode.HELD
