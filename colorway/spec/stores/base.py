"""What every data store says, and the tasks that it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from colorway.spec.base import StrictSpec
from colorway.spec.fields import Label, PinnedImage, PositiveDuration
from colorway.spec.hosts import HostSpec
from colorway.spec.networks import STORE_SLOTS
from colorway.spec.task.mounts import SecretName
from colorway.spec.task.policies import LimitsSpec


@dataclass(frozen=True, kw_only=True)
class StoreMember:
    """One task of a data store."""

    name: str
    """Logical name of its service."""
    host: HostSpec
    """Where it runs: one host, not the role, since the volume of the same name is empty on another one."""
    volume: str
    """Logical name of its volume."""


class StoreSpec(StrictSpec):
    """What every kind of data store says."""

    port: ClassVar[int]
    """The port that the program listens on."""

    build: Label | None = None
    """Folder under images/, for a platform with `images: local`."""
    image: PinnedImage | None = None
    """Image with its digest, for a platform with `images: registry`."""
    password: SecretName
    """Name of the secret that holds the password."""
    limits: LimitsSpec
    """The most that the task may use."""
    slot: Annotated[int, Field(ge=0, lt=STORE_SLOTS, strict=True)] | None = None
    """Which of the 26 slots for stores' networks it has; none = by its name."""
    stop_grace: PositiveDuration = timedelta(seconds=60)
    """Time for a clean stop; a kill means a recovery at the next start."""

    def members(self, name: str, *, hosts: Sequence[HostSpec]) -> tuple[StoreMember, ...]:
        """Return the store's tasks: one, on the first of the hosts; a replicated kind returns more.

        Args:
            name: The store's name in the platform file.
            hosts: The hosts that keep data, at least one.
        """
        return (StoreMember(name=name, host=hosts[0], volume=name),)
