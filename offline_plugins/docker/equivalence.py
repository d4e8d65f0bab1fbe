"""Where "nothing", "empty" and "zero" count as the same, and which of them is written down.

The provider underneath keeps its state in a form that cannot tell them apart, and repairs the difference
afterwards. State of the official and the offline plugin is interchangeable only if both repair alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from offline_plugins.docker.checking import DEFAULTS
from offline_plugins.docker.fields import LEAVES, SETS, Field, Fields, Kind, snake
from offline_plugins.values import UNKNOWN, Properties, Secret, Value, contains_unknown


def filled(fields: Fields, state: Properties) -> Properties:
    """The state with zeros for nothing inside objects; properties of the resource itself stay as they are."""
    return {name: _filled(field, state.get(name)) for name, field in fields.items()}


def zeroed(fields: Fields, state: Properties) -> Properties:
    """The state with zeros for nothing and for the unknown everywhere: what the daemon is told."""
    return {
        name: field.zero if (value := state.get(name)) is None or value is UNKNOWN else _filled(field, value)
        for name, field in fields.items()
    }


def _filled(field: Field, value: Value) -> Value:
    if field.kind is Kind.BLOCK and isinstance(value, dict):
        content = zeroed(field.content, value)
        if all(item is None for item in value.values()):
            # Of an object that says nothing not even the lists are kept.
            content.update({name: None for name, item in field.content.items() if item.kind is Kind.TEXTS})
        return content
    if field.content and isinstance(value, list):
        return [zeroed(field.content, element) if isinstance(element, dict) else element for element in value]
    return value


def equivalent(fields: Fields, one: Properties, other: Properties) -> bool:
    """Whether two states differ at most in what counts as the same."""
    return all(_equivalent(field, one.get(name), other.get(name)) for name, field in fields.items())


def _equivalent(field: Field, one: Value, other: Value) -> bool:
    if one == other and type(one) is type(other):
        return True
    if one is UNKNOWN or other is UNKNOWN:
        return False
    if not one or not other:
        return not one and not other
    if isinstance(one, dict) and isinstance(other, dict) and field.content:
        return equivalent(field.content, one, other)
    if isinstance(one, list) and isinstance(other, list) and field.content:
        return _equivalent_elements(field, one, other)
    return one == other


def _equivalent_elements(field: Field, ones: list[Value], others: list[Value]) -> bool:
    def same(one: Value, other: Value) -> bool:
        if isinstance(one, dict) and isinstance(other, dict):
            return equivalent(field.content, one, other)
        return one == other

    if len(ones) != len(others):
        return False
    if field.kind is Kind.BLOCKS:
        return all(same(one, other) for one, other in zip(ones, others, strict=True))
    return all(any(same(one, other) for other in others) for one in ones) and all(
        any(same(one, other) for one in ones) for other in others
    )


def repaired(fields: Fields, result: Properties, model: Properties, *, applied: bool) -> Properties:
    """The result with nothing, empty and zero as the model has them.

    Args:
        fields: the properties.
        result: a state that lost the difference.
        model: what it was made from: the planned state after an apply, else the prior or proposed one.
        applied: after an apply the model wins more often, because state must match what was announced.
    """
    return {
        name: _repaired(field, result.get(name), model.get(name), applied=applied) for name, field in fields.items()
    }


def _repaired(field: Field, result: Value, model: Value, *, applied: bool) -> Value:  # noqa: PLR0911 - one per kind of value
    if model is UNKNOWN:
        return model if result is None and not applied else result
    if applied and field.kind not in LEAVES | {Kind.BLOCK} and _turned_empty(result, model):
        return model
    if model is None or result is UNKNOWN:
        return result
    if field.kind is Kind.TEXT:
        return model if result is None and model == "" else result
    if field.kind in SETS:
        return model if applied and not contains_unknown(model) else result
    if field.kind is Kind.TEXT_MAP:
        return _repaired_map(result, model)
    if field.kind is Kind.BLOCK and isinstance(result, dict) and isinstance(model, dict):
        return repaired(field.content, result, model, applied=applied)
    if field.kind is Kind.BLOCKS and isinstance(result, list) and isinstance(model, list) and len(result) == len(model):
        return [
            repaired(field.content, one, other, applied=applied)
            if isinstance(one, dict) and isinstance(other, dict)
            else one
            for one, other in zip(result, model, strict=True)
        ]
    return result


def _turned_empty(result: Value, model: Value) -> bool:
    return (model is None and result in ([], {})) or (result is None and model in ([], {}))


def _repaired_map(result: Value, model: Value) -> Value:
    if not isinstance(result, dict) or not isinstance(model, dict):
        return result
    return {key: model.get(key, item) if item is UNKNOWN else item for key, item in result.items()}


KEY: Final = "__pulumi_raw_state_delta"


def raw_state_note(fields: Fields, state: Properties) -> Properties:
    """The note for a state without unknown values."""
    return {"obj": _object_note(fields, state)}


def _object_note(fields: Fields, state: Properties) -> Properties:
    renamed: Properties = {name: field.source for name, field in fields.items() if snake(name) != field.source}
    notes: Properties = {}
    for name, field in fields.items():
        note = _note(field, state.get(name))
        if note:
            notes[name] = note
    result: Properties = {}
    if renamed:
        result["renamed"] = renamed
    if notes:
        result["ps"] = notes
    return result


def _note(field: Field, value: Value) -> Properties:
    if field.kind is Kind.BLOCK:
        inner: Properties = {"obj": _object_note(field.content, value)} if isinstance(value, dict) else {}
        return {"plu": {"i": inner}}
    if isinstance(value, dict):
        return {"map": {}}
    if not isinstance(value, list):
        return {}
    if not field.content or not value:
        return {"arr": {}}
    elements: Properties = {
        str(index): {"obj": _object_note(field.content, element)}
        for index, element in enumerate(value)
        if isinstance(element, dict)
    }
    return {"arr": {"el": elements}}


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
