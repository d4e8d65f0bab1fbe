"""A YAML file as plain data that still knows on which line each value stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean
from typing_extensions import override

DEEPEST = 40
"""Nesting that no honest file reaches; an alias that contains itself does."""

YamlPath = tuple[str, ...]


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

    `lines` maps a path inside the data to a line number; `origins` maps paths that came from elsewhere
    (an override) to the document that they came from and their path there.
    """

    name: str
    data: Mapping[str, Any]
    lines: Mapping[YamlPath, int] = field(default_factory=dict)
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

    def overridden_by(self, overrides: Document) -> Document:
        """Return this document with another's values laid over it, mapping by mapping."""
        origins: dict[YamlPath, tuple[Document, YamlPath]] = {}
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
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"cannot be read ({error.strerror})"
        return empty, [Problem(file=name, message=reason)]
    return parse_document(text, name=name)


def parse_document(text: str, *, name: str) -> tuple[Document, list[Problem]]:
    """Read YAML text; see `read_document`."""
    empty = Document(name=name, data={})
    try:
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        what = "the same key twice" if "duplicate key" in str(error.problem) else "no valid YAML"
        return empty, [Problem(file=name, line=line, message=f"is {what} here; check indentation, quotes and colons")]
    except (
        YAMLError,
        ValueError,
        TypeError,
        AttributeError,
        NotImplementedError,
        RecursionError,
        AssertionError,
    ):
        return empty, [Problem(file=name, message="is no valid YAML; check indentation, quotes and colons")]
    if tree is None:
        tree = CommentedMap()
    if not isinstance(tree, CommentedMap):
        return empty, [Problem(file=name, line=1, message="must be a mapping: keys, each with a value")]
    lines: dict[YamlPath, int] = {}
    found: list[Problem] = []
    data = _plain(tree, (), lines, found, name)
    return Document(name=name, data=data, lines=lines), found


def _plain(node: object, path: YamlPath, lines: dict[YamlPath, int], found: list[Problem], name: str) -> Any:  # noqa: ANN401
    if len(path) > DEEPEST:
        if not found:
            found.append(Problem(file=name, message="is nested too deeply, or an alias contains itself; write it out"))
        return None
    if isinstance(node, CommentedMap):
        result: dict[str, Any] = {}
        for key, value in node.items():
            line = _line(node, key)
            if not isinstance(key, str):
                found.append(
                    Problem(
                        file=name,
                        line=line,
                        path=".".join(path),
                        message="has a key that is no text; quote it",
                    )
                )
                continue
            lines[*path, key] = line or lines.get(path, 1)
            result[str(key)] = _plain(value, (*path, str(key)), lines, found, name)
        return result
    if isinstance(node, CommentedSeq):
        return [_plain(value, (*path, str(index)), lines, found, name) for index, value in enumerate(node)]
    return _scalar(node)


def _line(node: CommentedMap, key: object) -> int | None:
    try:
        return int(node.lc.key(key)[0]) + 1
    except (KeyError, TypeError, AttributeError):
        return None


def _scalar(node: object) -> Any:  # noqa: ANN401 - a YAML scalar
    if isinstance(node, bool | ScalarBoolean):
        return bool(node)
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _merge(
    base: object,
    over: object,
    path: YamlPath,
    document: Document,
    origins: dict[YamlPath, tuple[Document, YamlPath]],
) -> Any:  # noqa: ANN401 - plain data
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        merged = dict(base)
        for key, value in over.items():
            merged[key] = _merge(base.get(key), value, (*path, key), document, origins)
        return merged
    origins[path] = (document, path)
    return over
