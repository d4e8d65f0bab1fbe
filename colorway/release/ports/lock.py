"""Locks of a stack: Swarm configs, whose names only one run can create."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from colorway.errors import ColorwayError
from colorway.release.plan.facts import Holder, read_labels
from colorway.release.ports.git import Git
from colorway.release.ports.protocols import Clock, LockLostError, SystemClock
from colorway.spec import names
from colorway.swarm.configs import ConfigStore, ConflictError, StoredConfig, SwarmConfigs
from colorway.swarm.connections import Connection, ElectingError


def process_mark(pid: int) -> str:
    """Return what tells a process from all others: this boot, this PID namespace, and when it began in clock ticks.

    The last part is empty where there is no such process, and all of it where the machine has no /proc. Two runners
    that share a host name see different boots or namespaces, and neither takes the other for dead.
    """
    proc = Path("/proc")
    try:
        machine = f"{(proc / 'sys/kernel/random/boot_id').read_text().strip()}/{(proc / 'self/ns/pid').readlink()}"
    except OSError:
        return ""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{machine}/"
    # The second field is the name in parentheses and may contain anything; the start is the 20th after it.
    fields = text.rpartition(")")[2].split()
    began = fields[19] if len(fields) > 19 and fields[0] != "Z" else ""  # noqa: PLR2004 - proc(5)
    return f"{machine}/{began}"


def is_dead(holder: Holder) -> bool:
    """Return whether a lock's process ran on this machine and does not any more; of others nothing is known."""
    machine, _, began = holder.process.rpartition("/")
    here, _, begins = process_mark(holder.pid).rpartition("/")
    return bool(began) and (holder.host, machine) == (socket.gethostname(), here) and began != begins


LEASE = timedelta(minutes=10)
"""How long a lock lives that nobody renews."""
RENEWAL = timedelta(minutes=1)
"""Time between two renewals."""
_ELECTED_WITHIN = 20
"""Seconds that the swarm's managers may take to have a leader again; mostly it is five."""


class LockHeldError(ColorwayError):
    """Somebody else holds the lock."""


def release_lock(stack: str, *, root: Path, manager: Connection, clock: Clock | None = None) -> StackLock:
    """Return the release lock of a stack; nothing is taken.

    Args:
        stack: Name of the stack.
        root: The project's folder.
        manager: The engine of a manager.
        clock: Time; none = this machine's.
    """
    return StackLock(stack=stack, store=SwarmConfigs(manager), clock=clock or SystemClock(), owner=Git(root).user())


def run_lock(stack: str, *, root: Path, store: ConfigStore) -> StackLock:
    """Return the lock that an `up` or `down` holds while it changes a stack; nothing is taken.

    Another one than the release's: where CI applies, its `up` runs while a release holds its own.

    Args:
        stack: Name of the stack.
        root: The project's folder.
        store: The swarm's configs.
    """
    return StackLock(
        stack=stack,
        store=store,
        clock=SystemClock(),
        owner=Git(root).user(),
        name=names.run_lock(stack),
        what="changes this stack",
        cure="wait until it ends",
    )


@dataclass(kw_only=True)
class StackLock:
    """The lock of one stack; see `Lock`.

    Renewed by a thread of its own while it is held. Free are: no lock, one whose time is over, and one whose process
    ran on this machine and is dead.
    """

    stack: str
    store: ConfigStore
    clock: Clock
    owner: str
    """Person, for others."""
    name: str = ""
    """Name of the Swarm config; empty = the release lock's."""
    what: str = "holds the release lock"
    """What a holder does, for others."""
    cure: str = "wait for it, or add --take-over REASON"
    _ticket: str = field(default_factory=lambda: secrets.token_hex(8), init=False)
    _lost: str | None = field(default=None, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _keeper: threading.Thread | None = field(default=None, init=False)

    @property
    def _config(self) -> str:
        return self.name or names.lock(self.stack)

    def holder(self) -> Holder | None:
        """Return who else holds the lock, alive and in time."""
        found = self._found()
        holder = read_labels(found.labels) if found else None
        return holder if holder and holder.ticket != self._ticket and not self._is_free(holder) else None

    def _found(self) -> StoredConfig | None:
        """Return the lock as the swarm has it; waits for one that looks for its leader."""
        for _ in range(_ELECTED_WITHIN):
            try:
                return self.store.find(self._config)
            except ElectingError:
                self.clock.sleep(timedelta(seconds=1))
        return self.store.find(self._config)

    def refuse_beside_a_release(self) -> None:
        """Do nothing while nobody releases; for commands that would change what a release watches.

        Raises:
            LockHeldError: somebody does; says who, and what helps.
        """
        holder = self.holder()
        if holder:
            raise LockHeldError(
                f"{self.stack}: {holder.sentence()}; wait for it, or end it with "
                f"`colorway rollback --stack {self.stack} --take-over REASON`"
            )

    def take(self, *, reason: str, take_over: str | None) -> None:
        """Take the lock and renew it until `release`.

        Raises:
            LockHeldError: somebody else holds it, and `take_over` is None, or was faster.
        """
        try:
            self._claim(reason, take_over)
        except ConflictError:
            now = self.holder()
            who = now.sentence(self.what) if now else "another run was faster"
            raise LockHeldError(f"{self.stack}: {who}; {self.cure}") from None
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def _claim(self, reason: str, take_over: str | None) -> None:
        found = self._found()
        if found is None:
            self.store.create(self._config, self._record(reason).labels())
            return
        holder = read_labels(found.labels)
        if holder and not self._is_free(holder):
            if take_over is None:
                raise ConflictError
            reason = f"{reason}; taken over from {holder.owner}: {take_over}"
        # An update of the version that was read: of two that take a free lock over, one is refused.
        self.store.update(found, self._record(reason).labels())

    def check(self) -> None:
        """Do nothing while the lock is ours; the swarm is asked each time.

        Raises:
            LockLostError: it was taken over, removed, or could not be renewed in time.
        """
        # Whether a swarm that does not answer comes back in time is the keeper's to say.
        with contextlib.suppress(ColorwayError):
            self._look()
        if self._lost:
            raise LockLostError(f"{self.stack}: {self._lost}; this run stops")

    def release(self) -> None:
        """Give the lock back; one that is somebody else's by now stays. Never raises."""
        self._stop.set()
        if self._keeper:
            self._keeper.join(timeout=5)
        try:
            found = self._ours()
            if found:
                self.store.remove(found)
        except (ColorwayError, ConflictError):
            # It ends by itself.
            return

    def renew(self) -> None:
        """Move the lock's end to a lease from now; notes it where the lock is not ours any more."""
        found = self._look()
        holder = read_labels(found.labels) if found else None
        if found is None or holder is None:
            return
        try:
            self.store.update(found, holder.until(self.clock.now() + LEASE).labels())
        except ConflictError:
            other = self.holder()
            self._lost = other.sentence() if other else "the release lock was changed by somebody else"

    def _keep(self) -> None:
        expires = self.clock.now() + LEASE
        while not self._stop.wait(RENEWAL.total_seconds()):
            try:
                self.renew()
                expires = self.clock.now() + LEASE
            except ColorwayError as error:
                # The swarm may come back before the lease ends.
                if self.clock.now() >= expires:
                    self._lost = f"the release lock could not be renewed in time: {error}"
            if self._lost:
                return

    def _look(self) -> StoredConfig | None:
        """Return the lock if it is ours; notes it where it is not."""
        found = self._ours()
        if found is None:
            other = self.holder()
            self._lost = other.sentence() if other else "the release lock is gone"
        return found

    def _ours(self) -> StoredConfig | None:
        found = self.store.find(self._config)
        holder = read_labels(found.labels) if found else None
        return found if holder and holder.ticket == self._ticket else None

    def _record(self, reason: str) -> Holder:
        now = self.clock.now()
        return Holder(
            owner=self.owner,
            host=socket.gethostname(),
            pid=os.getpid(),
            process=process_mark(os.getpid()),
            since=now,
            expires=now + LEASE,
            reason=reason,
            ticket=self._ticket,
        )

    def _is_free(self, holder: Holder) -> bool:
        return self.clock.now() >= holder.expires or is_dead(holder)
