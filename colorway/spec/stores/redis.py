"""Redis, for queues and caches."""

from __future__ import annotations

from typing import ClassVar, Literal

from colorway.spec.stores.base import ServerSpec


class RedisSpec(ServerSpec):
    """One Redis: one task, one volume, append-only."""

    port: ClassVar[int] = 6379
    kind: Literal["redis"]
    """Which program it is."""
