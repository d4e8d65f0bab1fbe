"""Secrets and configs on the daemon: stored once, never changed."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from colorway.lab.plugins.docker.documents import (
    filled,
    label_map,
    label_pairs,
    part,
    text,
)
from colorway.lab.plugins.docker.live import Swarm
from colorway.lab.plugins.docker.ordering import shown
from colorway.lab.plugins.docker.resource_types import CONFIG, SECRET, ResourceType
from colorway.lab.plugins.values import Properties


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Creates, reads and deletes secrets or configs."""

    kind: ResourceType
    path: str

    def create(self, swarm: Swarm, planned: Properties) -> str:
        """Store the content under its name."""
        raw = text(planned.get("dataRaw"))
        data = base64.b64encode(raw.encode()).decode() if raw else text(planned.get("data"))
        labels = filled({"Labels": label_map(planned.get("labels"))})
        return swarm.created(f"/{self.path}/create", {"Name": text(planned["name"]), **labels, "Data": data})

    def read(self, swarm: Swarm, resource_id: str, kept: Properties) -> Properties | None:
        """Read what the daemon tells: all of a config, of a secret only that it is there."""
        document = swarm.found(f"/{self.path}/{resource_id}")
        if document is None:
            return None
        spec = part(document, "Spec")
        state = {**kept, "name": text(spec.get("Name"))}
        if self.kind is CONFIG:
            data = text(spec.get("Data"))
            in_clear = bool(kept.get("dataRaw"))
            state["dataRaw"] = base64.b64decode(data).decode(errors="replace") if in_clear else None
            state["data"] = None if in_clear else data
            state["labels"] = shown(CONFIG.fields["labels"], label_pairs(spec.get("Labels")))
        return state

    def update(self, swarm: Swarm, resource_id: str, planned: Properties) -> None:
        """Refuse: every change replaces."""
        raise NotImplementedError

    def delete(self, swarm: Swarm, resource_id: str, state: Properties) -> None:
        """Delete it."""
        del state
        swarm.daemon.call("DELETE", f"/{self.path}/{resource_id}")


SECRETS: Final = Stored(kind=SECRET, path="secrets")
CONFIGS: Final = Stored(kind=CONFIG, path="configs")
