"""The state file of a `file://` backend: read without the CLI, and mended where a killed engine left it cut short.

The engine copies the last checkpoint to `<stack>.json.bak` and then writes the new one; killed in between, it finds
`EOF`, or no stack at all, at every later command. Seen with 3.259 after `kill -9`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

KNOWN_VERSIONS = {3, 4}
"""Versions of a state file that hold the deployment as it is exported; older ones are translated by the CLI."""


def read_checkpoint(*, backend: str, project: str, stack: str) -> Mapping[str, Any] | None:
    """Return the deployment in a stack's state file: what `stack export` prints, secrets encrypted as they are kept.

    Args:
        backend: URL of the backend.
        project: Name of the project.
        stack: Name of the stack.

    Returns:
        The deployment, empty for a stack without resources; None where the CLI has to be asked, because the backend
        is none of files, or the file is missing, compressed, being written or of a version that is not known.
    """
    folder = _folder(backend)
    if folder is None:
        return None
    file = _file(folder, project=project, stack=stack)
    if any(file.with_name(f"{file.name}{suffix}").exists() for suffix in (".gz", ".zst")):
        return None
    try:
        state = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    checkpoint = state.get("checkpoint") if isinstance(state, dict) and state.get("version") in KNOWN_VERSIONS else None
    return checkpoint.get("latest") or {} if isinstance(checkpoint, dict) else None


def restore_checkpoint(*, backend: str, project: str, stack: str) -> str | None:
    """Put the last whole checkpoint back where the current one is cut short or gone.

    Args:
        backend: URL of the backend; only `file://` ones are looked at.
        project: Name of the project.
        stack: Name of the stack.

    Returns:
        One sentence if something was put back, None if all was well or nothing can be done.
    """
    folder = _folder(backend)
    if folder is None:
        return None
    current = _file(folder, project=project, stack=stack)
    candidates = [current.with_name(f"{current.name}.bak"), *_history(folder / "history" / project / stack)]
    if _is_whole(current) or not (current.exists() or _has_resources(candidates[0])):
        # A stack that was removed leaves its last copy, too: without resources, which nobody misses.
        return None
    for candidate in candidates:
        if _is_whole(candidate):
            whole = current.with_name(f"{current.name}.restored")
            shutil.copyfile(candidate, whole)
            whole.replace(current)
            return "the last run was killed while it wrote the state; its last whole copy is back"
    return None


def _folder(backend: str) -> Path | None:
    address = urlsplit(backend)
    return Path(unquote(address.path)).expanduser() / ".pulumi" if address.scheme == "file" else None


def _file(folder: Path, *, project: str, stack: str) -> Path:
    return folder / "stacks" / project / f"{stack}.json"


def _history(folder: Path) -> list[Path]:
    """Return the checkpoints that finished runs left, newest first."""
    return sorted(folder.glob("*.checkpoint.json"), key=lambda path: path.stat().st_mtime, reverse=True)


def _has_resources(path: Path) -> bool:
    try:
        return bool((json.loads(path.read_bytes())["checkpoint"]["latest"] or {}).get("resources"))
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _is_whole(path: Path) -> bool:
    try:
        return "checkpoint" in json.loads(path.read_bytes())
    except (OSError, ValueError, TypeError):
        return False
