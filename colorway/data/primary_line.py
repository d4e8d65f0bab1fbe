"""The line of a stack file that says which member of a MariaDB store is the primary."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from colorway.config.documents import parse_document
from colorway.errors import ColorwayError
from colorway.release.plan.trailers import Note
from colorway.release.ports.git import Git

KEY = "colorway:stores"
_LINE = re.compile(rf"""(?P<head>\s+["']?{KEY}["']?\s*:\s*){{.*}}(?P<tail>\s*(?:\s#.*)?\s*)""")


def with_primary(text: str, store: str, host: str, *, name: str) -> str:
    """Return a stack file's text that says another primary: one line of it changes, or comes as the first of `config`.

    Args:
        text: The whole file.
        store: The store.
        host: The primary's host.
        name: The file's name, for people.

    Raises:
        ColorwayError: the file does not have it on one line.
    """
    before = _settings(text)
    said = before.get(KEY) or {}
    wanted = {**said, store: {**said.get(store, {}), "primary": host}}
    lines = text.splitlines(keepends=True)
    written = "{" + ", ".join(f"{one}: {{{_flow(keys)}}}" for one, keys in wanted.items()) + "}"
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


def prepared(git: Git, file: str, *, store: str, host: str) -> Callable[[], None]:
    """Return what writes another primary into a stack's file and commits that alone; nothing where it says so already.

    Args:
        git: The project's repository.
        file: The stack's file, below the project.
        store: The store.
        host: The primary's host.

    Raises:
        ColorwayError: the file has edits that are not committed, or does not have it on one line.
    """
    head, before = git.head(), git.text_at_head(file)
    if git.text_here(file) != before:
        raise ColorwayError(f"{file}: has edits that are not committed; commit them first, nothing was changed")
    after = with_primary(before, store, host, name=file)
    if after == before:
        return lambda: None
    why = "`colorway data promote` has made its member the one that takes writes; the next `up` has the entry ask it."
    message = Note(subject=f"Let {host} be the primary of {store}", body=(why,))

    def commit() -> None:
        git.commit_edit(file, before=before, after=after, message=message, head=head)

    return commit


def _flow(keys: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in keys.items())


def _settings(text: str) -> dict[str, Any]:
    document, _ = parse_document(text, name="")
    return dict(document.section("config").data)
