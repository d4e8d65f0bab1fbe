"""What a release writes into git: the message of a commit, and how it is read back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from typing_extensions import override

RELEASE = "Colorway-Release"
STEP = "Colorway-Step"
PREVIOUS = "Colorway-Previous"
START = "start"
ROLLBACK = "rollback"
OFF = "off"
FINISH = "finish"
WHOLE = 100
"""Percent of the last step."""
FIELD, RECORD = "\x1f", "\x00"
"""What separates fields and commits in git's answer."""
FORMAT = FIELD.replace("\x1f", "%x1f").join(
    [
        "%H",
        "%ct",
        "%an",
        "%s",
        *(f"%(trailers:key={key},valueonly,separator=%x20)" for key in (RELEASE, STEP, PREVIOUS)),
    ]
)
"""`git log --format` whose lines `parse_log` reads."""
_STEP = re.compile(rf"{START}|{ROLLBACK}|{OFF}|{FINISH}|[1-9][0-9]?|{WHOLE}")


@dataclass(frozen=True, kw_only=True)
class Trailers:
    """What a release's commit says about itself to the next run."""

    platform: str
    version: str
    """Version that is released."""
    step: str
    """`start`, a percentage, `rollback`, `off` or `finish`."""
    previous: str
    """Version that had all traffic before."""

    def lines(self) -> list[str]:
        """Return the trailers as git wants them."""
        return [f"{RELEASE}: {self.platform}/{self.version}", f"{STEP}: {self.step}", f"{PREVIOUS}: {self.previous}"]


@dataclass(frozen=True, kw_only=True)
class Note:
    """The message of one commit, of no release."""

    subject: str
    """What it does, imperative."""
    body: tuple[str, ...]
    """Why, with evidence, and the command that goes all the way back."""

    def text(self) -> str:
        """Return it as git wants it."""
        return "\n".join([self.subject, "", *self.body]) + "\n"


@dataclass(frozen=True, kw_only=True)
class Message(Note):
    """The message of one commit of a release."""

    trailers: Trailers

    @override
    def text(self) -> str:
        """Return it as git wants it; the trailers are a paragraph of their own, so nothing else passes for one."""
        return "\n".join([self.subject, "", *self.body, "", *self.trailers.lines()]) + "\n"


@dataclass(frozen=True, kw_only=True)
class ReleaseCommit:
    """One step of a release, as git remembers it."""

    sha: str
    time: datetime
    """When it was committed, UTC."""
    author: str
    subject: str
    platform: str
    version: str
    step: str
    previous: str

    @property
    def percent(self) -> int | None:
        """Share that the step gave to the version; none = another kind of step."""
        return int(self.step) if self.step.isdigit() else None


def parse_log(text: str) -> tuple[ReleaseCommit, ...]:
    """Read `git log -z --format=FORMAT`; commits without our trailers, or with broken ones, are left out."""
    commits = (_commit(record) for record in text.split(RECORD) if record)
    return tuple(commit for commit in commits if commit)


def _commit(record: str) -> ReleaseCommit | None:
    sha, seconds, author, subject, release, step, previous = (field.strip() for field in record.split(FIELD))
    platform, _, version = release.partition("/")
    if not version or not _STEP.fullmatch(step):
        return None
    return ReleaseCommit(
        sha=sha,
        time=datetime.fromtimestamp(int(seconds), tz=UTC),
        author=author,
        subject=subject,
        platform=platform,
        version=version,
        step=step,
        previous=previous,
    )
