"""YAML text as plain data, the line of each value, and what is wrong with it as YAML."""

from __future__ import annotations

import datetime as dt
import re
import warnings
from functools import lru_cache
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning
from ruamel.yaml.scalarbool import ScalarBoolean
from ruamel.yaml.scanner import Scanner

DEEPEST = 40
"""Nesting that no honest file reaches; an alias that contains itself does."""
MOST_VALUES = 50_000
"""Number of values that no honest file reaches; aliases of aliases of aliases do."""
NO_YAML = "is no valid YAML; check indentation, quotes and colons"
_DUPLICATE = re.compile(r'found duplicate key "([^"]*)"')
_SYNTAX = (
    ("found character '\\t'", "has a tab here; YAML is indented with spaces"),
    ("found undefined alias", "uses an alias (*) without its anchor (&); write the anchor above, or the value itself"),
    ("but found another document", "is several documents; leave the line --- between them out"),
    ("mapping values are not allowed", "has a colon too many here, or the wrong indentation; put the value in quotes"),
    ("that cannot start any token", "begins a value here with a character that YAML reserves; put it in quotes"),
)
"""How the parser's sentences begin or end, and ours: its own can repeat the file's values."""
_OPENED = (
    ("while scanning a quoted scalar", "opens a quote here that is never closed; close it"),
    ("while parsing a flow", "opens a [ or { here that is not closed, or lacks a comma in it; complete it"),
)

_NOTHING = ("", "~", "null", "Null", "NULL")

YamlPath = tuple[str, ...]


class YamlMistake(NamedTuple):
    """What is wrong, and where."""

    message: str
    path: YamlPath = ()
    line: int | None = None


class PlainYaml(NamedTuple):
    """The data of a YAML text, the line of each value by its path, the tags of some, and what is wrong."""

    data: dict[str, Any]
    lines: dict[YamlPath, int]
    tags: dict[YamlPath, str]
    mistakes: list[YamlMistake]


@lru_cache(maxsize=16)
def read_yaml(text: str, tags: frozenset[str] = frozenset()) -> PlainYaml:
    """Read YAML text; never raises, and no message repeats a value of the text.

    One process reads the same files twice, for itself and in the program, and reading is slow: 3.6 s for a platform of
    500 services. So nobody may change what is returned.

    Args:
        text: The text.
        tags: The tags that values may have, each with its `!`; any other one is a mistake.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            reader = YAML(typ="rt")
            # The one that keeps no comments takes two thirds of the time.
            reader.Scanner = Scanner
            tree = reader.load(text)
    except MarkedYAMLError as error:
        return _nothing(_syntax(error))
    except Exception:  # noqa: BLE001 - ruamel lets through whatever Python raises about a scalar
        return _nothing(YamlMistake(NO_YAML))
    if tree is None:
        return PlainYaml({}, {}, {}, [])
    if not isinstance(tree, CommentedMap):
        return _nothing(YamlMistake("must be a mapping: keys, each with a value", line=1))
    walk = _Walk(tags)
    return PlainYaml(walk.mapping(tree, ()), walk.lines, walk.tags, walk.mistakes)


class _Walk:
    """Turns ruamel's nodes into plain data, and remembers lines and mistakes on the way."""

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.tags: dict[YamlPath, str] = {}
        self.lines: dict[YamlPath, int] = {}
        self.mistakes: list[YamlMistake] = []
        self.values = 0

    def mapping(self, node: CommentedMap, path: YamlPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in node.items():
            line = _line(node.lc.key, key) or self.lines.get(path)
            if not isinstance(key, str):
                self.mistakes.append(YamlMistake("has a key that is no text; put it in quotes", path, line))
                continue
            result[str(key)] = self._value(value, (*path, str(key)), line)
        return result

    def _value(self, node: object, path: YamlPath, line: int | None) -> Any:  # noqa: ANN401 - plain data
        if line:
            self.lines[path] = line
        self.values += 1
        if len(path) > DEEPEST or self.values > MOST_VALUES:
            too_much = YamlMistake("is nested too deeply or too large; if an alias contains itself, write it out")
            if too_much not in self.mistakes:
                self.mistakes.append(too_much)
            return None
        if isinstance(node, CommentedMap | CommentedSeq | TaggedScalar) and node.tag.value is not None:
            if node.tag.value not in self.known:
                return self._tagged(path)
            self.tags[path] = str(node.tag.value)
        if isinstance(node, CommentedMap):
            return self.mapping(node, path)
        if isinstance(node, CommentedSeq):
            return [
                self._value(entry, (*path, str(index)), _line(node.lc.item, index) or line)
                for index, entry in enumerate(node)
            ]
        return self._scalar(node, path)

    def _scalar(self, node: object, path: YamlPath) -> Any:  # noqa: ANN401 - a YAML scalar
        if isinstance(node, bool | ScalarBoolean):
            return bool(node)
        for kind in (int, float, str):
            if isinstance(node, kind):
                return kind(node)
        if node is None or isinstance(node, dt.date):
            return node
        if path in self.tags and isinstance(node, TaggedScalar):
            # Numbers and words of a tagged scalar are its text; that it is nothing has to be known.
            return None if not node.style and node.value in _NOTHING else str(node.value)
        return self._tagged(path)

    def _tagged(self, path: YamlPath) -> None:
        message = "is written with a YAML tag (!); write it plainly, text in quotes"
        self.mistakes.append(YamlMistake(message, path, self.lines.get(path)))


def _line(position: Any, key: object) -> int | None:  # noqa: ANN401 - ruamel has no types
    try:
        return int(position(key)[0]) + 1
    except (KeyError, TypeError, AttributeError):
        return None  # a merged key (<<) stands nowhere here


def _nothing(mistake: YamlMistake) -> PlainYaml:
    return PlainYaml({}, {}, {}, [mistake])


def _syntax(error: MarkedYAMLError) -> YamlMistake:
    problem, context = str(error.problem), str(error.context)
    line = error.problem_mark.line + 1 if error.problem_mark else None
    duplicate = _DUPLICATE.match(problem)
    if duplicate:
        return YamlMistake(f"has the key {duplicate[1]} twice in one mapping; leave one out", line=line)
    for words, message in _SYNTAX:
        if words in problem:
            return YamlMistake(message, line=line)
    for words, message in _OPENED:
        if context.startswith(words) and error.context_mark:
            return YamlMistake(message, line=error.context_mark.line + 1)
    return YamlMistake(f"{NO_YAML} here and above", line=line)
