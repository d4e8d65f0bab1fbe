"""The order of sets.

A set has no order, yet it is printed, stored and sent as a list. The official provider has two orders: one
for what it shows (by serialized value) and one for what it sends to the daemon (by checksum). Both are kept,
so that state and `docker service inspect` look the same from both plugins.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Iterable

from colorway.lab.plugins.docker.fields import Field, Kind
from colorway.lab.plugins.values import UNKNOWN, Value


def shown(field: Field, elements: Iterable[Value]) -> list[Value]:
    """The elements of a set in the order of state and outputs, without repetitions."""
    serialized = {_shown_element(field, element): element for element in elements}
    return [serialized[key] for key in sorted(serialized)]


def sent(field: Field, elements: Iterable[Value]) -> list[Value]:
    """The elements of a set in the order in which the daemon gets them."""
    return sorted(elements, key=lambda element: str(checksum(field, element)))


def checksum(field: Field, element: Value) -> int:
    """What identifies an element: two elements with the same number are the same."""
    if field.kind is Kind.TEXT_SET:
        return binascii.crc32(str(element).encode())
    return binascii.crc32(_summed_object(field, element).encode())


def _shown_element(field: Field, element: Value) -> bytes:
    if field.kind is Kind.TEXT_SET:
        return str(element).encode() if element is not UNKNOWN else b"\xff"
    return _shown_object(field, element).encode()


def _shown_object(field: Field, element: Value) -> str:
    if not isinstance(element, dict):
        return "?"
    parts = (_shown_value(item, element.get(name)) for name, item in field.by_source)
    return "<" + "".join(f"{part};" for part in parts) + ">"


def _shown_value(field: Field, value: Value) -> str:  # noqa: PLR0911 - one per kind of value
    if value is UNKNOWN:
        return "?"
    if field.kind is Kind.BLOCK:
        return f"[{_shown_object(field, value)};]" if value is not None else "[]"
    if value is None:
        return "~"
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, list):
        render = _shown_object if field.content else _shown_text
        return "[" + "".join(f"{render(field, element)};" for element in value) + "]"
    if isinstance(value, dict):
        pairs = sorted(value.items())
        return "{" + "".join(f"{_quoted(key)}:{_shown_text(field, item)};" for key, item in pairs) + "}"
    return _quoted(value) if isinstance(value, str) else str(value)


def _shown_text(_: Field, value: Value) -> str:
    return "?" if value is UNKNOWN else _quoted(str(value))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _summed_object(field: Field, element: Value) -> str:
    values = element if isinstance(element, dict) else {}
    return "".join(f"{item.source}:{_summed_value(item, values.get(name))}" for name, item in field.by_source)


def _summed_value(field: Field, value: Value) -> str:
    if value is None and field.kind is not Kind.BLOCK:
        # A round trip through state makes a zero of nothing, before any checksum is taken.
        value = field.zero
    if isinstance(value, bool):
        return f"{int(value)};"
    if field.kind is Kind.BLOCK:
        return f"(<{_summed_object(field, value)}>;);" if value is not None else "();"
    if isinstance(value, list):
        render: Callable[[Value], str]
        render = _element_summer(field)
        opening, closing = ("(", ")") if field.kind in {Kind.TEXTS, Kind.BLOCKS} else ("{", "}")
        ordered = value if opening == "(" else sent(field, value)
        return opening + "".join(render(element) for element in ordered) + f"{closing};"
    if isinstance(value, dict):
        return "[" + "".join(f"{key}:{item};" for key, item in sorted(value.items())) + "];"
    return f"{value};"


def _element_summer(field: Field) -> Callable[[Value], str]:
    if field.content:
        return lambda element: f"<{_summed_object(field, element)}>;"
    return lambda element: f"{element};"
