"""What one commit may change, compared with what is installed."""

from __future__ import annotations

from typing import NamedTuple

from colorway.spec.traffic import Color, Traffic, Versions


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
