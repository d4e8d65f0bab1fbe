"""The generations of a data store: each restore to a point in time begins one, beside which the earlier one stays."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, model_validator

from colorway.spec.base import Mistake, StrictSpec, refuse
from colorway.spec.fields import Label, Shape
from colorway.spec.stores.logins import FIRST_LOGIN, LoginNumber

FIRST = 1
"""The generation that a store begins as; its names are the store's own."""
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?[+-][0-9]{2}(:[0-9]{2})?"
_TRANSACTION = r"[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,20}"
_POINT = rf"{_TIME}|{_TRANSACTION}|[A-Za-z][A-Za-z0-9._-]{{0,62}}"
NO_POINT = (
    'is no point in time; write a time with its zone in quotes, for example "2026-11-28 14:00:00+00", or the name of a '
    "restore point, for example release-2.1.0"
)
"""What is said of anything else."""
NO_TRANSACTION = (
    'is no point in time of a MariaDB; write a time with its zone in quotes, for example "2026-11-28 14:00:00+00", or '
    "the last transaction that counts by its GTID, for example 0-167772174-501"
)
"""What is said of anything else of a MariaDB, which knows no named points."""

Generation = Annotated[int, Field(ge=FIRST, le=9999, strict=True)]
"""Number of a generation."""
BackupLabel = Annotated[
    str,
    Shape(
        r"[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?|[0-9a-f]{8}",
        "is no label of a backup; `colorway data restore` writes it, for example 20261128-020000F",
    ),
]
"""A backup, as pgBackRest calls it, or restic."""
Point = Annotated[str, Shape(_POINT, NO_POINT)]
"""A point in a store's past.

A time, up to which all that was committed counts; of a PostgreSQL the name of a restore point, of a MariaDB the last
transaction that counts.
"""


def is_point(text: str) -> bool:
    """Return whether a text is a `Point` of a PostgreSQL."""
    return re.fullmatch(_POINT, text) is not None and not is_transaction(text)


def is_transaction(point: str) -> bool:
    """Return whether a `Point` is a transaction of a MariaDB, by its GTID."""
    return re.fullmatch(_TRANSACTION, point) is not None


def is_time(point: str) -> bool:
    """Return whether a `Point` is a time; the other ones are names of restore points."""
    return re.fullmatch(_TIME, point) is not None


class BeginsFrom(StrictSpec):
    """What a generation of a data store began as; `colorway data restore` writes it."""

    generation: Generation
    """The generation whose past it is."""
    backup: BackupLabel
    """The last backup of that before the point."""
    to: Point
    """The point."""


class StoreSettings(StrictSpec):
    """What commands keep of a data store."""

    primary: Label | None = None
    """Host whose member takes writes, moved by `colorway data promote`; none = the first with the role database."""
    generation: Generation = FIRST
    """Which of its generations it is, counted up by `colorway data restore`."""
    begins_from: BeginsFrom | None = None
    """What that generation began as; the first one began empty."""
    login: LoginNumber = FIRST_LOGIN
    """Which login the services of a PostgreSQL have: one more with each new password, so that both count meanwhile."""

    @property
    def is_later(self) -> bool:
        """Whether its generation began from an earlier one."""
        return self.begins_from is not None

    @model_validator(mode="after")
    def _fits_together(self) -> StoreSettings:
        begins, key, number = self.begins_from, "begins-from", self.generation
        found: list[Mistake] = []
        if begins is None and number != FIRST:
            found.append(((key,), f"is missing, and generation {number} began from an earlier one"))
        elif begins is not None and number == FIRST:
            found.append(((key,), f"is set, and generation {FIRST} began empty"))
        elif begins is not None and begins.generation >= number:
            message = f"is {begins.generation}, and generation {number} began from an earlier one"
            found.append(((key, "generation"), message))
        refuse((path, f"{message}; `colorway data restore` writes both") for path, message in found)
        return self
