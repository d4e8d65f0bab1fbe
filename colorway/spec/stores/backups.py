"""Where backups of data stores are, when they are made, and what proves that they can be restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from colorway.spec.base import Mistake, StrictSpec
from colorway.spec.fields import Label, PositiveDuration, Shape
from colorway.spec.stores.base import NamedSecret, ServerSpec
from colorway.spec.task.mounts import ProjectPath, SecretName
from colorway.spec.task.policies import LimitsSpec

DAY = 24 * 60 * 60
WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
FIRST_SUNDAY = 3 * DAY
"""1970-01-04, in seconds after the first second of that year."""

BackupTime = Annotated[
    str,
    Shape(
        rf"(({'|'.join(WEEKDAYS)}) )?([01][0-9]|2[0-3]):[0-5][0-9]",
        'is no time of a day or a week; write for example "02:00" or "Sun 02:00" (UTC)',
    ),
]
"""When backups are due: each day, or each week on one day; UTC."""
Days = Annotated[str, Shape(r"[1-9][0-9]{0,3}d", "is no number of days; write for example 14d")]
"""Length of time in whole days."""
Endpoint = Annotated[
    str,
    Field(max_length=253),
    Shape(
        r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[1-9][0-9]{0,4})?",
        "is no name of a server, which is asked by HTTPS always; write for example s3.eu-central-1.amazonaws.com",
    ),
]
"""A server, with a port where it is not 443."""
Bucket = Annotated[
    str, Shape(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "is no name of a bucket; write for example acme-backups")
]
Region = Annotated[str, Shape(r"[a-z0-9][a-z0-9-]{0,62}", "is no name of a region; write for example eu-central-1")]
Folder = Annotated[
    str,
    Field(max_length=200),
    Shape(
        r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+", "is no folder of a bucket; write it with a / before, for example /colorway"
    ),
]
"""Path in a bucket."""
Query = Annotated[
    str,
    Field(max_length=1000),
    Shape(
        r"(?i:select)\s[^;]+",
        "is no question for one time; write it without ; at its end, for example select max(created_at) from events",
    ),
]
"""SQL that returns one time."""


class RepositorySpec(StrictSpec):
    """A bucket that speaks S3, where backups are kept; what we keep in it is encrypted by a passphrase of ours.

    Each stack has a folder of its own in it, and so does each of its stores.
    """

    kind: Literal["s3"]
    """What it speaks."""
    endpoint: Endpoint
    """Server that is asked, by HTTPS."""
    bucket: Bucket
    """Bucket, which must be there."""
    region: Region = "us-east-1"
    """Region that requests are signed for."""
    path: Folder = "/colorway"
    """Folder in the bucket."""
    path_style: bool = False
    """Whether the bucket is in the path of a request and not in the server's name, as many private servers have it."""
    ca: ProjectPath | None = None
    """Certificate of the authority of a private server, as a file of the project; none = the image's list."""
    key: SecretName
    """Name of the secret that holds the access key's name."""
    secret: SecretName
    """Name of the secret that holds the access key."""
    passphrase: SecretName | None = None
    """Name of the secret that encrypts what is kept; without it no backup can be read, so keep it elsewhere, too.

    None = what is there is not encrypted: of somebody else's, which a store begins from.
    """

    @property
    def named_secrets(self) -> tuple[NamedSecret, ...]:
        """The secrets that open it."""
        named = {"key": self.key, "secret": self.secret, "passphrase": self.passphrase}
        return tuple(NamedSecret(path=(key,), name=name) for key, name in named.items() if name is not None)


class BackupSpec(StrictSpec):
    """When a store is backed up; of a database every change between two backups is archived within a minute or two."""

    repository: Label
    """Where the backups are: a name under `backups`."""
    full: BackupTime = "02:00"
    """When all is copied."""
    keep: Days = "14d"
    """How far back a restore reaches."""
    limits: LimitsSpec = LimitsSpec(cpus=1, memory=256 * 2**20)
    """The most that the task on each host may use."""

    @property
    def days(self) -> int:
        """How far back a restore reaches."""
        return int(self.keep.removesuffix("d"))


class ArchivedBackupSpec(BackupSpec):
    """When a PostgreSQL is backed up; between two backups every change is archived within a minute."""

    full: BackupTime = "Sun 02:00"
    """When all is copied; what is older than `keep` goes once a newer one of these is as old."""
    incremental: BackupTime = "02:00"
    """When that is copied which has changed since the last backup."""


class ProofSpec(StrictSpec):
    """How backups are proven: the newest one is restored, checked, and loaded by a server of its own."""

    every: PositiveDuration = timedelta(hours=24)
    """Time between two proofs."""
    age: PositiveDuration = timedelta(hours=26)
    """The greatest age of the newest backup."""
    limits: LimitsSpec = LimitsSpec(cpus=1, memory=512 * 2**20)
    """The most that the task may use, on the monitoring host."""


class VerifySpec(ProofSpec):
    """How backups are proven: the newest one is restored, asked for its newest row, and checked for corruption."""

    newest: Query
    """SQL for the time of the newest row, for example `select max(created_at) from events`."""
    age: PositiveDuration = timedelta(hours=26)
    """The greatest age of that row."""


class BackedUpSpec(ServerSpec):
    """What every kind says that can be backed up."""

    proof: ClassVar[str]
    """How the file says the proof of such a store, for example."""

    backup: BackupSpec | None = None
    """When it is backed up, and where; none = it is not."""
    verify: ProofSpec | None = None
    """How its backups are proven."""

    @property
    def is_asked_by_name(self) -> bool:
        """Whether who backs it up asks for its data as its services do, by its name in its own network."""
        return False

    def _backup_mistakes(self) -> Iterator[Mistake]:
        if self.backup is None:
            if self.verify is not None:
                yield ("verify",), "is set, and there is no `backup` to prove; add it, or leave this one out"
            return
        if not self.is_replicated:
            yield from self._lone_backup_mistakes()
        if self.verify is None:
            cure = f"add it, for example verify: {self.proof}"
            yield ("verify",), f"is missing, and only a restore proves a backup; {cure}"

    def _lone_backup_mistakes(self) -> Iterator[Mistake]:
        """Yield why a store with one member cannot be backed up."""
        if self.adopts is not None:
            cure = "bring its data into an empty store with `colorway data load`"
            yield ("backup",), f"is set, and where the data is on a volume of another image nobody knows; {cure}"


@dataclass(frozen=True, kw_only=True)
class Beat:
    """Times that come again and again."""

    period: int
    """Seconds from one to the next."""
    first: int
    """The first one, in seconds after 1970-01-01 00:00 UTC."""


def beat(time: str) -> Beat:
    """Return the times that a `BackupTime` means."""
    *day, clock = time.split()
    hours, minutes = clock.split(":")
    within = int(hours) * 60 * 60 + int(minutes) * 60
    if not day:
        return Beat(period=DAY, first=within)
    return Beat(period=7 * DAY, first=FIRST_SUNDAY + WEEKDAYS.index(day[0]) * DAY + within)
