"""The stateful services that both colors share: one module a kind.

A new kind is a class here, a component in `components/database/`, and a line in `STORES` there.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from colorway.spec.stores.backups import BackedUpSpec, RepositorySpec
from colorway.spec.stores.base import StoreMember, StoreSpec
from colorway.spec.stores.custom import CustomSpec
from colorway.spec.stores.database import DatabaseSpec
from colorway.spec.stores.mariadb import MariadbSpec
from colorway.spec.stores.postgresql import PostgresqlSpec
from colorway.spec.stores.redis import RedisSpec, ValkeySpec
from colorway.spec.stores.replication import EtcdSpec

__all__ = [
    "BackedUpSpec",
    "CustomSpec",
    "DataStoreSpec",
    "DatabaseSpec",
    "EtcdSpec",
    "MariadbSpec",
    "PostgresqlSpec",
    "RedisSpec",
    "RepositorySpec",
    "StoreMember",
    "StoreSpec",
    "ValkeySpec",
]

DataStoreSpec = Annotated[
    PostgresqlSpec | MariadbSpec | RedisSpec | ValkeySpec | CustomSpec, Field(discriminator="kind")
]
"""One data store; `kind` says which keys it has."""
