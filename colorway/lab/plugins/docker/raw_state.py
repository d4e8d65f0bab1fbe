"""The note in state from which the official provider rebuilds its own representation.

It says where an object is really a list of one, where a map or list is empty and not absent, and which
property has an unusual name underneath. Without it the official plugin could not go on with our state.
"""

from __future__ import annotations

from typing import Final

from colorway.lab.plugins.docker.fields import Field, Fields, Kind, snake
from colorway.lab.plugins.values import Properties, Value

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
