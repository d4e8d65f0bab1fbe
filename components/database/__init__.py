"""The stateful services that both colors share: one component a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pulumi

from colorway.spec.networks import store_network
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import MariadbSpec, PostgresqlSpec, RedisSpec, ValkeySpec
from components.database.backups import Backups, Repository
from components.database.custom import CustomStore
from components.database.logins import FormerLogins
from components.database.mariadb import Mariadb
from components.database.patroni import MakeWay, ReplicatedDatabase
from components.database.postgresql import Database
from components.database.promotion import ReplicatedMariadb
from components.database.redis import Cache
from components.database.replication import Replication
from components.database.sentinel import ReplicatedQueue
from components.database.sources import Source
from components.secrets import Secrets

__all__ = ["FormerLogins", "Replication", "data_store"]

STORES: Mapping[str, Callable[..., pulumi.ComponentResource]] = {
    "mariadb": Mariadb,
    "redis": Cache,
    "valkey": Cache,
    "custom": CustomStore,
}
"""The component of each kind of data store."""


def data_store(
    name: str,
    spec: PlatformSpec,
    *,
    networks: Mapping[str, pulumi.Input[str]],
    secrets: Secrets,
    replication: Replication | None,
    make_way: MakeWay,
    opts: pulumi.ResourceOptions | None = None,
) -> pulumi.ComponentResource:
    """Create a data store of the platform: one task of its kind, or the members of one that has several.

    `make_way` is called before one of several members of a PostgreSQL is replaced.
    """
    store, network = spec.platform.data_stores[name], networks[store_network(name)]
    repository = (
        Repository(f"{name}-repository", spec, store=name, texts=secrets.texts, opts=opts)
        if name in spec.backed_up
        else None
    )
    if replication is not None and store.is_replicated:
        then = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[replication]))
        if isinstance(store, PostgresqlSpec):
            source = (
                Source(f"{name}-source", spec, source=store.source, store=name, texts=secrets.texts, opts=opts)
                if store.source
                else None
            )
            return ReplicatedDatabase(
                name,
                spec,
                store=store,
                network=network,
                password=secrets.texts[store.password],
                authority=replication.authority,
                repository=repository,
                source=source,
                make_way=make_way,
                opts=then,
            )
        if isinstance(store, MariadbSpec):
            return ReplicatedMariadb(
                name,
                spec,
                store=store,
                network=network,
                password=secrets.texts[store.password],
                authority=replication.authority,
                repository=repository,
                opts=then,
            )
        if isinstance(store, RedisSpec | ValkeySpec):
            return ReplicatedQueue(
                name,
                spec,
                store=store,
                network=network,
                password_file=secrets.files[store.password],
                authority=replication.authority,
                repository=repository,
                opts=then,
            )
    made: pulumi.ComponentResource
    if isinstance(store, PostgresqlSpec):
        made = Database(
            name,
            spec,
            store=store,
            network=network,
            password=secrets.texts[store.password],
            repository=repository,
            opts=opts,
        )
    else:
        made = STORES[store.kind](name, spec, store=store, network=network, secrets=secrets.files, opts=opts)
    if repository is not None and isinstance(store, PostgresqlSpec | MariadbSpec | RedisSpec | ValkeySpec):
        is_queue = isinstance(store, RedisSpec | ValkeySpec)
        beside = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[made]))
        Backups(
            f"{name}-backup",
            spec,
            store=store,
            store_name=name,
            repository=repository,
            authority=None,
            password_file=secrets.files[store.password] if is_queue else None,
            network=network if is_queue else None,
            opts=beside,
        )
    return made
