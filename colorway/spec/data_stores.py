"""The stateful services that both colors share."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import model_validator

from colorway.spec.base import Mistake, StrictSpec, refuse
from colorway.spec.fields import Label, PinnedImage, PositiveDuration, Shape
from colorway.spec.services import LimitsSpec

SUPERUSER = "postgres"
"""Exists before the application's user is made."""
OWN_DATABASES = ("postgres", "template0", "template1")
"""Exist before the application's database is made."""


class StoreKind(StrEnum):
    """The programs that can keep a platform's data."""

    POSTGRESQL = "postgresql"
    REDIS = "redis"

    @property
    def port(self) -> int:
        """The port that the program listens on."""
        return {StoreKind.POSTGRESQL: 5432, StoreKind.REDIS: 6379}[self]


SqlName = Annotated[
    str, Shape(r"[a-z_][a-z0-9_]{0,62}", "is no SQL name; use small letters, digits and _, for example app")
]


class DataStoreSpec(StrictSpec):
    """One data store: one task, one volume, shared by both colors."""

    kind: StoreKind
    """Which program it is."""
    build: Label | None = None
    """Folder under images/, for a platform with `images: local`."""
    image: PinnedImage | None = None
    """Image with its digest, for a platform with `images: registry`."""
    database: SqlName | None = None
    """Name of the database (PostgreSQL)."""
    user: SqlName | None = None
    """User that owns the database (PostgreSQL)."""
    password: Label
    """Name of the secret that holds the password."""
    limits: LimitsSpec
    """The most that the task may use."""
    stop_grace: PositiveDuration = timedelta(seconds=60)
    """Time for a clean stop; a kill means a recovery at the next start."""

    @model_validator(mode="after")
    def _kind_fits(self) -> DataStoreSpec:
        found: list[Mistake] = []
        for key, value in (("database", self.database), ("user", self.user)):
            if self.kind is StoreKind.POSTGRESQL and value is None:
                found.append(((key,), f"is missing, and PostgreSQL needs one; write for example {key}: app"))
            if self.kind is StoreKind.REDIS and value is not None:
                found.append(((key,), f"is set, and Redis has no {key}; leave it out"))
        if self.user == SUPERUSER:
            found.append((("user",), "is PostgreSQL's own superuser; name a user of the application, for example app"))
        if self.database in OWN_DATABASES:
            found.append((("database",), "is one of PostgreSQL's own; name one of the application, for example app"))
        refuse(found)
        return self
