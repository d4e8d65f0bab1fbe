"""A YAML file as plain data that still knows on which line each value stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from typing_extensions import override

from colorway.config.yaml_text import YamlPath, read_yaml


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake: where it is, and what is wrong with its cure."""

    file: str
    message: str
    path: str = ""
    line: int | None = None

    @override
    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Document:
    """Plain data with its origin.

    `lines` maps a path inside the data to a line number, `tags` to the tag of a value that has one; `origins` maps
    paths that came from elsewhere (an override) to the document that they came from and their path there.
    """

    name: str
    data: Mapping[str, Any]
    lines: Mapping[YamlPath, int] = field(default_factory=dict)
    tags: Mapping[YamlPath, str] = field(default_factory=dict)
    prefix: str = ""
    origins: Mapping[YamlPath, tuple[Document, YamlPath]] = field(default_factory=dict)

    def value(self, key: str) -> Any:  # noqa: ANN401 - whatever YAML made of it
        """Return the value of a top-level key, None where there is none."""
        return self.data.get(key)

    def section(self, key: str) -> Document:
        """Return the mapping below a key, empty where there is none or where it is no mapping."""
        below = self.data.get(key)
        return replace(
            self,
            data=below if isinstance(below, dict) else {},
            lines={path[1:]: line for path, line in self.lines.items() if path[:1] == (key,)},
            prefix=f"{self.prefix}{key}.",
        )

    def keys_with_prefix(self, prefix: str) -> Document:
        """Return only the top-level keys that begin with a prefix, without it."""
        return replace(
            self,
            data={key.removeprefix(prefix): value for key, value in self.data.items() if key.startswith(prefix)},
            lines={
                (path[0].removeprefix(prefix), *path[1:]): line
                for path, line in self.lines.items()
                if path and path[0].startswith(prefix)
            },
            prefix=prefix,
        )

    def in_order(self) -> Document:
        """Return this document with the keys of all its mappings in alphabetical order."""
        return replace(self, data=_sorted(self.data))

    def overridden_by(self, overrides: Document) -> Document:
        """Return this document with another's values laid over it, mapping by mapping.

        Null leaves out what has a name of the user's own: a service, a variable of its environment, an extra host. A
        health check of another way takes the place of the one below it.
        """
        origins = dict(self.origins)
        data = _merge(self.data, overrides.data, (), overrides, origins)
        return replace(self, data=data, origins=origins)

    def problem(self, path: Sequence[str], message: str) -> Problem:
        """Return a mistake at a path."""
        here = tuple(path)
        for length in range(len(here), 0, -1):
            origin = self.origins.get(here[:length])
            if origin:
                return origin[0].problem((*origin[1], *here[length:]), message)
        line = next((self.lines[here[:n]] for n in range(len(here), -1, -1) if here[:n] in self.lines), None)
        return Problem(file=self.name, path=f"{self.prefix}{'.'.join(here)}".rstrip(".:"), message=message, line=line)

    def problems(self, found: Iterable[tuple[Sequence[str], str]]) -> list[Problem]:
        """Return mistakes at several paths."""
        return [self.problem(path, message) for path, message in found]


def read_document(path: Path, *, name: str) -> tuple[Document, list[Problem]]:
    """Read a YAML file.

    Returns:
        The document, and what is wrong with it as YAML. No message repeats a value of the file.
    """
    empty = Document(name=name, data={})
    try:
        content = path.read_bytes()
    except OSError as error:
        return empty, [Problem(file=name, message=f"cannot be read ({error.strerror})")]
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return empty, [Problem(file=name, line=line, message="has a byte here that is not UTF-8; save it as UTF-8")]
    return parse_document(text, name=name)


def parse_document(text: str, *, name: str, tags: frozenset[str] = frozenset()) -> tuple[Document, list[Problem]]:
    """Read YAML text, whose values may have some tags; see `read_document`."""
    plain = read_yaml(text, tags)
    document = Document(name=name, data=plain.data, lines=plain.lines, tags=plain.tags)
    return document, [
        Problem(file=name, path=".".join(mistake.path), line=mistake.line, message=mistake.message)
        for mistake in plain.mistakes
    ]


def _sorted(value: Any) -> Any:  # noqa: ANN401 - plain data
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value, key=str)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _is_named_by_users(path: YamlPath) -> bool:
    """Return whether the keys below a path are names that users give."""
    match path:
        case ("services",) | ("services", _, "env" | "extra-hosts"):
            return True
        case _:
            return False


_WAYS = frozenset({"path", "port", "command", "none"})
"""Keys of a health check that say which way a task is asked; it has one."""


def _is_health(path: YamlPath) -> bool:
    match path:
        case ("services", _, "health"):
            return True
        case _:
            return False


def _merge(
    base: object,
    over: object,
    path: YamlPath,
    document: Document,
    origins: dict[YamlPath, tuple[Document, YamlPath]],
) -> Any:  # noqa: ANN401 - plain data
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        merged = dict(base)
        if _is_health(path) and (_WAYS - {"port"}) & over.keys():
            merged = {key: value for key, value in base.items() if key not in _WAYS}
        for key, value in over.items():
            if value is None and _is_named_by_users(path) and (key in merged or path == ("services",)):
                merged.pop(key, None)
            else:
                merged[key] = _merge(base.get(key), value, (*path, key), document, origins)
        return merged
    origins[path] = (document, path)
    return over
