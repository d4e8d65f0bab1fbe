"""Redis and Valkey, for queues and caches."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

from colorway.spec.stores.base import ServerSpec


class Use(StrEnum):
    """What a key-value store is for; it decides what becomes of keys that are too many, and of a restart."""

    QUEUE = "queue"
    """What must not be lost: each write is in a log on the volume within a second, a full store refuses writes."""
    CACHE = "cache"
    """What can be made again: nothing is on the disk, a full store throws out what was used longest ago."""

    @property
    def memory_share(self) -> float:
        """Part of the task's memory that data may fill.

        A queue's log is rewritten by a copy of the process, which has its own pages of all that is written
        meanwhile, up to all of the data; two fifths are kept for that, for buffers and for fragments. A cache is
        never copied; a quarter is kept, as ElastiCache does for the same (`reserved-memory-percent`: 25).
        """
        return 0.6 if self is Use.QUEUE else 0.75


class KeyValueSpec(ServerSpec):
    """One Redis or what became of it: one task, one volume."""

    port: ClassVar[int] = 6379

    use: Use = Use.QUEUE
    """Whether it keeps all that it is given (queue), or may throw out what was used longest ago (cache)."""

    @property
    def max_memory(self) -> int:
        """The most that data may take, in bytes; above it the kernel would kill the task."""
        return int(self.limits.memory * self.use.memory_share)


class RedisSpec(KeyValueSpec):
    """One Redis: one task, one volume."""

    kind: Literal["redis"]
    """Which program it is."""


class ValkeySpec(KeyValueSpec):
    """One Valkey: one task, one volume."""

    kind: Literal["valkey"]
    """Which program it is."""
