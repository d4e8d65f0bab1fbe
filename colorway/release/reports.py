"""What people are told of a release: notices and progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from colorway.release.steps import Event
from colorway.spec.traffic import Color


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What people are told."""

    event: Event
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColorFigures:
    """What one color does now."""

    version: str
    share: int
    """Percent of the users."""
    requests_per_second: float | None
    """None = unknown."""
    error_ratio: float | None
    """Share of requests that failed; none = no requests."""
    p95: float | None
    """95th percentile of the slowest service, seconds; none = no requests."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One look at a stage."""

    percent: int
    left: timedelta
    """Time until the bake is over."""
    said: str
    """What the verdict waits for."""
    is_held: bool
    colors: Mapping[Color, ColorFigures]
