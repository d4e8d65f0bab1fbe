"""Where "nothing", "empty" and "zero" count as the same, and which of them is written down.

The provider underneath keeps its state in a form that cannot tell them apart, and repairs the difference
afterwards. State of the official and the offline plugin is interchangeable only if both repair alike.
"""

from __future__ import annotations

from colorway.lab.plugins.docker.fields import LEAVES, SETS, Field, Fields, Kind
from colorway.lab.plugins.values import UNKNOWN, Properties, Value, contains_unknown


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
