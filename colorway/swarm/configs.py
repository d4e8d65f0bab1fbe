"""The Swarm's configs, as far as the release lock needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from colorway.swarm.connections import Connection, MissingError, RefusedError

T = TypeVar("T")
CONFLICT = 409
"""HTTP status of a name that exists already, and of a version that is out of date."""
OUT_OF_SEQUENCE = "update out of sequence"
"""What the daemon says, with another status, where somebody was faster."""


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


@dataclass(frozen=True)
class SwarmConfigs:
    """The configs of a real swarm."""

    manager: Connection

    def find(self, name: str) -> StoredConfig | None:
        """Return a config; see `ConfigStore`."""
        listed = self._ask(lambda api: api.configs(filters={"name": name}))
        # The filter matches beginnings, too.
        found = [raw for raw in listed if raw["Spec"]["Name"] == name]
        return _stored(found[0]) if found else None

    def create(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a config; see `ConfigStore`."""
        self._ask(lambda api: api.create_config(name, b"release lock", dict(labels)))

    def update(self, config: StoredConfig, labels: Mapping[str, str]) -> None:
        """Replace labels; see `ConfigStore`. Labels are all that the daemon lets change."""

        def replace(api: Any) -> None:  # noqa: ANN401 - docker-py is untyped here, and has no method for it
            raw = api.inspect_config(config.id)
            url = api._url("/configs/{0}/update", config.id)  # noqa: SLF001
            spec = {**raw["Spec"], "Labels": dict(labels)}
            api._raise_for_status(api._post_json(url, data=spec, params={"version": config.version}))  # noqa: SLF001

        self._ask(replace)

    def remove(self, config: StoredConfig) -> None:
        """Remove a config; see `ConfigStore`."""
        try:
            self._ask(lambda api: api.remove_config(config.id))
        except ConflictError:
            return

    def _ask(self, question: Callable[[Any], T]) -> T:
        """Ask a manager.

        Raises:
            ConflictError: somebody was faster.
            DockerError: the daemon does not answer, or refuses.
        """
        try:
            return self.manager.ask("the release lock", question)
        except MissingError:
            raise ConflictError from None
        except RefusedError as error:
            if error.status == CONFLICT or OUT_OF_SEQUENCE in error.said:
                raise ConflictError from None
            raise


def _stored(raw: Mapping[str, Any]) -> StoredConfig:
    labels = raw["Spec"].get("Labels") or {}
    return StoredConfig(id=raw["ID"], version=int(raw["Version"]["Index"]), labels=labels)
