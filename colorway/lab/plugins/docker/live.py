"""What every kind of resource can do with the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from colorway.lab.plugins.docker.daemon import Daemon, DaemonError
from colorway.lab.plugins.docker.documents import Document, text
from colorway.lab.plugins.values import Properties
from colorway.lab.plugins.waiting import Patience


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """The daemon, and the patience to wait for it."""

    daemon: Daemon
    patience: Patience

    def found(self, path: str) -> Document | None:
        """The document at a path; None where nothing is there.

        Raises:
            PluginError: the daemon cannot be reached or refuses for another reason.
        """
        try:
            answer = self.daemon.call("GET", path)
        except DaemonError as error:
            if error.missing:
                return None
            raise
        return answer if isinstance(answer, Mapping) else None

    def created(self, path: str, document: Document) -> str:
        """Create something and return its id."""
        answer = self.daemon.call("POST", path, body=document)
        if not isinstance(answer, Mapping):
            return ""
        return text(answer.get("ID") or answer.get("Id"))


class LiveResource(Protocol):
    """One kind of resource on the daemon; states go in and come out."""

    def create(self, swarm: Swarm, planned: Properties) -> str:
        """Create it as planned and return its id; leaves nothing behind when it fails."""

    def read(self, swarm: Swarm, resource_id: str, kept: Properties) -> Properties | None:
        """The state of the live resource, with zeros for nothing; None where it is gone.

        Args:
            swarm: where to look.
            resource_id: the id.
            kept: a state for what the daemon does not tell.
        """

    def update(self, swarm: Swarm, resource_id: str, planned: Properties) -> None:
        """Change it in place."""

    def delete(self, swarm: Swarm, resource_id: str, state: Properties) -> None:
        """Delete it."""
