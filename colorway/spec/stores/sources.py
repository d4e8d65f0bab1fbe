"""Data that exists before a store does, and that the store begins from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from colorway.spec.base import Mistake, StrictSpec, refuse
from colorway.spec.fields import Label, Shape
from colorway.spec.stores.backups import Folder

VolumeName = Annotated[
    str,
    Field(max_length=255),
    Shape(
        r"[A-Za-z0-9][A-Za-z0-9_.-]+",
        "is no name of a volume; write it as `docker volume ls` on its host does, for example shop_pgdata",
    ),
]
"""A Docker volume, by its name on its host."""
Stanza = Annotated[
    str,
    Field(max_length=100),
    Shape(
        r"[A-Za-z0-9][A-Za-z0-9_.-]*", "is no name of a stanza; write it as `pgbackrest info` does, for example main"
    ),
]
"""What pgBackRest calls a cluster in its repository."""
Time = Annotated[
    str,
    Shape(
        r"2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,6})?\+00",
        'is no time in UTC; write for example "2026-11-28 14:00:00+00", in quotes',
    ),
]
"""A time in UTC, as PostgreSQL reads it."""
OF_REPOSITORY = ("stanza", "path", "time")
"""Keys that say more of a repository."""


class VolumeSource(StrictSpec):
    """What a store with one member has instead of a volume of its own."""

    volume: VolumeName
    """Volume with all of a server's data, on the store's host; it is served as it is, and only ever removed by hand."""


class SourceSpec(StrictSpec):
    """What a PostgreSQL begins from: a volume, or a pgBackRest repository of somebody else's.

    With one member the store is served from that volume. With several the first member begins by a copy, and what it
    is copied from is only read; once there is a cluster, this says nothing any more and may be left out.
    """

    volume: VolumeName | None = None
    """Volume with all of a server's data, on the host of the first member; its server must have ended."""
    repository: Label | None = None
    """A name under `backups`, whose server, bucket and secrets are theirs."""
    stanza: Stanza | None = None
    """What they call the cluster there."""
    path: Folder | None = None
    """Their folder in the bucket, pgBackRest's `repo1-path`."""
    time: Time | None = None
    """The last time that counts; none = the newest that is archived."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> SourceSpec:
        found: list[Mistake] = []
        if (self.volume is None) is (self.repository is None):
            found.append(((), "must name one place: {volume: …}, or {repository: …, stanza: …, path: …}"))
        elif self.volume is not None:
            found += [
                ((key,), "is for a repository, and this is a volume; leave it out")
                for key in OF_REPOSITORY
                if getattr(self, key) is not None
            ]
        else:
            found += [
                ((key,), "is missing; write what their pgbackrest.conf says")
                for key in ("stanza", "path")
                if getattr(self, key) is None
            ]
        refuse(found)
        return self
