"""What a migration must show before it may run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "migrations"


class RefusedError(Exception):
    """The migration is not applied; the message says why, and what would be right."""


def read_migration(name: str) -> str:
    """Return the SQL of a migration.

    Raises:
        RefusedError: there is no such migration in this image.
    """
    known = {path.stem: path for path in sorted(FOLDER.glob("*.sql"))}
    if name not in known:
        raise RefusedError(f"migration {name}: this version has no such migration; it has {', '.join(known)}")
    return known[name].read_text(encoding="utf-8")


def check_backup(name: str, *, backup: str, user_tables: int) -> None:
    """Let a migration pass if it can destroy nothing that is not in a verified backup.

    Raises:
        RefusedError: the database holds tables and no verified backup is named.
    """
    if user_tables and not backup.startswith("verified"):
        raise RefusedError(
            f"migration {name}: refused, for there is no verified backup and the database is not empty; "
            "take and verify one first"
        )
