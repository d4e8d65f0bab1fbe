"""The inputs that would make what is there: what a refresh or an import writes into state."""

from __future__ import annotations

from collections.abc import Sequence

from colorway.lab.plugins.docker.checking import DEFAULTS
from colorway.lab.plugins.docker.fields import Field, Fields, Kind
from colorway.lab.plugins.values import Properties, Secret, Value


def refreshed(fields: Fields, olds: Properties, state: Properties) -> Properties:
    """The old inputs with the values of the state; no input is added.

    Args:
        fields: the properties.
        olds: the inputs of the last update.
        state: the state that was read.
    """
    defaults = olds.get(DEFAULTS)
    named = list(defaults) if isinstance(defaults, list) else []
    result: Properties = {}
    for name, old in olds.items():
        if name.startswith("__") or name not in fields or name not in state:
            continue
        result[name] = _refreshed(fields[name], old, state[name])
        if result[name] != old and name in named:
            named.remove(name)
    if DEFAULTS in olds:
        result[DEFAULTS] = named
    return result


def _refreshed(field: Field, old: Value, new: Value) -> Value:
    if isinstance(old, Secret):
        return Secret(_refreshed(field, old.value, new))
    if field.kind is Kind.BLOCK and isinstance(old, dict) and isinstance(new, dict):
        return refreshed(field.content, old, new)
    if field.kind is Kind.TEXT_MAP and isinstance(old, dict) and isinstance(new, dict):
        return {name: new[name] for name in old if name in new}
    if isinstance(old, list) and isinstance(new, list):
        pairs = _matched(old, new) if field.kind is Kind.BLOCK_SET else list(zip(old, new, strict=False))
        return [
            refreshed(field.content, before, after) if isinstance(before, dict) and isinstance(after, dict) else after
            for before, after in pairs
        ]
    return new


def _matched(olds: Sequence[Value], news: Sequence[Value]) -> list[tuple[Value, Value]]:
    """Every old element with the new one that resembles it most, as long as there are any."""
    candidates = sorted(
        (
            (_resemblance(old, new), -position, -index)
            for position, old in enumerate(olds)
            for index, new in enumerate(news)
        ),
        reverse=True,
    )
    partners: dict[int, int] = {}
    for _, position, index in candidates:
        if -position not in partners and -index not in partners.values():
            partners[-position] = -index
    return [(old, news[partners[position]]) for position, old in enumerate(olds) if position in partners]


def _resemblance(old: Value, new: Value) -> int:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return 0
    return sum(1 + 2 * (old[name] == new[name]) for name in old if name in new)


def imported(fields: Fields, state: Properties) -> Properties:
    """Inputs that say everything of a state that is not a default or nothing."""
    result: Properties = {DEFAULTS: []}
    for name, field in fields.items():
        value = _imported(field, state.get(name))
        if field.refused or (not field.required and _says_nothing(field, value)):
            continue
        result[name] = value
    return result


def _imported(field: Field, value: Value) -> Value:
    if field.kind is Kind.BLOCK and isinstance(value, dict):
        return imported(field.content, value)
    if field.kind is Kind.TEXT_MAP and isinstance(value, dict):
        return {DEFAULTS: [], **value}
    if field.content and isinstance(value, list):
        return [imported(field.content, element) if isinstance(element, dict) else element for element in value]
    return value


def _says_nothing(field: Field, value: Value) -> bool:
    if field.default is not None:
        return value == field.default or value is None
    return not value or value == {DEFAULTS: []}
