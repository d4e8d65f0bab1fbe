"""PostgreSQL, for what must not be lost."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import model_validator

from colorway.spec.base import Mistake, refuse
from colorway.spec.fields import Shape
from colorway.spec.stores.base import ServerSpec

SUPERUSER = "postgres"
"""Exists before the application's user is made."""
OWN_DATABASES = ("postgres", "template0", "template1")
"""Exist before the application's database is made."""

SqlName = Annotated[
    str, Shape(r"[a-z_][a-z0-9_]{0,62}", "is no SQL name; use small letters, digits and _, for example app")
]


class PostgresqlSpec(ServerSpec):
    """One PostgreSQL: one task, one volume."""

    port: ClassVar[int] = 5432
    kind: Literal["postgresql"]
    """Which program it is."""
    database: SqlName
    """Name of the database."""
    user: SqlName
    """User that owns the database."""

    @model_validator(mode="after")
    def _names_are_the_applications(self) -> PostgresqlSpec:
        found: list[Mistake] = []
        if self.user == SUPERUSER:
            found.append((("user",), "is PostgreSQL's own superuser; name a user of the application, for example app"))
        if self.database in OWN_DATABASES:
            found.append((("database",), "is one of PostgreSQL's own; name one of the application, for example app"))
        refuse(found)
        return self
