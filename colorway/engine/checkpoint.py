"""The state file of a `file://` backend, which a killed engine can leave cut short.

The engine copies the last checkpoint to `<stack>.json.bak` and then writes the new one; killed in between, it finds
`EOF`, or no stack at all, at every later command. Seen with 3.259 after `kill -9`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit


def restore_checkpoint(*, backend: str, project: str, stack: str) -> str | None:
    """Put the last whole checkpoint back where the current one is cut short or gone.

    Args:
        backend: URL of the backend; only `file://` ones are looked at.
        project: Name of the project.
        stack: Name of the stack.

    Returns:
        One sentence if something was put back, None if all was well or nothing can be done.
    """
    address = urlsplit(backend)
    if address.scheme != "file":
        return None
    folder = Path(unquote(address.path)).expanduser() / ".pulumi"
    current = folder / "stacks" / project / f"{stack}.json"
    candidates = [current.with_name(f"{current.name}.bak"), *_history(folder / "history" / project / stack)]
    if _is_whole(current) or not (current.exists() or candidates[0].exists()):
        return None
    for candidate in candidates:
        if _is_whole(candidate):
            whole = current.with_name(f"{current.name}.restored")
            shutil.copyfile(candidate, whole)
            whole.replace(current)
            return "the last run was killed while it wrote the state; its last whole copy is back"
    return None


def _history(folder: Path) -> list[Path]:
    """Return the checkpoints that finished runs left, newest first."""
    return sorted(folder.glob("*.checkpoint.json"), key=lambda path: path.stat().st_mtime, reverse=True)


def _is_whole(path: Path) -> bool:
    try:
        return "checkpoint" in json.loads(path.read_bytes())
    except (OSError, ValueError, TypeError):
        return False
