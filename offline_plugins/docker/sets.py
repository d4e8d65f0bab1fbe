"""The order of sets.

A set has no order, yet it is printed, stored and sent as a list. The official provider has two orders: one
for what it shows (by serialized value) and one for what it sends to the daemon (by checksum). Both are kept,
so that state and `docker service inspect` look the same from both plugins.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from offline_plugins.docker.fields import Field, Kind
from offline_plugins.values import UNKNOWN, Value


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


def edits(olds: Sequence[Value], news: Sequence[Value]) -> list[tuple[int, bool]]:
    """Insertions and removals that turn `olds` into `news`, in order.

    Returns:
        Per edit the index and whether it is an insertion: its index counts in `news`, a removal's in `olds`.
    """
    lengths = _lengths(olds, news)
    result: list[tuple[int, bool]] = []
    old, new = 0, 0
    while old < len(olds) or new < len(news):
        if old == len(olds):
            result.append((new, True))
            new += 1
        elif new == len(news):
            result.append((old, False))
            old += 1
        else:
            remove, insert = 1 + lengths[old + 1][new], 1 + lengths[old][new + 1]
            if olds[old] == news[new] and lengths[old + 1][new + 1] < min(remove, insert):
                old, new = old + 1, new + 1
            elif insert < remove:
                result.append((new, True))
                new += 1
            else:
                result.append((old, False))
                old += 1
    return result


def _lengths(olds: Sequence[Value], news: Sequence[Value]) -> list[list[int]]:
    """The number of edits that are left from every pair of positions."""
    lengths = [[0] * (len(news) + 1) for _ in range(len(olds) + 1)]
    for old in range(len(olds), -1, -1):
        for new in range(len(news), -1, -1):
            if old == len(olds) or new == len(news):
                lengths[old][new] = len(olds) - old + len(news) - new
                continue
            best = 1 + min(lengths[old + 1][new], lengths[old][new + 1])
            kept = lengths[old + 1][new + 1] if olds[old] == news[new] else best
            lengths[old][new] = min(best, kept)
    return lengths


def moved(field: Field, olds: Sequence[Value], news: Sequence[Value]) -> tuple[list[int], list[int]]:
    """The indices of the elements that left and of those that came."""
    before = {checksum(field, element): index for index, element in enumerate(olds)}
    after = {checksum(field, element): index for index, element in enumerate(news)}
    removed = sorted(index for code, index in before.items() if code not in after)
    added = sorted(index for code, index in after.items() if code not in before)
    return removed, added


def matched_inputs(
    field: Field,
    added: Sequence[int],
    planned: Sequence[Value],
    inputs: Sequence[Value],
) -> Mapping[int, int] | None:
    """Which input each new element comes from.

    Returns:
        The index in the plan by the index in the inputs; None where the elements cannot be told apart, so
        that only the set as a whole can be shown as changed.
    """
    if len(inputs) < len(planned):
        return None
    matched: dict[int, int] = {}
    for index in added:
        for position, given in enumerate(inputs):
            if position not in matched and _comes_from(field, given, planned[index]):
                matched[position] = index
                break
    return matched if len(matched) == len(added) else None


def _comes_from(field: Field, given: Value, planned: Value) -> bool:
    if not field.content:
        return given == planned
    if not isinstance(given, dict) or not isinstance(planned, dict):
        return False
    return all(_same(item, given.get(name), planned.get(name)) for name, item in field.content.items())


def _same(field: Field, given: Value, planned: Value) -> bool:
    if field.computed and given is None:
        return True
    if field.kind is Kind.BLOCK:
        return given is None and planned is None
    if given is None:
        return planned is None or planned in ([], {})
    return given == planned
