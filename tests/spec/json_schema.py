"""As much of JSON schema 2020-12 as our schemas use; any other keyword is an error, so that none is skipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "examples", "format", "discriminator"}
OTHER_KEYS = {"patternProperties", "additionalProperties"}
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def violations(schema: Any, value: Any, *, root: Any, path: str = "") -> Iterator[str]:
    """Yield what a value breaks, each with its path."""
    if schema is True:
        return
    for keyword, wanted in schema.items():
        if keyword in ANNOTATIONS or keyword in OTHER_KEYS:
            continue
        if keyword in _BELOW:
            yield from _BELOW[keyword](wanted, value, root, path)
        elif keyword not in _CHECKS:
            raise AssertionError(f"the schema uses {keyword}, which this validator does not know")
        elif not _CHECKS[keyword](wanted, value, root, path):
            yield f"{path or 'top'}: {keyword}"
    if isinstance(value, dict) and OTHER_KEYS & schema.keys():
        yield from _other_keys(schema, value, root, path)


def _is_type(wanted: str | list[str], value: Any, _root: Any, _path: str) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names)


def _any_of(wanted: list[Any], value: Any, root: Any, path: str) -> bool:
    return any(not list(violations(option, value, root=root, path=path)) for option in wanted)


def _one_of(wanted: list[Any], value: Any, root: Any, path: str) -> bool:
    return sum(not list(violations(option, value, root=root, path=path)) for option in wanted) == 1


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: dict[str, Any] = {
    "type": _is_type,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "enum": lambda wanted, value, *_: value in wanted,
    "const": lambda wanted, value, *_: value == wanted,
    "pattern": lambda wanted, value, *_: not isinstance(value, str) or re.search(wanted, value) is not None,
    "minLength": lambda wanted, value, *_: not isinstance(value, str) or len(value) >= wanted,
    "maxLength": lambda wanted, value, *_: not isinstance(value, str) or len(value) <= wanted,
    "minItems": lambda wanted, value, *_: not isinstance(value, list) or len(value) >= wanted,
    "maxItems": lambda wanted, value, *_: not isinstance(value, list) or len(value) <= wanted,
    "minProperties": lambda wanted, value, *_: not isinstance(value, dict) or len(value) >= wanted,
    "minimum": lambda wanted, value, *_: not _number(value) or value >= wanted,
    "maximum": lambda wanted, value, *_: not _number(value) or value <= wanted,
    "exclusiveMinimum": lambda wanted, value, *_: not _number(value) or value > wanted,
    "exclusiveMaximum": lambda wanted, value, *_: not _number(value) or value < wanted,
    "required": lambda wanted, value, *_: not isinstance(value, dict) or set(wanted) <= value.keys(),
}


def _ref(wanted: str, value: Any, root: Any, path: str) -> Iterator[str]:
    yield from violations(root["$defs"][wanted.removeprefix("#/$defs/")], value, root=root, path=path)


def _properties(wanted: dict[str, Any], value: Any, root: Any, path: str) -> Iterator[str]:
    for key in wanted.keys() & value.keys() if isinstance(value, dict) else ():
        yield from violations(wanted[key], value[key], root=root, path=f"{path}.{key}".lstrip("."))


def _items(wanted: Any, value: Any, root: Any, path: str) -> Iterator[str]:
    for index, entry in enumerate(value) if isinstance(value, list) else ():
        yield from violations(wanted, entry, root=root, path=f"{path}.{index}")


def _property_names(wanted: Any, value: Any, root: Any, path: str) -> Iterator[str]:
    for key in value if isinstance(value, dict) else ():
        yield from violations(wanted, key, root=root, path=f"{path}.{key}".lstrip("."))


_BELOW: dict[str, Any] = {"$ref": _ref, "properties": _properties, "items": _items, "propertyNames": _property_names}


def _other_keys(schema: dict[str, Any], value: dict[str, Any], root: Any, path: str) -> Iterator[str]:
    for key, below in value.items():
        here = f"{path}.{key}".lstrip(".")
        patterns = [
            wanted for pattern, wanted in schema.get("patternProperties", {}).items() if re.search(pattern, key)
        ]
        for wanted in patterns:
            yield from violations(wanted, below, root=root, path=here)
        if patterns or key in schema.get("properties", {}):
            continue
        rest = schema.get("additionalProperties", True)
        if rest is False:
            yield f"{here}: additionalProperties"
        else:
            yield from violations(rest, below, root=root, path=here)
