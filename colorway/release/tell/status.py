"""What `colorway status` says about a release: where it stands, who works on it, which command helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.release.plan.edit import recognized
from colorway.release.plan.situation import Phase, State, read_state
from colorway.release.ports.git import Git
from colorway.release.ports.project import Files
from colorway.release.ports.protocols import Lock
from colorway.release.tell.maintenance import closed_since
from colorway.spec.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class ReleaseStatus:
    """A stack's release at one moment."""

    phase: Phase
    version: str | None
    """Version that is released, or was; none = no release."""
    previous: str | None
    percent: int
    since: datetime | None
    """When the last step was committed, UTC."""
    hot_until: datetime | None
    """Until when the old color is kept on; none = it is not hot."""
    holder: str | None
    """Who works on it now, one sentence; none = nobody."""
    leftover: str | None
    """The edit that a killed run left uncommitted; none = none."""
    by_hand: str | None = None
    """Shares that a person gave and no step of a release did, `90:10`; none = the traffic is where steps left it."""
    waits: tuple[str, ...] = ()
    """Migrations that wait until the old color is off."""
    closed_since: Mapping[str, datetime] = field(default_factory=dict)
    """What the committed file closes for maintenance, with the time of the commit, UTC."""
    helps: str | None
    """The one command that goes on; none = nothing is under way."""

    def lines(self) -> tuple[str, ...]:
        """Return it for people; nothing where there is nothing to say."""
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        if self.phase is Phase.RAMP and self.version is None:
            under_way = f"traffic was moved by hand: {self.by_hand}; no release is under way"
        else:
            under_way = f"release of {self.version} is under way{since}: {self.percent} % of the traffic"
            under_way += ", moved there by hand" if self.by_hand else ""
        words = {
            Phase.STARTED: f"release of {self.version} is under way{since}: started, no traffic yet",
            Phase.RAMP: under_way,
            Phase.HOT: f"{self.version} is released{since}; {self.previous} is kept on for a rollback"
            + (f" until {self.hot_until:%H:%M} UTC" if self.hot_until else ""),
            Phase.UNDOING: f"release of {self.version} is being undone{since}; its version is still on",
        }
        waits = f"{', '.join(self.waits)} waits until the other color is off" if self.waits else None
        told = [words.get(self.phase), waits, self.holder, self.leftover, self.helps and f"release: {self.helps}"]
        return tuple(line for line in told if line)


def read_release(*, root: Path, stack: str, lock: Lock | None, now: datetime) -> ReleaseStatus | None:
    """Return where a stack's release stands, None where the project has no git history to say so.

    Args:
        root: The project's folder.
        stack: Name of the stack.
        lock: Its release lock; none = nobody can be asked.
        now: Time, UTC.
    """
    git, file = Git(root), stack_files.stack_file(stack)
    try:
        text = git.text_at_head(file)
        facts = Files(root, stack).facts(text, version=None)
        log, closed = git.releases(file), closed_since(git, file)
    except ColorwayError:
        return None
    state = read_state(facts.committed, log)
    here = git.text_here(file)
    is_left = here != text and recognized(text, here, name=file) is not None
    holder = _holder(lock)
    hot_until = state.since + facts.policy.hot if state.phase is Phase.HOT and state.since else None
    return ReleaseStatus(
        phase=state.phase,
        version=state.version if state.step else None,
        previous=state.previous,
        percent=state.percent,
        since=state.since,
        hot_until=hot_until,
        holder=holder,
        waits=tuple(sorted(facts.held)),
        closed_since=closed,
        by_hand=_by_hand(state, facts.committed.traffic),
        leftover=f"{file} has an uncommitted edit of the line that releases move" if is_left else None,
        helps=None if holder else _helps(state, stack, is_hot=bool(hot_until and now < hot_until)),
    )


def _by_hand(state: State, traffic: Traffic) -> str | None:
    """Return the shares of a ramp that no step of its release gave."""
    is_step = state.step is not None and state.step.percent == state.percent
    return None if state.phase is not Phase.RAMP or is_step else f"{traffic.blue}:{traffic.green}"


def _holder(lock: Lock | None) -> str | None:
    try:
        found = lock.holder() if lock else None
    except ColorwayError as error:
        return str(error)
    return found.sentence() if found else None


def _helps(state: State, stack: str, *, is_hot: bool) -> str | None:
    match state.phase:
        case Phase.RAMP if state.step is None:
            return (
                f"colorway release {state.version} --stack {stack} takes it from here, "
                f"colorway rollback --stack {stack} takes all traffic back to {state.old} ({state.previous})"
            )
        case Phase.STARTED | Phase.RAMP:
            return (
                f"colorway release {state.version} --stack {stack} continues it, "
                f"colorway rollback --stack {stack} undoes it"
            )
        case Phase.UNDOING:
            return f"colorway rollback --stack {stack} ends it"
        case Phase.HOT:
            word = "goes back" if is_hot else f"goes back, colorway finish --stack {stack} turns {state.old} off"
            return f"colorway rollback --stack {stack} {word}"
        case _:
            return None
