"""Redis and Valkey, for queues and caches."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

from colorway.spec.stores.base import ServerSpec

DATA_SHARE = 0.6
"""Part of a task's memory that data may fill."""
PROGRAM_BYTES = 16 * 2**20
"""What the program takes without any data, rounded up."""


class Use(StrEnum):
    """What a key-value store is for; it decides what becomes of keys that are too many, and of a restart."""

    QUEUE = "queue"
    """What must not be lost: each write is in a log on the volume within a second, a full store refuses writes."""
    CACHE = "cache"
    """What can be made again: nothing is on the disk, a full store throws out what was used longest ago."""


class KeyValueSpec(ServerSpec):
    """One Redis or what became of it: one task, one volume."""

    port: ClassVar[int] = 6379

    use: Use = Use.QUEUE
    """Whether it keeps all that it is given (queue), or may throw out what was used longest ago (cache)."""

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


class RedisSpec(KeyValueSpec):
    """One Redis: one task, one volume."""

    kind: Literal["redis"]
    """Which program it is."""


class ValkeySpec(KeyValueSpec):
    """One Valkey: one task, one volume."""

    kind: Literal["valkey"]
    """Which program it is."""
