"""The two colors, their versions and their shares of the traffic."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

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


USERS = "users"
"""What stands behind the preview token instead of a color, to go the way of users, past the page of maintenance."""


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
    """The color that owns workers, schedulers and crons."""

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


class Installed(NamedTuple):
    """Versions and traffic, as installed or as wanted."""

    versions: Versions
    traffic: Traffic


def illegal_changes(installed: Installed | None, wanted: Installed) -> list[str]:
    """Return why a change is refused, one sentence each; empty = it may be applied.

    Legal: anything on the first install; the version of a color at 0 %; traffic between two running
    colors; turning a color off at 0 %. Design §4.
    """
    if installed is None:
        return []
    found: list[str] = []
    changed = [color for color in Color if installed.versions.of(color) != wanted.versions.of(color)]
    if changed and installed.traffic != wanted.traffic:
        found.append(
            "colorway:versions and colorway:traffic change together; if the new version is bad, no commit undoes only "
            "one of them, so commit the version first and move traffic in a second commit"
        )
    for color in changed:
        share = installed.traffic.of(color)
        if share == 0:
            continue
        cure = (
            f"move its traffic to {color.other.value} first"
            if wanted.versions.of(color) is None or installed.traffic.is_split
            else f"give {color.other.value} the new version and release it"
        )
        found.append(
            f"colorway:versions.{color.value} changes while {color.value} has {share} % of the traffic; {cure}"
        )
    if installed.traffic != wanted.traffic:
        found += [
            f"colorway:traffic.{color.value} rises from 0, and {color.value} is not installed; commit its version first"
            for color in Color
            if wanted.traffic.of(color) > 0 and installed.versions.of(color) is None and color not in changed
        ]
    # Leaving a 100 line may give `active` back: that is what `git revert` of that line does.
    if installed.traffic.active != wanted.traffic.active and wanted.traffic.is_split and installed.traffic.is_split:
        found.append(
            f"colorway:traffic.active changes to {wanted.traffic.active.value} while both colors have traffic; workers "
            f"change over with the last step, so name {wanted.traffic.active.value} in the line that gives it 100"
        )
    return found
