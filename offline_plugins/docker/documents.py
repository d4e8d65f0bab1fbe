"""JSON documents of the daemon's interface: reading them, and writing them without what is not said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from offline_plugins.docker.fields import Field
from offline_plugins.docker.sets import sent
from offline_plugins.values import Properties, Value

NANOSECONDS: Final = 1_000_000_000
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "h": 3600 * NANOSECONDS,
}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+|0")


def nanoseconds(text: str) -> int:
    """The length of a duration; 0 for text that is none, as the official provider takes it."""
    if not _WHOLE.fullmatch(text):
        return 0
    return sum(round(float(number) * _UNITS[unit]) for number, unit in _PART.findall(text))


def seconds(text: str) -> float:
    """The length of a duration in seconds."""
    return nanoseconds(text) / NANOSECONDS


def full(length: int) -> str:
    """The text of a length in nanoseconds as Go prints it: 60 s is `1m0s`."""
    if length < NANOSECONDS:
        for unit in ("ms", "µs", "ns"):
            if length >= _UNITS[unit]:
                return f"{_decimal(length, _UNITS[unit])}{unit}"
        return "0s"
    minutes, rest = divmod(length, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds_text = f"{_decimal(rest, NANOSECONDS)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds_text}"
    return f"{minutes}m{seconds_text}" if minutes else seconds_text


def short(length: int) -> str:
    """The shortest text of a length in nanoseconds: 60 s is `1m`, 0 is `0s`."""
    text = full(length)
    text = text.removesuffix("0s") if text.endswith("m0s") else text
    return text.removesuffix("0m") if text.endswith("h0m") else text


def _decimal(length: int, unit: int) -> str:
    whole, rest = divmod(length, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def duration(value: Value) -> str | None:
    """A check for a duration as text."""
    right = isinstance(value, str) and _WHOLE.fullmatch(value) is not None
    return None if right else "must be a duration such as 500ms, 10s or 1m30s"


Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Document: TypeAlias = Mapping[str, Json]


def filled(document: Document) -> dict[str, Json]:
    """The document without zeros, which the daemon's own clients leave out too."""
    return {name: value for name, value in document.items() if value}


def present(name: str, value: Json) -> Document:
    """A document with one member, or with none where the value is absent."""
    return {} if value is None else {name: value}


def text(value: Value | Json) -> str:
    """A string; empty where there is none."""
    return value if isinstance(value, str) else ""


def number(value: Value | Json) -> int:
    """A whole number; 0 where there is none."""
    return value if isinstance(value, int) else 0


def elements(value: Value) -> list[Value]:
    """The elements of a list of a state."""
    return value if isinstance(value, list) else []


def strings(value: Value) -> list[str]:
    """The strings of a list of a state."""
    return [text(item) for item in elements(value)]


def string_map(value: Value) -> dict[str, str]:
    """The strings by name of a state."""
    return {name: text(item) for name, item in value.items()} if isinstance(value, dict) else {}


def content(value: Value) -> Properties:
    """An object of a state; empty where there is none."""
    return value if isinstance(value, dict) else {}


def objects(value: Value) -> list[Properties]:
    """The objects of a list of a state."""
    return [item for item in elements(value) if isinstance(item, dict)]


def in_order(field: Field, value: Value) -> list[Properties]:
    """The objects of a set in the order in which the daemon gets them."""
    return objects(sent(field, elements(value)))


def label_map(labels: Value) -> dict[str, str]:
    """Labels by name, from the pairs of a state."""
    return {text(pair["label"]): text(pair["value"]) for pair in objects(labels)}


def label_pairs(labels: Json) -> list[Value]:
    """Labels as the pairs of a state, from the daemon's document."""
    return [{"label": name, "value": value} for name, value in sorted(text_items(labels).items())]


def text_items(value: Json) -> dict[str, str]:
    """The strings by name of a document."""
    return {name: text(item) for name, item in value.items()} if isinstance(value, Mapping) else {}


def part(document: Document, name: str) -> Document:
    """A document inside a document; empty where there is none."""
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def parts(document: Document, name: str) -> list[Document]:
    """The documents of a list inside a document."""
    value = document.get(name)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def words(document: Document, name: str) -> list[Value]:
    """The strings of a list inside a document."""
    value = document.get(name)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, str)]
