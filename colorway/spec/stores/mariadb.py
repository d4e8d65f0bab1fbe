"""MariaDB, for what must not be lost and speaks MySQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import override

from colorway.spec.base import Mistake, refuse
from colorway.spec.hosts import HostSpec
from colorway.spec.stores.base import StoreMember, one_on_each
from colorway.spec.stores.database import MARIADB, DatabaseSpec, ServerFacts
from colorway.spec.stores.replication import EntrySpec, HelperSpec, Members
from colorway.spec.stores.sources import VolumeSource

MOST_MEMBERS = 2
"""A primary, and the replica that a commit waits for."""
TAKEN: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("ssl_ca", "ssl_cert", "ssl_key"), "members know each other by the stack's certificates"),
        **dict.fromkeys(
            ("gtid_strict_mode", "log_bin", "log_slave_updates", "server_id"), "the replica follows the primary by it"
        ),
        **dict.fromkeys(("binlog_format", "sync_binlog"), "the replica has what the primary has by it"),
        "init_rpl_role": "the entry script knows whether a member is the primary",
        "innodb_flush_log_at_trx_commit": "what was acknowledged must be on both disks",
        "read_only": "only the primary takes writes",
        **dict.fromkeys(
            (
                "rpl_semi_sync_master_enabled",
                "rpl_semi_sync_master_timeout",
                "rpl_semi_sync_master_wait_point",
                "rpl_semi_sync_slave_enabled",
            ),
            "a commit waits for the replica by it",
        ),
    }
)
"""Parameters that colorway sets itself where there are two members, each with the reason."""
LOGGED = (
    "binlog_format",
    "gtid_strict_mode",
    "innodb_flush_log_at_trx_commit",
    "log_bin",
    "server_id",
    "sync_binlog",
)
"""Those of them that it sets for one member, too, where that is backed up: its binary logs are archived."""
KEPT_OUT = ("binlog_do_db", "binlog_ignore_db", "encrypt_binlog")
"""Parameters by which what is archived could not be read, or would not be all."""


class Promoted(StrEnum):
    """Who makes the replica the primary."""

    BY_HAND = "by-hand"
    """An operator, by `colorway data promote`."""


class MariadbSpec(DatabaseSpec):
    """A MariaDB: one task and one volume, or a primary and a replica on two hosts with the role database.

    The primary is who the stack file names, and moves by `colorway data promote` only: no program decides it. Services
    find it behind the entry, under the store's name.
    """

    port: ClassVar[int] = 3306
    facts: ClassVar[ServerFacts] = MARIADB

    kind: Literal["mariadb"]
    """Which program it is."""
    members: Members = 1
    """Servers that have all of the data, each on a host of its own with the role database: one or two."""
    promotion: Promoted | None = None
    """Who makes the replica the primary, where there are two members."""
    entry: EntrySpec | None = None
    """What leads to the primary, where there are two members."""
    source: VolumeSource | None = Field(default=None, alias="from")
    """Data that exists, which its one member is served from; none = it begins empty."""

    @property
    @override
    def adopts(self) -> str | None:
        return self.source.volume if self.source is not None else None

    @property
    @override
    def is_replicated(self) -> bool:
        return self.members > 1

    @override
    def beside(self, *, is_later: bool) -> dict[str, Any]:
        if not self.is_replicated:
            # Whether it is backed up: then it has binary logs.
            return {"backup": {"full", "keep", "limits", "repository"}, "verify": True}
        backup = {"full", "keep", "limits"} if is_later else True
        return {"backup": backup, **dict.fromkeys(("entry", "password", "promotion", "verify"), True)}

    @property
    @override
    def helpers(self) -> Mapping[str, HelperSpec]:
        return {} if self.entry is None else {"entry": self.entry}

    @override
    def tasks(self, name: str, *, hosts: Sequence[HostSpec]) -> tuple[StoreMember, ...]:
        if not self.is_replicated:
            return super().tasks(name, hosts=hosts)
        return one_on_each(name, hosts[: self.members])

    @override
    def _backup_mistakes(self) -> Iterator[Mistake]:
        yield from super()._backup_mistakes()
        if self.backup is None:
            return
        for name in sorted(self.parameters.keys() & set(KEPT_OUT)):
            message = "is set, and what is archived for the backups must be all, and readable; leave it out"
            yield ("parameters", name), message

    @override
    def _lone_backup_mistakes(self) -> Iterator[Mistake]:
        yield from super()._lone_backup_mistakes()
        for name in sorted(self.parameters.keys() & set(LOGGED)):
            message = "is set by colorway itself: what comes after a backup is archived by it; leave it out"
            yield ("parameters", name), message

    @model_validator(mode="after")
    def _fits_together(self) -> MariadbSpec:
        found: list[Mistake] = []
        if self.members > MOST_MEMBERS:
            message = f"is {self.members}, and a commit waits for one replica; write 1 or {MOST_MEMBERS}"
            found.append((("members",), message))
        if self.is_replicated:
            if self.source is not None:
                message = "is for a MariaDB with one member; leave it out, and bring a dump with `colorway data load`"
                found.append((("from",), message))
            if self.promotion is None:
                message = "is missing, and no program makes the replica the primary; write promotion: by-hand"
                found.append((("promotion",), message))
            if self.entry is None:
                cure = "and two members stand behind it; name its image, or its folder: {build: haproxy}"
                found.append((("entry",), f"is missing, {cure}"))
            found += [
                (("parameters", name), f"is set by colorway itself: {TAKEN[name]}; leave it out")
                for name in self.parameters
                if name in TAKEN
            ]
        refuse(found)
        return self
