"""The stateful services that both colors share: one component a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pulumi

from components.database.custom import CustomStore
from components.database.mariadb import Mariadb
from components.database.postgresql import Database
from components.database.redis import Cache

STORES: Mapping[str, Callable[..., pulumi.ComponentResource]] = {
    "postgresql": Database,
    "mariadb": Mariadb,
    "redis": Cache,
    "valkey": Cache,
    "custom": CustomStore,
}
"""The component of each kind of data store."""
