"""What every data store says, and the tasks that it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field
from typing_extensions import override

from colorway.spec import names
from colorway.spec.base import StrictSpec
from colorway.spec.fields import Label, PinnedImage, PositiveDuration
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.networks import STORE_SLOTS
from colorway.spec.stores.replication import HelperSpec
from colorway.spec.task.mounts import SECRETS_FOLDER, SecretName
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
    adopted: str | None = None
    """Volume of somebody else's that it has instead, by its name on the host; no command removes it."""


def one_on_each(name: str, hosts: Sequence[HostSpec]) -> tuple[StoreMember, ...]:
    """Return a task on each of the hosts, called by its name and its host's."""
    every = (names.member(name, host.name) for host in hosts)
    return tuple(StoreMember(name=task, host=host, volume=task) for host, task in zip(hosts, every, strict=True))


@dataclass(frozen=True, kw_only=True)
class NamedSecret:
    """A secret of the platform that a data store names."""

    path: tuple[str, ...]
    """Keys of the store that lead to the name."""
    name: str
    """The name."""


class StoreSpec(StrictSpec):
    """What every kind of data store says."""

    kept_on: ClassVar[tuple[tuple[Role, ...], ...]] = ((Role.DATABASE,),)
    """Roles of the hosts that it may be on; those that have all roles of an earlier group come first."""

    build: Label | None = None
    """Folder under images/, for a platform with `images: local`."""
    image: PinnedImage | None = None
    """Image with its digest, for a platform with `images: registry`."""
    limits: LimitsSpec
    """The most that the task may use."""
    slot: Annotated[int, Field(ge=0, lt=STORE_SLOTS, strict=True)] | None = None
    """Which of the 26 slots for stores' networks it has; none = by its name."""
    stop_grace: PositiveDuration = timedelta(seconds=60)
    """Time for a clean stop; a kill means a recovery at the next start."""

    @property
    def named_secrets(self) -> tuple[NamedSecret, ...]:
        """The secrets that its task gets as files."""
        return ()

    @property
    def is_replicated(self) -> bool:
        """Whether it has several members, which choose a leader themselves."""
        return False

    @property
    def adopts(self) -> str | None:
        """The volume of somebody else's that its one task is served from; none = one of its own."""
        return None

    @property
    def helpers(self) -> Mapping[str, HelperSpec]:
        """The programs beside its members that the file says something of, by their keys."""
        return {}

    @property
    def members_needed(self) -> int:
        """How many of its members have to be there, where it has several, so that somebody can write."""
        return 1

    @property
    def needs_etcd(self) -> bool:
        """Whether etcd knows which of its members leads."""
        return False

    def beside(self, *, is_later: bool) -> dict[str, Any]:
        """Return the keys of which none of its members' tasks is told: a change of these alone restarts no member.

        Args:
            is_later: Whether it is a later generation of the store, whose members know what that began from.

        Returns:
            Fields, and of some of them a part, as pydantic excludes them.
        """
        del is_later
        return {}

    def places(self, hosts: Sequence[HostSpec]) -> tuple[HostSpec, ...]:
        """Return which of a stack's hosts may keep its data, the first choice first."""
        found = (host for roles in self.kept_on for host in hosts if all(host.has(role) for role in roles))
        return tuple({host.name: host for host in found}.values())

    def watchers(self, name: str, *, hosts: Sequence[HostSpec]) -> tuple[StoreMember, ...]:
        """Return the tasks of its own image that have no data of it, and know who leads: most kinds have none.

        Args:
            name: The store's name in the platform file.
            hosts: The hosts that keep data.
        """
        del name, hosts
        return ()

    def tasks(self, name: str, *, hosts: Sequence[HostSpec]) -> tuple[StoreMember, ...]:
        """Return the tasks that keep its data: one, on the first of the hosts; a replicated store has more.

        Args:
            name: The store's name in the platform file.
            hosts: The hosts that keep data, at least one.
        """
        return (StoreMember(name=name, host=hosts[0], volume=name, adopted=self.adopts),)


class ServerSpec(StoreSpec):
    """What every kind says whose program is known here: one password opens it, at a port that is the program's."""

    port: ClassVar[int]
    """The port that the program listens on."""

    password: SecretName
    """Name of the secret that holds the password."""

    @property
    @override
    def named_secrets(self) -> tuple[NamedSecret, ...]:
        """The password."""
        return (NamedSecret(path=("password",), name=self.password),)

    @property
    def password_file(self) -> str:
        """Where the task finds the password."""
        return f"{SECRETS_FOLDER}{self.password}"
