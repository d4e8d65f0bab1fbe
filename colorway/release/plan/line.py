"""A key of a stack's file that commands keep, on one line: what else the file says stays, byte by byte."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from colorway.config.documents import parse_document
from colorway.errors import ColorwayError

MAINTENANCE = "colorway:maintenance"
"""What is closed for maintenance, and what its visitors read."""
_PLAIN = re.compile(r"(?!(true|false|null|yes|no|on|off|y|n)$)[a-z][a-z0-9-]*")
_PLAIN_KEY = re.compile(r"(?!(true|false|null|yes|no|on|off|y|n)$)[a-z][a-z0-9./-]*")


def said_of(text: str, key: str) -> dict[str, Any]:
    """Return what a stack file says of a key, nothing where it is not there."""
    return dict(_settings(text).get(key) or {})


def with_line(text: str, key: str, wanted: Mapping[str, Any], *, name: str) -> str:
    """Return a stack file's text that says something else of a key: one line of it changes, comes first, or goes.

    Args:
        text: The whole file.
        key: The key with its namespace, below `config`.
        wanted: What it says from now on; nothing = the key is gone.
        name: The file's name, for people.

    Raises:
        ColorwayError: the file does not have the key on one line.
    """
    ours = re.compile(rf"""(?P<head>\s+["']?{key}["']?\s*:\s*){{.*}}(?P<tail>\s*(?:\s#.*)?\s*)""")
    before = _settings(text)
    lines = text.splitlines(keepends=True)
    written = _flow(wanted)
    found = [(number, match) for number, line in enumerate(lines) if (match := ours.fullmatch(line))]
    if found:
        number, match = found[0]
        lines[number : number + 1] = [f"{match['head']}{written}{match['tail']}"] if wanted else []
    elif wanted and key not in before:
        number = next((number for number, line in enumerate(lines) if re.match(r"config\s*:", line)), 0)
        lines.insert(number + 1, f"  {key}: {written}\n")
    result = "".join(lines)
    rest = {other: value for other, value in before.items() if other != key}
    if _settings(result) != (rest | {key: dict(wanted)} if wanted else rest):
        cure = f"write it below config: {key}: {written}" if wanted else f"remove {key} below config"
        raise ColorwayError(f"{name}: cannot be changed in one line; {cure}")
    return result


def _flow(value: object, *, plain: re.Pattern[str] = _PLAIN) -> str:
    """Return a value as YAML writes it on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key, plain=_PLAIN_KEY)}: {_flow(one)}" for key, one in value.items()) + "}"
    # A text that could be anything else is quoted.
    return value if isinstance(value, str) and plain.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def _settings(text: str) -> dict[str, Any]:
    document, _ = parse_document(text, name="")
    return dict(document.section("config").data)
