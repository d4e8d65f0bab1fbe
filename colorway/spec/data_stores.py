"""The stateful services that both colors share."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from colorway.spec.base import StrictSpec
from colorway.spec.fields import Label, PinnedImage, PositiveDuration
from colorway.spec.services import LimitsSpec


class StoreKind(StrEnum):
    """The programs that can keep a platform's data."""

    POSTGRESQL = "postgresql"
    REDIS = "redis"

    @property
    def port(self) -> int:
        """The port that the program listens on."""
        return {StoreKind.POSTGRESQL: 5432, StoreKind.REDIS: 6379}[self]


SqlName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


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
        named = self.database is not None and self.user is not None
        if self.kind is StoreKind.POSTGRESQL and not named:
            raise ValueError(
                "is a PostgreSQL without database or user; name both, for example database: app, user: app"
            )
        if self.kind is StoreKind.REDIS and (self.database or self.user):
            raise ValueError("is a Redis, which has no database name and no user; leave both out")
        return self
