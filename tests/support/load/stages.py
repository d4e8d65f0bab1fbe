"""Stages of a load, and what single users saw in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The beginning of a stage.

    Attributes:
        label: Name of the stage.
        at: `time.monotonic()` seconds, which all processes of a machine share.
        settled_after: Seconds after `at` from which on every request must meet the new state.
    """

    label: str
    at: float
    settled_after: float


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The time from a mark to the next one, or to the end of the load."""

    mark: Mark
    end: float

    @property
    def settled(self) -> float:
        """When the stage counts as settled."""
        return self.mark.at + self.mark.settled_after


@dataclass(frozen=True)
class Share:
    """How many requests a color answered, and how much that is of all."""

    count: int
    percent: float


@dataclass(frozen=True)
class Sighting:
    """One answer that a known user got."""

    at: float
    """Start of the request in seconds since the start of the load."""
    color: str


@dataclass(frozen=True, kw_only=True, repr=False)
class UserHistory:
    """What one user saw in the settled part of one stage."""

    user: int
    mark: str
    sightings: tuple[Sighting, ...]

    @property
    def colors(self) -> frozenset[str]:
        """The colors that answered this user."""
        return frozenset(sighting.color for sighting in self.sightings)

    @override
    def __repr__(self) -> str:
        changes = [
            now
            for before, now in zip((None, *self.sightings), self.sightings, strict=False)
            if before is None or before.color != now.color
        ]
        seen = ", then ".join(f"{one.color} from {one.at:.3f} s" for one in changes)
        return f"<user {self.user}, mark {self.mark!r}: {seen} ({len(self.sightings)} requests)>"


@dataclass(frozen=True, kw_only=True)
class ColorChange:
    """A user who had a color at one stage and not at a later one that gives that color no smaller share."""

    earlier: UserHistory
    later: UserHistory


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Percentiles in seconds of requests that were answered right; all zero if there were none."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Latency:
        """Return the percentiles of some durations (nearest rank)."""
        ordered = sorted(seconds)
        if not ordered:
            return cls(count=0, p50=0.0, p95=0.0, p99=0.0, max=0.0)
        at = [ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95, 0.99)]
        return cls(count=len(ordered), p50=at[0], p95=at[1], p99=at[2], max=ordered[-1])

    @override
    def __str__(self) -> str:
        values = (self.p50, self.p95, self.p99, self.max)
        return "p50/p95/p99/max " + "/".join(f"{value * 1000:.1f}" for value in values) + " ms"


def shares_of(colors: Iterable[str]) -> dict[str, Share]:
    """Count colors."""
    counts = Counter(colors)
    return {color: Share(count, 100 * count / counts.total()) for color, count in sorted(counts.items())}


def histories(mark: str, sightings: Iterable[tuple[int, Sighting]]) -> dict[int, UserHistory]:
    """Group sightings by user, in order of time."""
    by_user: defaultdict[int, list[Sighting]] = defaultdict(list)
    for user, sighting in sightings:
        by_user[user].append(sighting)
    return {
        user: UserHistory(user=user, mark=mark, sightings=tuple(sorted(seen, key=lambda one: one.at)))
        for user, seen in sorted(by_user.items())
    }


def changes(color: str, earlier: Mapping[int, UserHistory], later: Mapping[int, UserHistory]) -> list[ColorChange]:
    """Return users who saw a color earlier and another one later."""
    return [
        ColorChange(earlier=history, later=later[user])
        for user, history in earlier.items()
        if color in history.colors and user in later and later[user].colors != {color}
    ]
