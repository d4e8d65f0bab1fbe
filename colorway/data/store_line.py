"""The line of a stack file that says what commands keep of its data stores: a primary, a generation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from colorway.config.documents import parse_document
from colorway.errors import ColorwayError
from colorway.release.plan.trailers import Note
from colorway.release.ports.git import Git

KEY = "colorway:stores"
_LINE = re.compile(rf"""(?P<head>\s+["']?{KEY}["']?\s*:\s*){{.*}}(?P<tail>\s*(?:\s#.*)?\s*)""")

_PLAIN = re.compile(r"(?!(true|false|null|yes|no|on|off|y|n)$)[a-z][a-z0-9-]*")


def with_kept(text: str, store: str, kept: Mapping[str, Any], *, name: str) -> str:
    """Return a stack file's text that keeps other things of a store: one line of it changes, or comes as the first.

    Args:
        text: The whole file.
        store: The store.
        kept: Keys of `StoreSettings` as the file writes them; what else it keeps stays.
        name: The file's name, for people.

    Raises:
        ColorwayError: the file does not have it on one line.
    """
    before = _settings(text)
    said = before.get(KEY) or {}
    wanted = {**said, store: {**said.get(store, {}), **kept}}
    lines = text.splitlines(keepends=True)
    written = _flow(wanted)
    found = [number for number, line in enumerate(lines) if _LINE.fullmatch(line)]
    if found:
        match = _LINE.fullmatch(lines[found[0]])
        lines[found[0]] = f"{match['head']}{written}{match['tail']}" if match else lines[found[0]]
    elif KEY not in before:
        number = next((number for number, line in enumerate(lines) if re.match(r"config\s*:", line)), 0)
        lines.insert(number + 1, f"  {KEY}: {written}\n")
    result = "".join(lines)
    if _settings(result) != {**before, KEY: wanted}:
        raise ColorwayError(f"{name}: cannot be changed in one line; write it below config: {KEY}: {written}")
    return result


def prepared(git: Git, file: str, *, store: str, kept: Mapping[str, Any], message: Note) -> Callable[[], None]:
    """Return what writes that into a stack's file and commits it alone; nothing where it says so already.

    Args:
        git: The project's repository.
        file: The stack's file, below the project.
        store: The store.
        kept: Keys of `StoreSettings` as the file writes them.
        message: The commit's.

    Raises:
        ColorwayError: the file has edits that are not committed, or does not have it on one line.
    """
    head, before = git.head(), git.text_at_head(file)
    if git.text_here(file) != before:
        raise ColorwayError(f"{file}: has edits that are not committed; commit them first, nothing was changed")
    after = with_kept(before, store, kept, name=file)
    if after == before:
        return lambda: None

    def commit() -> None:
        git.commit_edit(file, before=before, after=after, message=message, head=head)

    return commit


def _flow(value: object) -> str:
    """Return a value as YAML writes it on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    # A text that could be anything else is quoted.
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else json.dumps(value)


def _settings(text: str) -> dict[str, Any]:
    document, _ = parse_document(text, name="")
    return dict(document.section("config").data)
