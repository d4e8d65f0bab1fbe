"""Redis, for queues and caches."""

from __future__ import annotations

from typing import ClassVar, Literal

from colorway.spec.stores.base import StoreSpec


class RedisSpec(StoreSpec):
    """One Redis: one task, one volume, append-only."""

    port: ClassVar[int] = 6379
    kind: Literal["redis"]
    """Which program it is."""
