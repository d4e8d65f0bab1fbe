"""MariaDB, for what must not be lost and speaks MySQL."""

from __future__ import annotations

from typing import ClassVar, Literal

from colorway.spec.stores.database import MARIADB, DatabaseSpec, ServerFacts


class MariadbSpec(DatabaseSpec):
    """One MariaDB: one task, one volume."""

    port: ClassVar[int] = 3306
    facts: ClassVar[ServerFacts] = MARIADB

    kind: Literal["mariadb"]
    """Which program it is."""
