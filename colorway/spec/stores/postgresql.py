"""PostgreSQL, for what must not be lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import override

from colorway.spec.base import Mistake, refuse, twice
from colorway.spec.fields import Shape
from colorway.spec.hosts import HostSpec
from colorway.spec.stores.backups import ArchivedBackupSpec
from colorway.spec.stores.base import StoreMember, one_on_each
from colorway.spec.stores.database import POSTGRESQL, DatabaseSpec, ServerFacts
from colorway.spec.stores.logins import LONGEST_USER, OWNER
from colorway.spec.stores.replication import DirectSpec, Durability, HelperSpec, Members, PoolSpec
from colorway.spec.stores.sources import SourceSpec

STRICT_MEMBERS = 3
"""One may be lost, and a commit still finds another one's disk."""

_BY_PATRONI = "Patroni says whom a member follows"
_BY_CERTIFICATE = "members know each other by certificates of colorway's own"
_BY_DURABILITY = "`durability` says what a commit waits for"
TOGETHER: Mapping[str, str] = MappingProxyType(
    {
        "cluster_name": _BY_PATRONI,
        "hot_standby": "a member that follows answers questions, as Patroni's do",
        "password_encryption": "members let nobody in with a password of another kind",
        "primary_conninfo": _BY_PATRONI,
        "primary_slot_name": _BY_PATRONI,
        "ssl": "members let nobody in without it",
        "ssl_ca_file": _BY_CERTIFICATE,
        "ssl_cert_file": _BY_CERTIFICATE,
        "ssl_key_file": _BY_CERTIFICATE,
        "synchronous_commit": _BY_DURABILITY,
        "synchronous_standby_names": _BY_DURABILITY,
        "wal_log_hints": "a member that led and was lost joins again by them",
    }
)
"""Parameters that colorway sets itself where there are several members, each with the reason."""
ARCHIVING = frozenset(
    {"archive_cleanup_command", "archive_command", "archive_library", "archive_mode", "restore_command"}
)
"""Parameters by which another program would archive."""

ExtensionName = Annotated[
    str,
    Field(max_length=63),
    Shape(
        r"[a-z][a-z0-9_-]*",
        "is no name of an extension; write it as CREATE EXTENSION takes it, in small letters, for example vector",
    ),
]
"""Name of an extension of PostgreSQL."""


class PostgresqlSpec(DatabaseSpec):
    """A PostgreSQL: one task and one volume, or several of them that choose a leader.

    Several members stand on hosts of their own and need three managers, where etcd knows which of them leads. Services
    find them behind a pool under the store's name, and without one under `<store>-direct`.
    """

    port: ClassVar[int] = 5432
    facts: ClassVar[ServerFacts] = POSTGRESQL

    kind: Literal["postgresql"]
    """Which program it is."""
    extensions: tuple[ExtensionName, ...] = ()
    """Extensions that the superuser makes in the database at every start; the image must have them."""

    members: Members = 1
    """Servers that have all of the data, each on a host of its own with the role database."""
    durability: Durability = Durability.SYNCHRONOUS
    """What a commit waits for, where there are several members."""
    direct: DirectSpec | None = None
    """What leads to the member that takes writes, where there are several."""
    pool: PoolSpec | None = None
    """What shares few connections of the database among many clients, where there are several members."""
    backup: ArchivedBackupSpec | None = None
    """When it is backed up, and where; none = it is not."""
    source: SourceSpec | None = Field(default=None, alias="from")
    """Data that exists, which it begins from; none = it begins empty."""

    @property
    @override
    def adopts(self) -> str | None:
        return self.source.volume if self.source is not None and not self.is_replicated else None

    @property
    @override
    def is_replicated(self) -> bool:
        return self.members > 1

    @property
    @override
    def needs_etcd(self) -> bool:
        return self.is_replicated

    @override
    def beside(self, *, is_later: bool) -> dict[str, Any]:
        # Each archives by itself, and so knows the repository, and how long it keeps what it has.
        every: dict[str, Any] = {"backup": {"full", "incremental", "limits"}, "password": True, "verify": True}
        if not self.is_replicated:
            return every
        return every | dict.fromkeys(("direct", "durability", "extensions", "members", "parameters", "pool"), True)

    @property
    @override
    def taken(self) -> Mapping[str, str]:
        return {**super().taken, **TOGETHER} if self.is_replicated else super().taken

    @property
    @override
    def helpers(self) -> Mapping[str, HelperSpec]:
        found = {"direct": self.direct, "pool": self.pool}
        return {key: helper for key, helper in found.items() if helper is not None}

    @override
    def tasks(self, name: str, *, hosts: Sequence[HostSpec]) -> tuple[StoreMember, ...]:
        if not self.is_replicated:
            return super().tasks(name, hosts=hosts)
        return one_on_each(name, hosts[: self.members])

    @override
    def _lone_backup_mistakes(self) -> Iterator[Mistake]:
        yield from super()._lone_backup_mistakes()
        if self.parameters.get("wal_level", "").strip().lower() == "minimal":
            cure = "leave it out, or write replica or logical"
            yield ("parameters", "wal_level"), f"is minimal, and no backup could be restored from that; {cure}"

    @model_validator(mode="after")
    def _fits_together(self) -> PostgresqlSpec:
        found: list[Mistake] = list(twice("extensions", self.extensions))
        if len(self.user) > LONGEST_USER:
            cure = f"PostgreSQL would cut {self.user}{OWNER} off, which owns the database"
            found.append((("user",), f"has more than {LONGEST_USER} characters, and {cure}; take a shorter name"))
        if self.is_replicated:
            cure = "and several members stand behind it; name its image, or its folder: {build: %s}"
            found += [
                ((key,), f"is missing, {cure % build}")
                for key, build in (("direct", "haproxy"), ("pool", "pgbouncer"))
                if key not in self.helpers
            ]
        if self.is_replicated and self.durability is Durability.STRICT and self.members < STRICT_MEMBERS:
            message = f"is strict, and with {self.members} members the loss of one would end all writes; have three, or"
            found.append((("durability",), f"{message} write synchronous"))
        if self.source is not None and self.source.repository is not None and not self.is_replicated:
            cure = "have members: 2, or restore it into a volume and name that"
            found.append((("from", "repository"), f"is for stores with several members; {cure}"))
        if self.backup is not None:
            found += [
                (("parameters", name), "is set by colorway itself: pgBackRest archives for `backup`; leave it out")
                for name in sorted(ARCHIVING.intersection(self.parameters))
            ]
        refuse(found)
        return self
