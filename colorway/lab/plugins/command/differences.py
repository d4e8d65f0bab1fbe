"""What differs between two sets of inputs, by property path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from colorway.lab.plugins.changes import Change, Changes
from colorway.lab.plugins.paths import Path, path_text
from colorway.lab.plugins.values import Properties, Value

# A command that comes to have triggers, or loses them, is made anew; so is one whose triggers change, but
# that the SDK asks of the engine.
_REPLACING = "triggers"


def differences(olds: Properties, news: Properties) -> Changes:
    """The changes from the old inputs to the new ones; nothing and absent are the same."""
    changes = {path_text(path): change for path, change in _compared((), olds, news)}
    return {path: change.replacing if path == _REPLACING else change for path, change in changes.items()}


def _compared(path: Path, old: Value, new: Value) -> Iterator[tuple[Path, Change]]:
    if old is None or new is None:
        if old is not new:
            yield path, Change.ADD if old is None else Change.DELETE
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _compared((*path, name), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _compared((*path, index), _at(old, index), _at(new, index))
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, Change.UPDATE


def _at(values: Sequence[Value], index: int) -> Value:
    return values[index] if index < len(values) else None
