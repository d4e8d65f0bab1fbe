"""Who may change a stack: one run at a time, and only from the state that the swarm was left with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from colorway.engine.state import read_time
from colorway.errors import ColorwayError
from colorway.spec import names
from colorway.spec.names import STACK_LABEL
from colorway.swarm.configs import ConfigStore, ConflictError, SwarmConfigs
from colorway.swarm.services import Swarm

TIME_LABEL = "colorway.state.time"
"""When the engine last wrote the state that the swarm was left with, as it stands in that state."""


class StaleStateError(ColorwayError):
    """The state at hand is not the one that the swarm was left with."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to change one stack, held while `claimed` runs."""

    stack: str
    store: ConfigStore

    def refuse_older(self, written: datetime | None) -> None:
        """Refuse a state that is behind the swarm: another checkout's, or a copy from before the last run.

        Such a state knows nothing of what was made since, and would remove or undo it.

        Args:
            written: When the state at hand was written; None = it is empty.

        Raises:
            StaleStateError: the swarm was left with a later one.
        """
        found = self.store.find(names.state_record(self.stack))
        left = read_time(found.labels.get(TIME_LABEL, "")) if found else None
        if left is None or (written is not None and written >= left):
            return
        mine = f"is of {written:%Y-%m-%d %H:%M:%S} UTC" if written else "knows nothing of it"
        raise StaleStateError(
            f"{self.stack}: the swarm was left by a run of {left:%Y-%m-%d %H:%M:%S} UTC, and this checkout's state "
            f"{mine}; work from the checkout that ran last, or remove what it made with "
            f"`colorway down {self.stack} --orphans`"
        )

    def note(self, written: datetime | None) -> None:
        """Note which state the swarm is left with; None = nothing is left.

        Never fails a run: an older note lets more through, not less.
        """
        name = names.state_record(self.stack)
        try:
            found = self.store.find(name)
            labels = {STACK_LABEL: self.stack, TIME_LABEL: written.isoformat() if written else ""}
            if found and written:
                self.store.update(found, labels)
            elif found:
                self.store.remove(found)
            elif written:
                self.store.create(name, labels)
        except (ColorwayError, ConflictError):
            return


def changed_by(stack: str, *, root: Path, swarm: Swarm) -> str | None:
    """Return who holds a stack's run lock at this moment, one sentence; None = nobody alive does."""
    from colorway.release.ports.lock import run_lock  # noqa: PLC0415 - see `claimed`

    lock = run_lock(stack, root=root, store=SwarmConfigs(swarm.client()))
    try:
        holder = lock.holder()
    except ColorwayError:
        # Who does not answer now did so a moment ago: what was seen then is shown all the same.
        return None
    return holder.sentence(lock.what) if holder else None


@contextmanager
def claimed(stack: str, *, root: Path, swarm: Swarm, reason: str) -> Iterator[Claim]:
    """Hold a stack's run lock; nothing of the swarm or of the state may be changed without it.

    A run that was killed holds nothing: the lock names its process.

    Args:
        stack: Name of the stack.
        root: The project's folder.
        swarm: Its swarm.
        reason: The command, for others.

    Raises:
        LockHeldError: another run changes this stack; nothing was changed.
    """
    # Here: what never changes a stack, as `preview`, loads nothing of a release.
    from colorway.release.ports.lock import run_lock  # noqa: PLC0415

    store = SwarmConfigs(swarm.client())
    lock = run_lock(stack, root=root, store=store)
    lock.take(reason=reason, take_over=None)
    try:
        yield Claim(stack=stack, store=store)
    finally:
        lock.release()
