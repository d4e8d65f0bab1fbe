"""JSON documents of the daemon's interface: reading them, and writing them without what is not said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from colorway.lab.plugins.docker.fields import Field
from colorway.lab.plugins.docker.ordering import sent
from colorway.lab.plugins.values import Properties, Value

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
