"""The Swarm's configs, as far as the release lock needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from colorway.errors import ColorwayError

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
