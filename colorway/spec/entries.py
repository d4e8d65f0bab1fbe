"""Mappings whose entries are looked at one by one, so that a wrong one does not hide what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from colorway.spec.base import Mistake, MistakesError

Entry = TypeVar("Entry")
Check = Callable[[Mapping[str, Entry], bool], Sequence[Mistake]]
"""Looks at the entries that are well formed; told whether these are all."""


def checked_entries(
    value: object, validate: Callable[[object], dict[str, Entry]], *, check: Check[Entry]
) -> dict[str, Entry]:
    """Return the validated mapping.

    Args:
        value: What the file says.
        validate: Pydantic's own validation of the mapping.
        check: The rules between the entries, or between an entry and the rest of the file.

    Raises:
        ValidationError: an entry is wrong; with the mistakes that `check` found in the others.
        MistakesError: only `check` found something.
    """
    try:
        entries = validate(value)
    except ValidationError as error:
        found = check(_well_formed(value, validate), False)  # noqa: FBT003 - a callback's parameters have no names
        raise _with_mistakes(error, found) from None
    found = check(entries, True)  # noqa: FBT003 - same
    if found:
        raise MistakesError(found)
    return entries


def _well_formed(value: object, validate: Callable[[object], dict[str, Entry]]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for key, entry in value.items() if isinstance(value, Mapping) else ():
        try:
            entries |= validate({key: entry})
        except ValidationError:
            continue
    return entries


def _with_mistakes(error: ValidationError, found: Sequence[Mistake]) -> ValidationError:
    details = [
        InitErrorDetails(type=detail["type"], loc=detail["loc"], input=detail["input"], ctx=detail.get("ctx", {}))
        for detail in error.errors(include_url=False)
    ]
    if found:
        details.append(InitErrorDetails(type="value_error", loc=(), input=None, ctx={"error": MistakesError(found)}))
    return ValidationError.from_exception_data(error.title, details, hide_input=True)
