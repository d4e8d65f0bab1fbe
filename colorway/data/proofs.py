"""Whether a restore has proven the backup of a data store, and how long ago."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from colorway.data.members import Ask
from colorway.render.backups import PROOF
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import RefusedError

OLDEST_PROOF = timedelta(hours=26)
"""How long ago a restore may have proven the newest backup: they are made once a day."""

_HOURS_FROM = 2 * 60 * 60


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the last restore of a store's newest backup has shown."""

    is_verified: bool
    at: float
    """When it ended, in seconds since 1970."""
    backup: str
    """Label of the backup; empty where there was none."""
    why: str
    """Why it is not proven."""

    def ago(self, now: float) -> str:
        """Return how long ago it ended, in minutes and, from two hours on, in hours."""
        seconds = max(0.0, now - self.at)
        return f"{seconds / 60:.0f} min ago" if seconds < _HOURS_FROM else f"{seconds / 3600:.0f} h ago"


def read_proof(text: str) -> Proof | None:
    """Return a proof, given its line; none = it is none."""
    try:
        said = json.loads(text)
        return Proof(
            is_verified=bool(said.get("verified")),
            at=float(said["at"]),
            backup=str(said.get("backup", "")),
            why=str(said.get("why", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def proof(spec: PlatformSpec, store: str, *, ask: Ask) -> Proof | None:
    """Return the last proof of a store's backups; none = there was none yet.

    Raises:
        NoAnswerError: the monitoring host does not answer.
    """
    try:
        return read_proof(ask(spec.monitoring_host, names.service(spec.stack, names.verify(store)), ("cat", PROOF)))
    except RefusedError:
        return None


def doubt(found: Proof | None, *, now: float) -> str | None:
    """Return in words why nobody knows that the newest backup can be restored; none = it can.

    Args:
        found: The last proof.
        now: Seconds since 1970.
    """
    if found is None:
        return "no restore has proven its backup yet"
    if not found.is_verified:
        return f"the last restore of its backup failed: {found.why}"
    most = OLDEST_PROOF.total_seconds()
    if now - found.at > most:
        return f"its backup was proven {found.ago(now)}, and a migration wants {most / 3600:.0f} h"
    return None
