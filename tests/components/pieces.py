"""What components are given in tests: networks and secrets that exist already."""

from __future__ import annotations

from collections import defaultdict
from typing import ClassVar

from colorway.spec.networks import NetworkName, store_network
from components.swarm_spec import MountedFile
from tests.support.recorder import CONFIG, SECRET

NETWORKS = {label: f"id-of-{label}" for label in (*NetworkName, store_network("postgres"), store_network("redis"))}
SECRETS = {
    name: MountedFile(id=f"id-of-{name}", name=f"{name}-1234567", path=name)
    for name in ("database-password", "cache-password", "preview-token")
}


class NoSurroundings:
    """What services without config files and networks of other stacks find."""

    configs: ClassVar = defaultdict(list)
    networks: ClassVar = defaultdict(list)


def joined(service):
    """The networks that a registered service joins, each with its aliases."""
    return {net["id"]: net.get("aliases") for net in service.inputs["taskSpec"]["networksAdvanceds"]}


def constraints(service):
    return service.inputs["taskSpec"]["placement"]["constraints"]


def read_by(recording, service):
    """What a registered service reads: the texts of its configs and its secrets, by their names."""
    told = {**recording.of_type(CONFIG), **recording.of_type(SECRET)}
    made = {f"{name}-1234567": one.inputs for name, one in told.items()}
    wanted = [one["configName"] for one in service.container.get("configs", [])]
    wanted += [one["secretName"] for one in service.container.get("secrets", [])]
    return {name: made[name].get("dataRaw", made[name].get("data")) for name in wanted}


def secret_files(service):
    return [file["fileName"] for file in service.container.get("secrets", [])]
