"""What the engine makes of the values of a stack file wherever it hands them on, and how that is undone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

from colorway.config.documents import Document
from colorway.spec.base import to_kebab
from colorway.spec.stack import StackSettings


def decoded(text: str) -> Any:  # noqa: ANN401 - JSON data
    """Return the mapping, list or boolean that a value is the JSON text of, or that text.

    A whole number stays text: nothing tells it from a version that is one. See `as_meant`.
    """
    if text[:1] in {"{", "["} or text in {"true", "false"}:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def as_meant(settings: Document) -> Document:
    """Return a stack's settings with the numbers and the nothing that the engine has made text of.

    It does for the program, and whenever `pulumi config set` writes the file; inside of mappings and lists it leaves
    both alone.

    Args:
        settings: The keys under `colorway:`, without that prefix.
    """
    changed: dict[str, Any] = {}
    for name, field in StackSettings.model_fields.items():
        text = settings.value(key := to_kebab(name))
        if field.annotation is int and isinstance(text, str) and text.isdecimal():
            changed[key] = int(text)
        elif not text and isinstance(text, str) and type(None) in get_args(field.annotation):
            changed[key] = None
    return replace(settings, data={**settings.data, **changed}) if changed else settings
