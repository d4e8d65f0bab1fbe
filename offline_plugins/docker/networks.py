"""Networks on the daemon."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from offline_plugins.docker.daemon import DaemonError, Manager
from offline_plugins.docker.documents import (
    Document,
    filled,
    in_order,
    label_map,
    label_pairs,
    part,
    parts,
    string_map,
    text,
    text_items,
)
from offline_plugins.docker.equivalence import zeroed
from offline_plugins.docker.resource_types import CONFIG, NETWORK, SECRET, ResourceType
from offline_plugins.docker.sets import shown
from offline_plugins.values import Properties, Value
from offline_plugins.waiting import PluginError

_VXLAN: Final = "com.docker.network.driver.overlay.vxlanid_list"
_LOOK_EVERY: Final = 0.1
_COMPLETE_WITHIN: Final = 2.0
_REMOVED_WITHIN: Final = 30.0


class Networks:
    """Creates, reads and deletes networks; a network never changes in place."""

    def create(self, swarm: Manager, planned: Properties) -> str:
        """Create a network."""
        state = zeroed(NETWORK.fields, planned)
        ranges = in_order(NETWORK.fields["ipamConfigs"], state["ipamConfigs"])
        addresses: Document = {
            "Driver": text(state["ipamDriver"]),
            "Config": [filled({"Subnet": text(item["subnet"]), "Gateway": text(item["gateway"])}) for item in ranges],
        }
        document = filled(
            {
                "Name": text(state["name"]),
                "Labels": label_map(state["labels"]),
                "Driver": text(state["driver"]),
                "Options": string_map(state["options"]),
                "Internal": bool(state["internal"]),
                "Attachable": bool(state["attachable"]),
                "IPAM": filled(addresses),
                # Older daemons allow a second network of the same name; newer ones ignore this.
                "CheckDuplicate": True,
            },
        )
        try:
            return swarm.created("/networks/create", document)
        except DaemonError as error:
            raise PluginError(f"Unable to create network: {error}") from error

    def read(self, swarm: Manager, resource_id: str, kept: Properties) -> Properties | None:
        """Read a network, once the swarm has given it addresses."""
        del kept
        network = swarm.found(f"/networks/{resource_id}")
        if network is not None and not _complete(network):
            swarm.patience.until(
                lambda: _complete(swarm.found(f"/networks/{resource_id}") or {}),
                every=_LOOK_EVERY,
                limit=_COMPLETE_WITHIN,
            )
            network = swarm.found(f"/networks/{resource_id}")
        return None if network is None else _state(network)

    def update(self, swarm: Manager, resource_id: str, planned: Properties) -> None:
        """Refuse: every change of a network replaces it."""
        raise NotImplementedError

    def delete(self, swarm: Manager, resource_id: str, state: Properties) -> None:
        """Delete a network; one that is gone already is fine."""
        del state

        def removed() -> bool:
            try:
                swarm.daemon.call("DELETE", f"/networks/{resource_id}")
            except DaemonError as error:
                if "has active endpoints" in str(error):
                    return False
                if not error.missing:
                    raise
            return True

        if not swarm.patience.until(removed, every=_LOOK_EVERY, limit=_REMOVED_WITHIN):
            raise PluginError(
                "timeout while waiting for state to become 'removed' (last state: 'pending', timeout: 30s)",
            )


def _complete(network: Document) -> bool:
    # Just after its creation a network of the swarm has no driver yet, either.
    overlay = network.get("Scope") == "swarm" and network.get("Driver") in {"", None, "overlay"}
    return not overlay or (_VXLAN in part(network, "Options") and bool(parts(part(network, "IPAM"), "Config")))


def _state(network: Document) -> Properties:
    addresses = part(network, "IPAM")
    ranges: list[Value] = [
        {
            "subnet": text(item.get("Subnet")),
            "ipRange": text(item.get("IPRange")),
            "gateway": text(item.get("Gateway")),
            "auxAddress": {**text_items(item.get("AuxiliaryAddresses"))},
        }
        for item in parts(addresses, "Config")
    ]
    return {
        "name": text(network.get("Name")),
        "labels": shown(NETWORK.fields["labels"], label_pairs(network.get("Labels"))),
        "driver": text(network.get("Driver")),
        "options": {**text_items(network.get("Options"))},
        "internal": bool(network.get("Internal")),
        "attachable": bool(network.get("Attachable")),
        "ingress": bool(network.get("Ingress")),
        "ipv6": bool(network.get("EnableIPv6")),
        "ipamDriver": text(addresses.get("Driver")),
        "ipamOptions": {**text_items(addresses.get("Options"))},
        "ipamConfigs": shown(NETWORK.fields["ipamConfigs"], ranges),
        "scope": text(network.get("Scope")),
    }


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Creates, reads and deletes secrets or configs."""

    kind: ResourceType
    path: str

    def create(self, swarm: Manager, planned: Properties) -> str:
        """Store the content under its name."""
        data = text(planned.get("data")) or base64.b64encode(text(planned.get("dataRaw")).encode()).decode()
        labels = filled({"Labels": label_map(planned.get("labels"))})
        return swarm.created(f"/{self.path}/create", {"Name": text(planned["name"]), **labels, "Data": data})

    def read(self, swarm: Manager, resource_id: str, kept: Properties) -> Properties | None:
        """Read what the daemon tells: all of a config, of a secret only that it is there."""
        document = swarm.found(f"/{self.path}/{resource_id}")
        if document is None:
            return None
        spec = part(document, "Spec")
        state = {**kept, "name": text(spec.get("Name"))}
        if self.kind is CONFIG:
            state["dataRaw"] = base64.b64decode(text(spec.get("Data"))).decode(errors="replace")
            state["data"] = None
            state["labels"] = shown(CONFIG.fields["labels"], label_pairs(spec.get("Labels")))
        return state

    def update(self, swarm: Manager, resource_id: str, planned: Properties) -> None:
        """Refuse: every change replaces."""
        raise NotImplementedError

    def delete(self, swarm: Manager, resource_id: str, state: Properties) -> None:
        """Delete it."""
        del state
        swarm.daemon.call("DELETE", f"/{self.path}/{resource_id}")


SECRETS: Final = Stored(kind=SECRET, path="secrets")
CONFIGS: Final = Stored(kind=CONFIG, path="configs")
