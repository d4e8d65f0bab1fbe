"""The line of a stack file that says what commands keep of its data stores: a primary, a generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from colorway.errors import ColorwayError
from colorway.release.plan.line import said_of, with_line
from colorway.release.plan.trailers import Note
from colorway.release.ports.git import Git

KEY = "colorway:stores"


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
    said = said_of(text, KEY)
    return with_line(text, KEY, {**said, store: {**said.get(store, {}), **kept}}, name=name)


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
