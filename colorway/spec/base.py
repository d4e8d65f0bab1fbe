"""The one base of every model that is read from a user's file."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

Mistake = tuple[tuple[str, ...], str]
"""A path below the value that is looked at, and one sentence about what stands there."""


class MistakesError(ValueError):
    """All that is wrong between the parts of one value; pydantic alone would stop at the first."""

    def __init__(self, found: Iterable[Mistake]) -> None:
        self.found = tuple(dict.fromkeys(found))
        super().__init__("; ".join(sentence for _, sentence in self.found))


def refuse(found: Iterable[Mistake]) -> None:
    """Raise one error about all mistakes; do nothing where there are none.

    Raises:
        MistakesError: there is at least one.
    """
    error = MistakesError(found)
    if error.found:
        raise error


def to_kebab(field: str) -> str:
    """Return the YAML spelling of a field name: `start_period` is written `start-period`."""
    return field.replace("_", "-")


class StrictSpec(BaseModel):
    """Immutable model that refuses unknown keys and wrong types, so a typo fails when the file is read.

    Inputs are hidden in errors: a misplaced secret must not come back in a message.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        alias_generator=to_kebab,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )
