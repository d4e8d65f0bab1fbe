"""What a Compose file says, each value with the line that says it, and what is remarked about it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from colorway.config.documents import Document, Problem


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int | None = None
    folder: str | None = None
    """From where the file's paths are seen; none = from its own folder."""

    def beside(self, path: str) -> str:
        """Return a path that this file names, as seen from where the command runs."""
        folder = posixpath.dirname(self.file) if self.folder is None else self.folder
        return posixpath.normpath(posixpath.join(folder, path))


@dataclass(frozen=True, kw_only=True)
class Said:
    """A value of a Compose file, and where it stands.

    Mappings and lists hold further ones; everything else is what YAML made of it.
    """

    value: Any
    place: Place
    tag: str | None = None
    """What becomes of what an earlier file says there: `!reset`, `!override`; none = the two are merged."""

    @property
    def entries(self) -> Mapping[str, Said]:
        """What a mapping says by key; empty for everything else."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> Sequence[Said]:
        """What a list says; one value alone is a list of one, null is none."""
        if isinstance(self.value, list):
            return self.value
        return [] if self.value is None else [self]

    @property
    def text(self) -> str | None:
        """A scalar as Compose's own text of it; None for null, mappings and lists."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return None if self.value is None or isinstance(self.value, Mapping | list) else str(self.value)

    def at(self, *keys: str) -> Said | None:
        """Return the value at a path, None where nothing is said."""
        found: Said | None = self
        for key in keys:
            found = found.entries.get(key) if found is not None else None
        return None if found is None or found.value is None else found

    def text_at(self, *keys: str) -> str | None:
        """Return the text at a path, None where there is none."""
        found = self.at(*keys)
        return None if found is None else found.text

    def entries_at(self, *keys: str) -> Mapping[str, Said]:
        """Return the mapping at a path, empty where there is none."""
        found = self.at(*keys)
        return {} if found is None else found.entries

    def items_at(self, *keys: str) -> Sequence[Said]:
        """Return the list at a path, empty where there is none."""
        found = self.at(*keys)
        return [] if found is None else found.items


def said_by(document: Document, *, folder: str | None = None) -> Said:
    """Return all that a document says; what a merge key (<<) brings stands where its mapping does.

    Args:
        document: The document.
        folder: From where its paths are seen; none = from its own folder.
    """

    def below(value: object, path: tuple[str, ...], place: Place) -> Said:
        here, tag = Place(document.name, document.lines.get(path, place.line), folder), document.tags.get(path)
        found: Any = value
        if isinstance(value, Mapping):
            found = {key: below(one, (*path, key), here) for key, one in value.items()}
        elif isinstance(value, list):
            found = [below(one, (*path, str(n)), here) for n, one in enumerate(value)]
        return Said(value=found, place=here, tag=tag)

    return below(document.data, (), Place(document.name))


@dataclass(frozen=True, kw_only=True)
class Remarks:
    """What is not carried over, or not as it was: collected on the way, sorted by file and line."""

    found: list[Problem] = field(default_factory=list)

    def add(self, place: Place, path: str, reason: str, cure: str) -> None:
        """Remark something: where it stands, why it is not carried, and what to do instead."""
        self.found.append(Problem(file=place.file, line=place.line, path=path, message=f"{reason}; {cure}"))

    def sorted(self) -> Iterator[Problem]:
        """Yield each remark once, by the files as they came and their lines."""
        files = list(dict.fromkeys(one.file for one in self.found))
        yield from sorted(dict.fromkeys(self.found), key=lambda one: (files.index(one.file), one.line or 0))
