"""PostgreSQL, for what must not be lost."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from colorway.spec.base import refuse, twice
from colorway.spec.fields import Shape
from colorway.spec.stores.database import POSTGRESQL, DatabaseSpec, ServerFacts

ExtensionName = Annotated[
    str,
    Field(max_length=63),
    Shape(
        r"[a-z][a-z0-9_-]*",
        "is no name of an extension; write it as CREATE EXTENSION takes it, in small letters, for example vector",
    ),
]
"""Name of an extension of PostgreSQL."""


class PostgresqlSpec(DatabaseSpec):
    """One PostgreSQL: one task, one volume."""

    port: ClassVar[int] = 5432
    facts: ClassVar[ServerFacts] = POSTGRESQL

    kind: Literal["postgresql"]
    """Which program it is."""
    extensions: tuple[ExtensionName, ...] = ()
    """Extensions that the superuser makes in the database at every start; the image must have them."""

    @model_validator(mode="after")
    def _each_extension_once(self) -> PostgresqlSpec:
        refuse(twice("extensions", self.extensions))
        return self
