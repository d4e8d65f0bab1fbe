"""The release lock: a Swarm config, whose name only one run can create."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from colorway.errors import ColorwayError
from colorway.release.lock_record import Holder, read_labels
from colorway.release.ports import Clock, LockLostError
from colorway.release.processes import is_dead, process_mark
from colorway.spec import names

LEASE = timedelta(minutes=10)
"""How long a lock lives that nobody renews."""
RENEWAL = timedelta(minutes=1)
"""Time between two renewals."""
CONFLICT = 409
"""HTTP status of a name that exists already, and of a version that is out of date."""
OUT_OF_SEQUENCE = "update out of sequence"
"""What the daemon says, with another status, where somebody was faster."""


class LockHeldError(ColorwayError):
    """Somebody else holds the lock."""


class ConflictError(Exception):
    """Somebody was faster; never seen by users."""


@dataclass(frozen=True, kw_only=True)
class StoredConfig:
    """A Swarm config as far as the lock knows it."""

    id: str
    version: int
    """Rises with every change; an update names the one that it was made from."""
    labels: Mapping[str, str]


class ConfigStore(Protocol):
    """The Swarm's configs."""

    def find(self, name: str) -> StoredConfig | None:
        """Return a config, None where there is none."""

    def create(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a config.

        Raises:
            ConflictError: the name exists.
        """

    def update(self, config: StoredConfig, labels: Mapping[str, str]) -> None:
        """Replace the labels of a config.

        Raises:
            ConflictError: somebody has changed or removed it meanwhile.
        """

    def remove(self, config: StoredConfig) -> None:
        """Remove a config; one that is gone is no error."""


@dataclass(kw_only=True)
class ReleaseLock:
    """The lock of one stack; see `Lock`.

    Renewed by a thread of its own while it is held. Free are: no lock, one whose time is over, and one whose process
    ran on this machine and is dead.
    """

    stack: str
    store: ConfigStore
    clock: Clock
    owner: str
    """Person, for others."""
    _ticket: str = field(default_factory=lambda: secrets.token_hex(8), init=False)
    _lost: str | None = field(default=None, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _keeper: threading.Thread | None = field(default=None, init=False)

    def holder(self) -> Holder | None:
        """Return who else holds the lock, alive and in time."""
        found = self.store.find(names.lock(self.stack))
        holder = read_labels(found.labels) if found else None
        return holder if holder and holder.ticket != self._ticket and not self._is_free(holder) else None

    def take(self, *, reason: str, take_over: str | None) -> None:
        """Take the lock and renew it until `release`.

        Raises:
            LockHeldError: somebody else holds it, and `take_over` is None, or was faster.
        """
        try:
            self._claim(reason, take_over)
        except ConflictError:
            now = self.holder()
            who = now.sentence() if now else "another run was faster"
            raise LockHeldError(f"{self.stack}: {who}; wait for it, or add --take-over REASON") from None
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def _claim(self, reason: str, take_over: str | None) -> None:
        found = self.store.find(names.lock(self.stack))
        if found is None:
            self.store.create(names.lock(self.stack), self._record(reason).labels())
            return
        holder = read_labels(found.labels)
        if holder and not self._is_free(holder):
            if take_over is None:
                raise ConflictError
            reason = f"{reason}; taken over from {holder.owner}: {take_over}"
        # An update of the version that was read: of two that take a free lock over, one is refused.
        self.store.update(found, self._record(reason).labels())

    def check(self) -> None:
        """Do nothing while the lock is ours.

        Raises:
            LockLostError: it was taken over, removed, or could not be renewed in time.
        """
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
        found = self._ours()
        holder = read_labels(found.labels) if found else None
        if found is None or holder is None:
            other = self.holder()
            self._lost = other.sentence() if other else "the release lock is gone"
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

    def _ours(self) -> StoredConfig | None:
        found = self.store.find(names.lock(self.stack))
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


@dataclass(frozen=True)
class SwarmConfigs:
    """The configs of a real swarm."""

    api: Any
    """`docker.APIClient` of a manager; docker-py's types know only half of what is called here."""

    def find(self, name: str) -> StoredConfig | None:
        """Return a config; see `ConfigStore`."""
        listed = _asked(lambda: self.api.configs(filters={"name": name}))
        # The filter matches beginnings, too.
        found = [raw for raw in listed if raw["Spec"]["Name"] == name]
        return _stored(found[0]) if found else None

    def create(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a config; see `ConfigStore`."""
        _asked(lambda: self.api.create_config(name, b"release lock", dict(labels)))

    def update(self, config: StoredConfig, labels: Mapping[str, str]) -> None:
        """Replace labels; see `ConfigStore`. Labels are all that the daemon lets change."""
        raw = _asked(lambda: self.api.inspect_config(config.id))
        spec = {**raw["Spec"], "Labels": dict(labels)}
        url = self.api._url("/configs/{0}/update", config.id)  # noqa: SLF001 - docker-py has no method for it
        params = {"version": config.version}
        _asked(lambda: self.api._raise_for_status(self.api._post_json(url, data=spec, params=params)))  # noqa: SLF001

    def remove(self, config: StoredConfig) -> None:
        """Remove a config; see `ConfigStore`."""
        try:
            _asked(lambda: self.api.remove_config(config.id))
        except ConflictError:
            return


def _stored(raw: Mapping[str, Any]) -> StoredConfig:
    labels = raw["Spec"].get("Labels") or {}
    return StoredConfig(id=raw["ID"], version=int(raw["Version"]["Index"]), labels=labels)


def _asked(question: Any) -> Any:  # noqa: ANN401 - docker-py is untyped here
    """Ask the daemon.

    Raises:
        ConflictError: somebody was faster.
        ColorwayError: the daemon does not answer, or refuses.
    """
    try:
        return question()
    except NotFound:
        raise ConflictError from None
    except APIError as error:
        text = str(error.explanation or error)
        if error.status_code == CONFLICT or OUT_OF_SEQUENCE in text:
            raise ConflictError from None
        raise ColorwayError(f"the release lock: Docker refused: {text}") from None
    except (DockerException, RequestException, OSError) as error:
        raise ColorwayError(f"the release lock: Docker does not answer ({type(error).__name__})") from None
