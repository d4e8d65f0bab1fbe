"""Pydantic's errors in our words: what is wrong, and what would be right; never the value itself."""

from __future__ import annotations

from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from colorway.spec.base import Mistake, MistakesError, hint, nearest, to_kebab
from colorway.spec.fields import ADDRESS_CURE, NETWORK_CURE

_WHOLE = "must be a whole number, without quotes and without a fraction"
_NUMBER = "must be a number, without quotes"
_MAPPING = "must be a mapping: keys, each with a value"
_LIST = "must be a list: [one, two], or one entry a line, each after a -"
_FIXED = {
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text; put numbers and dates in quotes",
    "string_unicode": "must be text; put numbers and dates in quotes",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "ip_v4_address": ADDRESS_CURE,
    "ip_v4_network": NETWORK_CURE,
}
_BOUNDS = {
    "greater_than_equal": ("ge", "must be at least"),
    "greater_than": ("gt", "must be more than"),
    "less_than_equal": ("le", "must be at most"),
    "less_than": ("lt", "must be less than"),
    "string_too_long": ("max_length", "has too many characters; at most"),
    "too_short": ("min_length", "has too few entries; at least"),
    "too_long": ("max_length", "has too many entries; at most"),
}


def explain(model: type[BaseModel], error: ValidationError) -> list[Mistake]:
    """Return all mistakes that pydantic found, each as its path and one sentence.

    One slip, one mistake: a key is not missing where a misspelt one beside it was meant to be it, and a list
    is not too short because of the entries that are wrong.
    """
    details = error.errors(include_url=False, include_input=False)
    paths = [_path(detail) for detail in details]
    follow = {("too_short", path[:length]) for path in paths for length in range(len(path))}
    for detail, path in zip(details, paths, strict=True):
        if detail["type"] == "extra_forbidden":
            follow.add(("missing", (*path[:-1], nearest(path[-1], _known_keys(model, path)) or "")))
    return list(
        dict.fromkeys(
            mistake
            for detail, path in zip(details, paths, strict=True)
            if (detail["type"], path) not in follow
            for mistake in _mistakes(model, detail)
        )
    )


def unknown_key(model: type[BaseModel], path: tuple[str, ...]) -> str:
    """Return the sentence about a key that a model does not have, with the nearest that it has."""
    return f"is no known key; {hint(path[-1], _known_keys(model, path))}"


def _path(detail: ErrorDetails) -> tuple[str, ...]:
    return tuple(str(part) for part in detail["loc"] if part != "[key]")


def _mistakes(model: type[BaseModel], detail: ErrorDetails) -> list[Mistake]:
    path = _path(detail)
    raised = (detail.get("ctx") or {}).get("error")
    if isinstance(raised, MistakesError):
        return [((*path, *below), sentence) for below, sentence in raised.found]
    return [(path, _sentence(model, detail, path))]


def _sentence(model: type[BaseModel], detail: ErrorDetails, path: tuple[str, ...]) -> str:
    kind = detail["type"]
    context: dict[str, Any] = detail.get("ctx") or {}
    if kind == "extra_forbidden":
        return unknown_key(model, path)
    if kind == "missing":
        return f"is missing: {_description(model, path)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "enum":
        return f"must be {str(context['expected']).replace(chr(39), '')}"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{words} {context[bound]:g}"
    return _FIXED.get(kind, "has the wrong form")


def _known_keys(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    owner = _model_at(model, path[:-1])
    return [to_kebab(name) for name in owner.model_fields] if owner else []


def _description(model: type[BaseModel], path: tuple[str, ...]) -> str:
    owner = _model_at(model, path[:-1])
    for name, field in owner.model_fields.items() if owner else ():
        if to_kebab(name) == path[-1] and field.description:
            text = " ".join(field.description.split()).rstrip(".")
            return text[0].lower() + text[1:]
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
