"""What the provider knows about one property: its kind, its default, what a change of it means."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final, TypedDict, Unpack

from offline_plugins.values import Value


class Kind(enum.Enum):
    """The shape of a property."""

    TEXT = enum.auto()
    WHOLE = enum.auto()
    """An integer."""
    FLAG = enum.auto()
    TEXTS = enum.auto()
    """Strings whose order counts."""
    TEXT_SET = enum.auto()
    TEXT_MAP = enum.auto()
    BLOCK = enum.auto()
    """At most one object; the provider underneath stores it as a list of one."""
    BLOCKS = enum.auto()
    """Objects whose order counts."""
    BLOCK_SET = enum.auto()


LEAVES: Final = frozenset({Kind.TEXT, Kind.WHOLE, Kind.FLAG})
SETS: Final = frozenset({Kind.TEXT_SET, Kind.BLOCK_SET})
Fields = Mapping[str, "Field"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One property of a resource or of an object inside it."""

    kind: Kind
    source: str = ""
    """The name in the provider underneath; decides order and hashes of sets."""
    required: bool = False
    computed: bool = False
    """Left out, it keeps what the daemon made of it."""
    default: str | int | bool | None = None
    replaces: bool = False
    """A change of it replaces the resource."""
    secret: bool = False
    refused: bool = False
    """It exists, and appears in outputs, but this plugin takes no value for it."""
    problem: Callable[[Value], str | None] | None = None
    """Says what is wrong with a known value, without repeating it."""
    content: Fields = field(default_factory=lambda: MappingProxyType({}))
    """The properties of an object."""

    @cached_property
    def zero(self) -> Value:
        """What stands for "not set" after a round trip through the daemon's state."""
        if self.kind is Kind.TEXT_MAP:
            return {}
        zeros: dict[Kind, Value] = {Kind.TEXT: "", Kind.WHOLE: 0, Kind.FLAG: False, Kind.BLOCK: None}
        return zeros.get(self.kind, [])

    @cached_property
    def whole(self) -> bool:
        """An object or set that is taken from the program or from the state as a whole, never merged."""
        return self.computed and bool(self.content)

    @property
    def by_source(self) -> list[tuple[str, Field]]:
        """The properties of the object in the order of the provider underneath."""
        return sorted(self.content.items(), key=lambda item: item[1].source)


class Traits(TypedDict, total=False):
    """What may be said of a property besides its kind."""

    source: str
    required: bool
    computed: bool
    default: str | int | bool
    replaces: bool
    secret: bool
    refused: bool
    problem: Callable[[Value], str | None]


def text(**traits: Unpack[Traits]) -> Field:
    """A string."""
    return Field(kind=Kind.TEXT, **traits)


def whole(**traits: Unpack[Traits]) -> Field:
    """An integer."""
    return Field(kind=Kind.WHOLE, **traits)


def flag(**traits: Unpack[Traits]) -> Field:
    """True or false."""
    return Field(kind=Kind.FLAG, **traits)


def texts(**traits: Unpack[Traits]) -> Field:
    """Strings in order."""
    return Field(kind=Kind.TEXTS, **traits)


def text_set(**traits: Unpack[Traits]) -> Field:
    """Strings without order."""
    return Field(kind=Kind.TEXT_SET, **traits)


def text_map(**traits: Unpack[Traits]) -> Field:
    """Strings by name."""
    return Field(kind=Kind.TEXT_MAP, **traits)


def block(content: Fields, **traits: Unpack[Traits]) -> Field:
    """At most one object."""
    return Field(kind=Kind.BLOCK, content=named(content), **traits)


def blocks(content: Fields, **traits: Unpack[Traits]) -> Field:
    """Objects in order."""
    return Field(kind=Kind.BLOCKS, content=named(content), **traits)


def block_set(content: Fields, **traits: Unpack[Traits]) -> Field:
    """Objects without order."""
    return Field(kind=Kind.BLOCK_SET, content=named(content), **traits)


def labels(*, fixed: bool, **traits: Unpack[Traits]) -> Field:
    """Labels: a set of `{label, value}`; a change of a fixed label replaces the resource."""
    pair = text(required=True, replaces=fixed)
    return block_set({"label": pair, "value": pair}, **traits)


def named(content: Fields) -> Fields:
    """The same properties, each with its name in the provider underneath where none is given."""
    return MappingProxyType(
        {name: item if item.source else replace(item, source=snake(name)) for name, item in content.items()},
    )


def snake(name: str) -> str:
    """The usual name in the provider underneath: `stopSignal` becomes `stop_signal`."""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def one_of(*allowed: str) -> Callable[[Value], str | None]:
    """A check that accepts the given words only."""

    def problem(value: Value) -> str | None:
        return None if value in allowed else f"must be one of {', '.join(allowed)}"

    return problem


def ratio(value: Value) -> str | None:
    """A check for a share of failures, written as text."""
    try:
        number = float(value) if isinstance(value, str) else -1.0
    except ValueError:
        number = -1.0
    return None if 0 <= number <= 1 else 'must be a number between 0 and 1 in quotes, such as "0.2"'


def not_negative(value: Value) -> str | None:
    """A check for counts."""
    return None if isinstance(value, int) and value >= 0 else "must be a whole number, 0 or more"
