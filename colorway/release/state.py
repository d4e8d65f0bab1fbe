"""Where a release stands: read from the committed stack file and the commits of releases, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from colorway.release.trailers import FINISH, ROLLBACK, WHOLE, ReleaseCommit
from colorway.spec.traffic import Color
from colorway.spec.transitions import Installed


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
