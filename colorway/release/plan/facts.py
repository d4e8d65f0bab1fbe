"""Who holds a release lock: labels of a Swarm config, read and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

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


PREFIX = "colorway.lock."
_TEXTS = ("owner", "host", "process", "reason", "ticket")


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a lock, since when, until when and why."""

    owner: str
    """Person."""
    host: str
    """Machine of the process."""
    pid: int
    process: str = ""
    """Boot, PID namespace and start of that process; tells it from a later one with the same number."""
    since: datetime
    """UTC."""
    expires: datetime
    """UTC; after it anybody may take the lock."""
    reason: str
    """What it is held for."""
    ticket: str
    """Random; whoever knows it is the holder."""

    def until(self, expires: datetime) -> Holder:
        """Return the same with a later end."""
        return replace(self, expires=expires)

    def labels(self) -> dict[str, str]:
        """Return it as labels of a Swarm config."""
        texts = {name: str(getattr(self, name)) for name in _TEXTS}
        times = {"since": self.since.isoformat(), "expires": self.expires.isoformat(), "pid": str(self.pid)}
        return {f"{PREFIX}{name}": value for name, value in {**texts, **times}.items()}

    def sentence(self, what: str = "holds the release lock") -> str:
        """Return who holds the lock, for people."""
        return (
            f"{self.owner} {what} since {self.since:%Y-%m-%d %H:%M} UTC "
            f"(process {self.pid} on {self.host}, for: {self.reason}; not renewed, it ends at {self.expires:%H:%M:%S})"
        )


def read_labels(labels: Mapping[str, str]) -> Holder | None:
    """Return the holder that labels describe, None where they are not ours or not whole."""
    values = {name.removeprefix(PREFIX): value for name, value in labels.items() if name.startswith(PREFIX)}
    try:
        return Holder(
            **{name: values[name] for name in _TEXTS},
            pid=int(values["pid"]),
            since=datetime.fromisoformat(values["since"]).astimezone(UTC),
            expires=datetime.fromisoformat(values["expires"]).astimezone(UTC),
        )
    except (KeyError, ValueError):
        return None
