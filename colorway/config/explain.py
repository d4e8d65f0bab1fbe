"""Pydantic's errors in our words: what is wrong, and what would be right; never the value itself."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, NamedTuple, TypeGuard, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from colorway.spec.base import Mistake, MistakesError, descriptions, hint, nearest
from colorway.spec.fields import ADDRESS_CURE, ADDRESS_V6_CURE, NETWORK_CURE

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
    "ip_v6_address": ADDRESS_V6_CURE,
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
    details = error.errors(include_url=False)
    places = [_place(model, detail["loc"]) for detail in details]
    follow = {("too_short", place.path[:length]) for place in places for length in range(len(place.path))}
    for detail, place in zip(details, places, strict=True):
        if detail["type"] == "extra_forbidden":
            follow.add(("missing", (*place.path[:-1], nearest(place.path[-1], _keys(place.owner)) or "")))
    return list(
        dict.fromkeys(
            mistake
            for detail, place in zip(details, places, strict=True)
            if (detail["type"], place.path) not in follow
            for mistake in _mistakes(detail, place)
        )
    )


def unknown_key(model: type[BaseModel], key: str) -> str:
    """Return the sentence about a key that a model does not have, with the nearest that it has."""
    return f"is no known key; {hint(key, _keys(model))}"


class _Place(NamedTuple):
    """Where a mistake is."""

    path: tuple[str, ...]
    """The keys as they stand in the file."""
    owner: type[BaseModel] | None
    """The model that has the last of them."""


def _place(model: type[BaseModel], loc: tuple[int | str, ...]) -> _Place:
    """Follow pydantic's location through the models' annotations.

    In a union that is told apart by one of its keys, the location has the value of that key as a part of its own.
    """
    path: list[str] = []
    here: Any = model
    owner: type[BaseModel] | None = None
    for part in map(str, loc):
        if part == "[key]":
            continue
        options = _options(here)
        if part in options:
            here = options[part]
            continue
        path.append(part)
        owner = here if _is_model(here) else None
        if owner is None:
            here = _inner(here)
        else:
            here = next((f.annotation for f in owner.model_fields.values() if f.alias == part), None)
        here = _without_none(here)
    return _Place(tuple(path), owner)


def _mistakes(detail: ErrorDetails, place: _Place) -> list[Mistake]:
    raised = (detail.get("ctx") or {}).get("error")
    if isinstance(raised, MistakesError):
        return [((*place.path, *below), sentence) for below, sentence in raised.found]
    if detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return [_unknown_kind(detail, place)]
    return [(place.path, _sentence(detail, place))]


def _unknown_kind(detail: ErrorDetails, place: _Place) -> Mistake:
    context: dict[str, Any] = detail.get("ctx") or {}
    key = str(context["discriminator"]).strip("'")
    if detail["type"] == "union_tag_invalid":
        kinds = str(context["expected_tags"]).replace("'", "").split(", ")
        return (*place.path, key), f"must be {', '.join(kinds[:-1])} or {kinds[-1]}"
    given = detail["input"]
    meant = nearest(key, map(str, given)) if isinstance(given, Mapping) else None
    if meant:
        return (*place.path, meant), f"is no known key; did you mean {key}?"
    return (*place.path, key), "is missing: it says which other keys there are"


def _sentence(detail: ErrorDetails, place: _Place) -> str:
    kind = detail["type"]
    context: dict[str, Any] = detail.get("ctx") or {}
    if kind == "extra_forbidden":
        return f"is no known key; {hint(place.path[-1], _keys(place.owner))}"
    if kind == "missing":
        return f"is missing: {_description(place)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "enum":
        return f"must be {str(context['expected']).replace(chr(39), '')}"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{words} {context[bound]:g}"
    return _FIXED.get(kind, "has the wrong form")


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [str(field.alias) for field in model.model_fields.values()] if model else []


def _description(place: _Place) -> str:
    said_of = descriptions(place.owner) if place.owner else {}
    for name, field in place.owner.model_fields.items() if place.owner else ():
        if field.alias == place.path[-1] and (said := said_of.get(name)):
            text = " ".join(said.split()).rstrip(".")
            return text[0].lower() + text[1:]
    return "write it"


def _is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:  # noqa: ANN401 - a type annotation
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _options(annotation: Any) -> dict[str, type[BaseModel]]:  # noqa: ANN401 - a type annotation
    """Return the models of a union by what tells them apart, a key's value or a tag; empty for anything else."""
    alternatives = get_args(annotation)
    tagged = {
        tag.tag: option
        for option, *tags in filter(None, map(get_args, alternatives))
        for tag in tags
        if isinstance(tag, Tag) and _is_model(option)
    }
    options = [option for option in alternatives if _is_model(option)]
    nested = [_options(option) for option in alternatives[:1]]
    by_key = {
        str(value): option
        for option in options
        for field in option.model_fields.values()
        if get_origin(field.annotation) is Literal
        for value in get_args(field.annotation)
    }
    return tagged or by_key or next(iter(nested), {})


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 - a type annotation
    """Take the model out of `Model | None`."""
    options = [option for option in get_args(annotation) if _is_model(option)]
    return options[0] if type(None) in get_args(annotation) and len(options) == 1 else annotation


def _inner(annotation: Any) -> Any:  # noqa: ANN401 - a type annotation
    """Return what a mapping's values or a list's entries are."""
    arguments = [
        a for a in get_args(annotation) if a is not Ellipsis and not (isinstance(a, type) and issubclass(a, Enum))
    ]
    return arguments[-1] if arguments else None
