"""The releases of a stack, from the trailers of its commits. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from colorway.release.plan.situation import Phase, State
from colorway.release.plan.trailers import FINISH, OFF, ROLLBACK, START, WHOLE, ReleaseCommit
from colorway.spec.fields import go_duration


@dataclass(frozen=True, kw_only=True)
class ReleaseRecord:
    """One release, from its first commit to its last."""

    commits: tuple[ReleaseCommit, ...]
    """Oldest first."""
    outcome: str
    """`released`, `rolled back`, `hot`, or where it stands."""

    @property
    def version(self) -> str:
        """What was released."""
        return self.commits[0].version

    @property
    def previous(self) -> str:
        """What had all traffic before."""
        return self.commits[0].previous

    @property
    def began(self) -> datetime:
        """When its first commit was made, UTC."""
        return self.commits[0].time

    @property
    def people(self) -> str:
        """Who committed, in order."""
        return ", ".join(dict.fromkeys(commit.author for commit in self.commits))

    @property
    def steps(self) -> str:
        """The steps, each with its time since the first one."""
        return ", ".join(_step(commit, self.began) for commit in self.commits)


def records(log: Sequence[ReleaseCommit], state: State) -> tuple[ReleaseRecord, ...]:
    """Return the releases of a stack, newest first.

    Args:
        log: Its release commits, newest first.
        state: Where it stands now.
    """
    groups: list[list[ReleaseCommit]] = []
    for commit in reversed(log):
        if not groups or _begins_another(groups[-1], commit):
            groups.append([])
        groups[-1].append(commit)
    made = [
        ReleaseRecord(commits=tuple(group), outcome=_now(group, state) if group is groups[-1] else _outcome(group))
        for group in groups
    ]
    return tuple(reversed(made))


def _begins_another(group: list[ReleaseCommit], commit: ReleaseCommit) -> bool:
    is_over = group[-1].step in {FINISH, OFF}
    return commit.step == START or commit.version != group[-1].version or (is_over and commit.percent is not None)


def _outcome(group: list[ReleaseCommit]) -> str:
    """Return how a release ended that another one came after."""
    steps = {commit.step for commit in group}
    if steps & {ROLLBACK, OFF}:
        return "rolled back"
    return "released" if group[-1].step == FINISH or group[-1].percent == WHOLE else "given up"


def _now(group: list[ReleaseCommit], state: State) -> str:
    """Return where the newest release stands."""
    words = {
        Phase.STARTED: "under way, started",
        Phase.RAMP: f"under way, at {state.percent} %",
        Phase.HOT: f"released; {state.previous} is hot",
        Phase.UNDOING: "being rolled back",
    }
    return words.get(state.phase) or _outcome(group)


def _step(commit: ReleaseCommit, began: datetime) -> str:
    name = f"{commit.step} %" if commit.percent is not None else commit.step
    since = timedelta(seconds=round((commit.time - began).total_seconds()))
    return f"{name} +{go_duration(since)}" if since > timedelta() else name
