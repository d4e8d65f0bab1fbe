"""Property paths as the engine writes them: `environment.A`, `triggers[0]`, `sysctl["net.core.somaxconn"]`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

Path: TypeAlias = Sequence[str | int]
_PLAIN_NAME: Final = re.compile(r"[^.\[\]\"]+")


def path_text(path: Path) -> str:
    """A path as text; names with special characters are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_NAME.fullmatch(step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def top_of(path: str) -> str:
    """The property of the resource that a path lies in."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]
