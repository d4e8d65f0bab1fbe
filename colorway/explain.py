"""Pydantic's errors in our words: what is wrong, and what would be right; never the value itself."""

from __future__ import annotations

import difflib
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from colorway.spec.base import to_kebab

_FIXED = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be an ordinary number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text; put it in quotes",
    "dict_type": "must be a mapping: keys, each with a value",
    "model_type": "must be a mapping: keys, each with a value",
    "model_attributes_type": "must be a mapping: keys, each with a value",
    "tuple_type": "must be a list: one entry a line, each after a -",
    "list_type": "must be a list: one entry a line, each after a -",
    "ip_v4_address": "must be an IPv4 address, for example 10.0.0.11",
    "ip_v4_network": "must be a network with its prefix and no host bits, for example 10.90.0.0/16",
    "string_pattern_mismatch": "has characters that are not allowed here",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "must be at least"),
    "greater_than": ("gt", "must be more than"),
    "less_than_equal": ("le", "must be at most"),
    "less_than": ("lt", "must be less than"),
}


def explain(model: type[BaseModel], error: ValidationError) -> list[tuple[tuple[str, ...], str]]:
    """Return all mistakes that pydantic found, each as its path and one sentence."""
    details = error.errors(include_url=False, include_input=False)
    return list(dict.fromkeys((_path(detail), _sentence(model, detail)) for detail in details))


def _path(detail: ErrorDetails) -> tuple[str, ...]:
    return tuple(str(part) for part in detail["loc"] if part != "[key]")


def _sentence(model: type[BaseModel], detail: ErrorDetails) -> str:
    kind = detail["type"]
    context: dict[str, Any] = detail.get("ctx") or {}
    path = _path(detail)
    if kind == "extra_forbidden":
        return unknown_key(model, path)
    if kind == "missing":
        return f"is missing: {_description(model, path)}"
    if kind == "value_error":
        return str(context["error"])
    if kind in {"enum", "literal_error"}:
        return f"must be one of {str(context['expected']).replace(' or ', ', ')}"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{words} {context[bound]}"
    if kind in {"too_short", "string_too_short"}:
        return f"needs at least {context['min_length']}"
    if kind in {"too_long", "string_too_long"}:
        return f"may have at most {context['max_length']}"
    if kind == "string_pattern_mismatch":
        return f"{_FIXED[kind]}: {_description(model, path)}"
    return _FIXED.get(kind, "has the wrong form")


def unknown_key(model: type[BaseModel], path: tuple[str, ...]) -> str:
    """Return the sentence about a key that a model does not have, with the nearest that it has."""
    owner = _model_at(model, path[:-1])
    known = sorted(to_kebab(name) for name in owner.model_fields) if owner else []
    near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.6)
    if near:
        return f"is no known key; did you mean {near[0]}?"
    return f"is no known key; known here: {', '.join(known)}"


def _description(model: type[BaseModel], path: tuple[str, ...]) -> str:
    owner = _model_at(model, path[:-1])
    for name, field in owner.model_fields.items() if owner else ():
        if to_kebab(name) == path[-1] and field.description:
            return " ".join(field.description.split()).rstrip(".")
    return "write it"


def _model_at(model: type[BaseModel], path: tuple[str, ...]) -> type[BaseModel] | None:
    """Follow a path of keys and indexes through the models' annotations."""
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = next((f.annotation for name, f in here.model_fields.items() if to_kebab(name) == part), None)
        else:
            here = _inner(here)
        here = _unwrap(here)
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _unwrap(annotation: Any) -> Any:  # noqa: ANN401 - a type annotation
    """Take the model out of `Model | None`."""
    options = [option for option in get_args(annotation) if isinstance(option, type) and issubclass(option, BaseModel)]
    is_union = type(None) in get_args(annotation)
    return options[0] if is_union and options else annotation


def _inner(annotation: Any) -> Any:  # noqa: ANN401 - a type annotation
    """Return what a mapping's values or a list's entries are."""
    arguments = [
        a for a in get_args(annotation) if a is not Ellipsis and not (isinstance(a, type) and issubclass(a, Enum))
    ]
    return arguments[-1] if arguments else None
