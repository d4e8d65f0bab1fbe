"""Kinds of change of a property."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TypeAlias


class Change(enum.IntEnum):
    """What happens to a property; the numbers are the protocol's."""

    ADD = 0
    ADD_REPLACE = 1
    DELETE = 2
    DELETE_REPLACE = 3
    UPDATE = 4
    UPDATE_REPLACE = 5

    @property
    def replaces(self) -> bool:
        """Whether the resource is replaced for it."""
        return bool(self.value % 2)

    @property
    def replacing(self) -> Change:
        """The same change, replacing."""
        return Change(self.value | 1)

    @property
    def in_place(self) -> Change:
        """The same change, not replacing."""
        return Change(self.value & ~1)


Changes: TypeAlias = Mapping[str, Change]
