"""Property values as they travel between engine and plugin, in a form that is pleasant to work with.

On the wire a property is JSON in a protobuf `Struct`; unknown values are marker strings and secrets are
objects with a signature. Here an unknown is `UNKNOWN`, a secret a `Secret`, and a whole number an `int`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from google.protobuf import struct_pb2


class PropertyChange(enum.IntEnum):
    """What happens to a property; the numbers are the protocol's."""

    ADD = 0
    ADD_REPLACE = 1
    DELETE = 2
    DELETE_REPLACE = 3
    UPDATE = 4
    UPDATE_REPLACE = 5

    @property
    def replaces(self) -> bool:
        """Whether the resource is replaced for it."""
        return bool(self.value % 2)

    @property
    def replacing(self) -> PropertyChange:
        """The same change, replacing."""
        return PropertyChange(self.value | 1)

    @property
    def in_place(self) -> PropertyChange:
        """The same change, not replacing."""
        return PropertyChange(self.value & ~1)


Changes: TypeAlias = Mapping[str, PropertyChange]


Path: TypeAlias = Sequence[str | int]
_PLAIN_NAME: Final = re.compile(r"[^.\[\]\"]+")


def path_text(path: Path) -> str:
    """A path as text; names with special characters are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_NAME.fullmatch(step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def top_of(path: str) -> str:
    """The property of the resource that a path lies in."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


class Unknown(enum.Enum):
    """A value that only the update itself will know."""

    UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the engine encrypts in state and hides in every text."""

    value: Value


Value: TypeAlias = "bool | int | float | str | Unknown | Secret | list[Value] | dict[str, Value] | None"
Properties: TypeAlias = dict[str, Value]

UNKNOWN: Final = Unknown.UNKNOWN
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's marker, no secret
# One marker for every kind of value; only the first is used for plain strings and so for nearly all.
_UNKNOWNS: Final = frozenset(
    {
        UNKNOWN.value,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    },
)


def decode(struct: struct_pb2.Struct) -> Properties:
    """Read the properties of a request."""
    return {name: _decoded(value) for name, value in struct.fields.items()}


def _decoded(value: struct_pb2.Value) -> Value:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decoded(element) for element in value.list_value.values]
    if kind == "struct_value":
        content = decode(value.struct_value)
        return Secret(content.get("value")) if content.get(_SIGNATURE) == _SECRET else content
    return None


def encode(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """Write properties for an answer."""
    struct = struct_pb2.Struct()
    for name, value in properties.items():
        _write(struct.fields[name], value)
    return struct


def _write(target: struct_pb2.Value, value: Value) -> None:
    if isinstance(value, Secret):
        value = {_SIGNATURE: _SECRET, "value": value.value}
    if value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, dict):
        target.struct_value.SetInParent()
        for name, element in value.items():
            _write(target.struct_value.fields[name], element)
    elif isinstance(value, list):
        target.list_value.SetInParent()
        for element in value:
            _write(target.list_value.values.add(), element)
    else:
        target.string_value = value.value if isinstance(value, Unknown) else value


def revealed(value: Value) -> Value:
    """The value without any `Secret` around or inside it."""
    if isinstance(value, Secret):
        return revealed(value.value)
    if isinstance(value, dict):
        return {name: revealed(element) for name, element in value.items()}
    if isinstance(value, list):
        return [revealed(element) for element in value]
    return value


def contains_unknown(value: Value) -> bool:
    """Whether the value is unknown or holds something unknown."""
    if isinstance(value, Secret):
        return contains_unknown(value.value)
    if isinstance(value, dict):
        return any(contains_unknown(element) for element in value.values())
    if isinstance(value, list):
        return any(contains_unknown(element) for element in value)
    return value is UNKNOWN


def texts(value: Value) -> Sequence[str]:
    """The strings of a list, an empty sequence for anything else."""
    return [element for element in value if isinstance(element, str)] if isinstance(value, list) else []
