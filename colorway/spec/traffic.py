"""The two colors, their versions and their shares of the traffic."""

from __future__ import annotations

from enum import StrEnum

from pydantic import model_validator

from colorway.spec.base import Mistake, StrictSpec, refuse
from colorway.spec.fields import Percent, Version


class Color(StrEnum):
    """One of the two parallel worlds of colored services."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Color:
        """The color that this one is not."""
        return Color.GREEN if self is Color.BLUE else Color.BLUE


class Versions(StrictSpec):
    """The release manifest that each color runs; none means that the color is off."""

    blue: Version | None
    """Version of blue, in quotes; null = blue is off."""
    green: Version | None
    """Version of green, in quotes; null = green is off."""

    def of(self, color: Color) -> str | None:
        """Return the version of a color, None while it is off."""
        return self.blue if color is Color.BLUE else self.green

    @property
    def on(self) -> tuple[Color, ...]:
        """The colors that run."""
        return tuple(color for color in Color if self.of(color) is not None)

    @model_validator(mode="after")
    def _one_is_on(self) -> Versions:
        if not self.on:
            raise ValueError("both colors are off; give one of them a version")
        return self


class Traffic(StrictSpec):
    """The one line that a release moves."""

    blue: Percent
    """Share of the users that meet blue, in whole percent."""
    green: Percent
    """Share of the users that meet green, in whole percent."""
    active: Color
    """The color that owns workers and schedulers."""

    def of(self, color: Color) -> int:
        """Return a color's share in percent."""
        return self.blue if color is Color.BLUE else self.green

    @property
    def is_split(self) -> bool:
        """Whether both colors have users."""
        return self.blue > 0 and self.green > 0

    @model_validator(mode="after")
    def _is_one_whole(self) -> Traffic:
        found: list[Mistake] = []
        total = self.blue + self.green
        if total != 100:  # noqa: PLR2004 - percent
            found.append(((), f"blue and green sum to {total}; they must sum to 100"))
        if self.of(self.active) == 0:
            cure = f"name {self.active.other}, or give {self.active} a share"
            found.append((("active",), f"names {self.active}, which no user meets; {cure}"))
        refuse(found)
        return self
