"""How many tasks of each service run, and what that means for a color."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from colorway.spec.traffic import Color


@dataclass(frozen=True, kw_only=True)
class ServiceHealth:
    """One service at one moment."""

    service: str
    """Name in the swarm."""
    color: Color | None
    """None = shared."""
    wanted: int
    """Tasks that should run."""
    running: int
    """Tasks that run, their health check passed."""


def not_healthy(rows: Iterable[ServiceHealth], color: Color, *, expected: Iterable[str]) -> tuple[str, ...]:
    """Return what keeps a color from being healthy, one sentence each; nothing means that all of it runs.

    Args:
        rows: All services of the stack.
        color: The color.
        expected: Names of the services that the color must have.
    """
    ours = {row.service: row for row in rows if row.color is color}
    found = [f"{name} is not there" for name in expected if name not in ours]
    found += [
        f"{row.service}: {row.running} of {row.wanted} tasks run" for row in ours.values() if row.running != row.wanted
    ]
    if not found and not any(row.wanted for row in ours.values()):
        found.append(f"no service of {color} should run at all")
    return tuple(found)


def dead(rows: Iterable[ServiceHealth], color: Color) -> tuple[str, ...]:
    """Return the services of a color of which no task runs although some should."""
    return tuple(row.service for row in rows if row.color is color and row.wanted > 0 and row.running == 0)
