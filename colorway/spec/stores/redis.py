"""Redis and Valkey, for queues and caches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import model_validator
from typing_extensions import override

from colorway.spec import names
from colorway.spec.base import Mistake, refuse
from colorway.spec.fields import memory_text
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.stores.backups import BackedUpSpec, beat
from colorway.spec.stores.base import StoreMember, one_on_each
from colorway.spec.stores.replication import EntrySpec, HelperSpec, Members

DATA_SHARE = 0.6
"""Part of a task's memory that data may fill."""
PROGRAM_BYTES = 16 * 2**20
"""What the program takes without any data, rounded up."""
PROOF_SHARE = 0.75
"""Part of a queue's memory that a server needs which only loads its data: these, and a quarter of them for holes."""
SEVERAL = 3
"""Members of a queue that has several: one may be lost, and the leader among the two others is still followed."""


class Use(StrEnum):
    """What a key-value store is for; it decides what becomes of keys that are too many, and of a restart."""

    QUEUE = "queue"
    """What must not be lost: each write is in a log on the volume within a second, a full store refuses writes."""
    CACHE = "cache"
    """What can be made again: nothing is on the disk, a full store throws out what was used longest ago."""


class KeyValueSpec(BackedUpSpec):
    """One Redis or what became of it: one task and one volume, or three of them, of which Sentinels choose a leader.

    Three members are on the hosts with the role database, then on managers, of those first where monitoring is.
    Services find the leader behind the entry, under the store's name, and need to know nothing of Sentinel.
    """

    port: ClassVar[int] = 6379
    proof: ClassVar[str] = "{every: 24h}"
    kept_on: ClassVar[tuple[tuple[Role, ...], ...]] = (
        (Role.DATABASE,),
        (Role.MANAGER, Role.MONITORING),
        (Role.MANAGER,),
    )

    use: Use = Use.QUEUE
    """Whether it keeps all that it is given (queue), or may throw out what was used longest ago (cache)."""
    members: Members = 1
    """Servers that have all of the data, each on a host of its own, with a Sentinel beside it: one or three."""
    entry: EntrySpec | None = None
    """What leads to the member that takes writes, where there are several."""

    @property
    @override
    def is_replicated(self) -> bool:
        return self.members > 1

    @override
    def beside(self, *, is_later: bool) -> dict[str, Any]:
        return dict.fromkeys(("backup", "entry", "verify"), True)

    @property
    @override
    def is_asked_by_name(self) -> bool:
        return not self.is_replicated

    @property
    @override
    def members_needed(self) -> int:
        return SEVERAL - 1

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
    def watchers(self, name: str, *, hosts: Sequence[HostSpec]) -> tuple[StoreMember, ...]:
        return one_on_each(names.sentinel(name), hosts[: self.members]) if self.is_replicated else ()

    @property
    def max_memory(self) -> int:
        """The most that data may take, in bytes; above it the kernel would kill the task.

        A queue's log is rewritten by a copy of the process, which has its own pages of all that is written
        meanwhile, up to all of the data: 60 % of the limit, the rest is for that. A cache is never copied, but what
        is thrown out leaves holes: 60 % of what the program itself leaves. Measured with Valkey 9.1, 50 clients and
        3 kB values: 15 MiB are the program's, the peak was 57 of 67 MB and 179 of 268 MB; at 75 % of 64 MiB the
        kernel killed it. Where values of another size replace all of them within seconds, no share is enough.
        """
        limit = self.limits.memory
        if self.use is Use.QUEUE:
            return int(limit * DATA_SHARE)
        return max(limit // 4, int((limit - PROGRAM_BYTES) * DATA_SHARE))

    @model_validator(mode="after")
    def _fits_together(self) -> KeyValueSpec:
        found: list[Mistake] = []
        if self.members not in {1, SEVERAL}:
            why = "with fewer than three the loss of one would end all writes, and more are of no use"
            found.append((("members",), f"is {self.members}, and {why}; write 1 or {SEVERAL}"))
        elif self.is_replicated and self.use is Use.CACHE:
            message = "is more than a cache can use, which may be lost at any time; have 1, or write use: queue"
            found.append((("members",), message))
        elif self.is_replicated and self.entry is None:
            cure = "is missing, and several members stand behind it; name its image, or its folder: {build: haproxy}"
            found.append((("entry",), cure))
        refuse([*found, *self._backup_mistakes()])
        return self

    @override
    def _backup_mistakes(self) -> Iterator[Mistake]:
        if self.use is Use.CACHE and self.backup is not None:
            message = "is set, and what a cache has can be made again; leave it out, or write use: queue"
            yield ("backup",), message
            return
        yield from super()._backup_mistakes()
        if self.backup is None or self.verify is None:
            return
        between = beat(self.backup.full).period
        if self.verify.age.total_seconds() <= between:
            cure = f"write more than {between // 3600}h, for the next one takes some time"
            yield ("verify", "age"), f"is no more than the time between two backups, which are proven by it; {cure}"
        needed = math.ceil(self.limits.memory * PROOF_SHARE / 2**20) * 2**20
        if self.verify.limits.memory < needed:
            why = f"is less than a server needs that loads all of the data; write at least {memory_text(needed)}"
            yield ("verify", "limits", "memory"), why


class RedisSpec(KeyValueSpec):
    """One Redis: one task and one volume, or three members."""

    kind: Literal["redis"]
    """Which program it is."""


class ValkeySpec(KeyValueSpec):
    """One Valkey: one task and one volume, or three members."""

    kind: Literal["valkey"]
    """Which program it is."""
