"""The one base of every model that is read from a user's file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


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
    )
