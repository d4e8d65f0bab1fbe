"""Which properties an update changes, as the preview shows it: one kind of change per property path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from offline_plugins.docker.fields import Field, Fields, Kind
from offline_plugins.docker.sets import edits, matched_inputs, moved
from offline_plugins.values import UNKNOWN, Changes, Properties, PropertyChange, Value, path_text

META: Final = "__meta"


def detailed_diff(
    fields: Fields,
    *,
    prior: Properties,
    planned: Properties,
    inputs: Properties,
    replaces: bool,
) -> Changes:
    """The changes between two states by property path.

    Args:
        fields: the properties of the resource.
        prior: the state before.
        planned: the state aimed at.
        inputs: the checked inputs; sets are numbered as in them.
        replaces: whether the plan replaces the resource, which overrules what single properties say.
    """
    differ = _Differ(inputs=inputs)
    changes: dict[str, PropertyChange] = {}
    for name, field in fields.items():
        place = _Place(path=(name,), field=field, parent=None)
        changes.update(differ.compare(place, prior.get(name), planned.get(name)))
    if not replaces:
        return {path: change.in_place for path, change in changes.items()}
    if not any(change.replaces for change in changes.values()):
        # No single property explains the replacement; the official provider points here then.
        changes[META] = PropertyChange.UPDATE_REPLACE
    return changes


@dataclass(frozen=True, slots=True)
class _Place:
    """A property on the way through the state."""

    path: tuple[str | int, ...]
    field: Field
    parent: Field | None

    @property
    def key(self) -> str:
        return path_text(self.path)

    @property
    def replaces(self) -> bool:
        return self.field.replaces or (self.parent is not None and self.parent.replaces)

    def below(self, step: str | int, field: Field) -> _Place:
        return _Place((*self.path, step), field, self.field)

    def element(self, index: int) -> _Place:
        return self.below(index, element_field(self.field))


def element_field(field: Field) -> Field:
    """The kind of one element of a list, set or map."""
    return Field(kind=Kind.BLOCK, content=field.content) if field.content else Field(kind=Kind.TEXT)


def _present(value: Value) -> bool:
    return value is not None and value != []


@dataclass(frozen=True, slots=True)
class _Differ:
    inputs: Properties

    def compare(self, place: _Place, old: Value, new: Value) -> Changes:
        if not _present(old) or not _present(new) or new is UNKNOWN:
            return self._appearance(place, old, new)
        if isinstance(old, dict) and isinstance(new, dict):
            return self._members(place, old, new)
        if isinstance(old, list) and isinstance(new, list):
            compare = {Kind.TEXTS: self._texts, Kind.BLOCKS: self._blocks}.get(place.field.kind, self._set)
            return compare(place, old, new)
        if old == new and type(old) is type(new):
            return {}
        return {place.key: PropertyChange.UPDATE_REPLACE if place.replaces else PropertyChange.UPDATE}

    def _members(self, place: _Place, old: Properties, new: Properties) -> Changes:
        """The changes inside an object or a map."""
        content = place.field.content or dict.fromkeys([*old, *new], element_field(place.field))
        return self._merged(
            self.compare(place.below(name, field), old.get(name), new.get(name)) for name, field in content.items()
        )

    @staticmethod
    def _merged(parts: Iterable[Changes]) -> Changes:
        merged: dict[str, PropertyChange] = {}
        for part in parts:
            merged.update(part)
        return merged

    @staticmethod
    def _appearance(place: _Place, old: Value, new: Value) -> Changes:
        if not _present(old) and not _present(new):
            return {}
        change = PropertyChange.DELETE
        if not _present(old):
            change = PropertyChange.ADD
        elif new is UNKNOWN:
            change = PropertyChange.UPDATE
        if new is UNKNOWN:
            replaces = place.replaces
        else:
            replaces = (_present(new) and _value_replaces(place, new)) or (
                _present(old) and _value_replaces(place, old)
            )
        return {place.key: change.replacing if replaces else change}

    def _blocks(self, place: _Place, olds: list[Value], news: list[Value]) -> Changes:
        def at(values: list[Value], index: int) -> Value:
            return values[index] if index < len(values) else None

        return self._merged(
            self.compare(place.element(index), at(olds, index), at(news, index))
            for index in range(max(len(olds), len(news)))
        )

    @staticmethod
    def _texts(place: _Place, olds: list[Value], news: list[Value]) -> Changes:
        changes: dict[str, PropertyChange] = {}
        for index, inserted in edits(olds, news):
            key = place.element(index).key
            first = PropertyChange.ADD if inserted else PropertyChange.DELETE
            changes[key] = PropertyChange.UPDATE if key in changes else first
        if place.field.replaces:
            return {key: change.replacing for key, change in changes.items()}
        return changes

    def _set(self, place: _Place, olds: list[Value], news: list[Value]) -> Changes:
        removed, added = moved(place.field, olds, news)
        if not removed and not added:
            return {}
        given = _at(self.inputs, place.path)
        matched = matched_inputs(place.field, added, news, given if isinstance(given, list) else [])
        if matched is None:
            return {place.key: PropertyChange.UPDATE_REPLACE if place.field.replaces else PropertyChange.UPDATE}
        return self._merged(
            self.compare(
                place.element(index),
                olds[index] if index in removed else None,
                news[matched[index]] if index in matched else None,
            )
            for index in sorted({*removed, *matched})
        )


def _value_replaces(place: _Place, value: Value) -> bool:
    """Whether the property, or anything in this value of it, replaces the resource when it changes."""
    if place.replaces:
        return True
    if place.field.kind is Kind.BLOCK and isinstance(value, dict):
        content = place.field.content
        return any(
            _value_replaces(place.below(name, content[name]), item) for name, item in value.items() if name in content
        )
    if isinstance(value, list):
        return any(_value_replaces(place.element(index), item) for index, item in enumerate(value))
    return False


def _at(value: Value, path: Sequence[str | int]) -> Value:
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value
