"""What came into a set and what left it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from colorway.lab.plugins.docker.fields import Field, Kind
from colorway.lab.plugins.docker.ordering import checksum
from colorway.lab.plugins.values import Value


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
