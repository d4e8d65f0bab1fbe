"""What a migration's SQL would do to those that use the database meanwhile: squawk's rules, of which some are ours."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from colorway.spec.release import MigrationSpec

PROGRAM = "squawk"
OLDEST_POSTGRESQL = "14"
"""What later ones need no lock for is none of the rules' business."""
_SECONDS = 60
LOCKS = frozenset(
    {
        "adding-field-with-default",
        "adding-foreign-key-constraint",
        "adding-not-nullable-field",
        "adding-serial-primary-key-field",
        "ban-concurrent-index-creation-in-transaction",
        "ban-truncate-cascade",
        "changing-column-type",
        "constraint-missing-not-valid",
        "disallowed-unique-constraint",
        "require-concurrent-index-creation",
        "require-concurrent-index-deletion",
        "require-concurrent-partition-detach",
        "require-concurrent-reindex",
        "syntax-error",
    }
)
"""Rules about what lets everybody wait for long, or cannot run; https://squawkhq.com/docs/rules says why."""
COMPATIBILITY = frozenset(
    {
        "adding-required-field",
        "ban-drop-column",
        "ban-drop-database",
        "ban-drop-domain",
        "ban-drop-function",
        "ban-drop-schema",
        "ban-drop-sequence",
        "ban-drop-table",
        "ban-drop-type",
        "ban-drop-view",
        "ban-set-schema",
        "renaming-column",
        "renaming-object",
        "renaming-table",
    }
)
"""Rules about what the version before does not find any more; a migration that says so may break them."""


def files_of(migrations: Iterable[MigrationSpec]) -> dict[str, MigrationSpec]:
    """Return the SQL files of migrations by their paths in the project, each with its migration."""
    return {path: migration for migration in migrations for path in migration.sql}


def problem_of(migrations: Iterable[MigrationSpec], *, root: Path) -> str | None:
    """Return what is wrong with the SQL of migrations, a sentence with file, line and cure; none = nothing.

    A line `-- squawk-ignore RULE` above a statement lets it pass, as in squawk itself.

    Args:
        migrations: Those that have not run yet.
        root: The project's folder.
    """
    wanted = files_of(migrations)
    missing = [path for path in wanted if not (root / path).is_file()]
    if missing:
        return f"{missing[0]}: is no file of the project, and the migration {wanted[missing[0]].id} names it under sql"
    if not wanted:
        return None
    found = _findings(list(wanted), root=root)
    return found if isinstance(found, str) else next(iter(_said(found, wanted)), None)


def _findings(paths: list[str], *, root: Path) -> list[Mapping[str, Any]] | str:
    """Return what squawk finds, or why it could not look."""
    program = Path(sysconfig.get_path("scripts")) / PROGRAM
    # With an error for each finding it ends with 1, so the exit code says nothing more than what it prints.
    command = [str(program), f"--pg-version={OLDEST_POSTGRESQL}", "--reporter=json", "--", *paths]
    try:
        run = subprocess.run(
            command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        found: list[Mapping[str, Any]] = json.loads(run.stdout)
    except OSError as error:
        return f"the SQL of the migrations cannot be checked: {program}: {error.strerror}; `make set-up` brings it"
    except subprocess.TimeoutExpired:
        return f"the SQL of the migrations cannot be checked: {PROGRAM} did not end within {_SECONDS} s"
    except ValueError:
        said = (run.stderr or run.stdout).strip().splitlines() or [f"exit code {run.returncode}"]
        return f"the SQL of the migrations cannot be checked: {PROGRAM}: {said[-1]}"
    return found


def _said(found: Iterable[Mapping[str, Any]], wanted: Mapping[str, MigrationSpec]) -> Iterator[str]:
    for one in found:
        rule, path, line = one["rule_name"], one["file"], one["line"] + 1
        migration = wanted[path]
        breaks = rule in COMPATIBILITY and migration.backward_compatible
        if rule not in LOCKS and not breaks:
            continue
        cures = [" ".join((one["help"] or "").split()).rstrip(".")]
        if breaks:
            cures.append(f"say backward-compatible: false of {migration.id}, which then waits until no task needs it")
        if rule != "syntax-error":
            cures.append(f"write `-- squawk-ignore {rule}` above it where it does no harm")
        message = " ".join(one["message"].split()).rstrip(".")
        yield f"{path}:{line}: {message} ({rule}); {', or '.join(filter(None, cures))}"
