"""A PostgreSQL with several members, which choose a leader by Patroni."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import pulumi

from colorway.render import replication
from colorway.render.templates import entry, store_script
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import PostgresqlSpec, StoreMember
from colorway.spec.task.health import HealthSpec
from components.database.authority import CA_PATH, MEMBER, PASSWORD, Authority
from components.database.backups import Backups, Repository
from components.database.logins import open_login
from components.database.member import ALIVE, StoreProgram, entry_service, member_service
from components.database.postgresql import CAPABILITIES
from components.database.sources import Source
from components.entry import ENTRY_COMMAND, entry_script, mounted_config
from components.swarm_service import SwarmService
from components.swarm_spec import HOST_NETWORK, NetworkAttachment

DIRECT_CONFIG = "/colorway-haproxy.cfg"
POOL_CONFIG = "/colorway-pgbouncer.ini"
PORT = 5432
POOLS_USER = "colorway_pool"
"""Who the pool is to the database when it asks for the logins: nobody else, and nothing else."""

MakeWay = Callable[[str, str], Sequence[str]]
"""Lets the member of a store on a host be replaced, and returns what it did for that in words; blocks meanwhile."""


class ReplicatedDatabase(pulumi.ComponentResource):
    """Runs a PostgreSQL with several members, and before them what finds their leader, and a pool.

    Members are on the host's own network and on hosts of their own; one is replaced at a time, once the others have
    all, and whoever leads gives the lead away before. Settings, the database and its user come through a member once
    one of them leads, so that none restarts for a password. What stands before the members is on web hosts, two of
    each.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: PostgresqlSpec,
        network: pulumi.Input[str],
        password: pulumi.Input[str],
        authority: Authority,
        repository: Repository | None,
        make_way: MakeWay,
        source: Source | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:ReplicatedDatabase", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        begins = entry_script(name, entry("patroni"), stack=spec.stack, parent=self)
        point = []
        if spec.kept(name).begins_from is not None:
            text = store_script("postgresql-point")
            point = [mounted_config(f"{name}-point", text, path=replication.POINT, stack=spec.stack, parent=self)]
        before: list[pulumi.Resource] = []
        for number, member in enumerate(spec.members(name)):
            from_there = source if number == 0 and not point else None
            own = mounted_config(
                f"{member.name}-patroni",
                replication.patroni(spec, name, member),
                path=replication.CONFIG,
                stack=spec.stack,
                parent=self,
            )
            service = SwarmService(
                member.name,
                member_service(
                    spec,
                    store=store,
                    program=_program(
                        spec,
                        name,
                        address=str(member.host.address),
                        env={**(repository.env if repository else {}), **(from_there.env if from_there else {})},
                    ),
                    member=member,
                    more=from_there.mounts if from_there else (),
                ),
                networks=[HOST_NETWORK],
                secrets=[
                    authority.members[member.host.name],
                    *(repository.files if repository else ()),
                    *(from_there.files if from_there else ()),
                ],
                configs=[
                    begins,
                    own,
                    *point,
                    authority.ca,
                    *(repository.configs if repository else ()),
                    *(from_there.configs if from_there else ()),
                ],
                before_update=_makes_way(name, member, make_way=make_way),
                opts=pulumi.ResourceOptions(parent=self, depends_on=before, protect=spec.is_guarded or None),
            )
            before = [service]
        kept = authority.password(f"{name}-pool", spec)
        after = pulumi.ResourceOptions(parent=self, depends_on=before)
        settled = open_login(f"{name}-settings", spec, name, password=password, pool=kept, opts=after)
        if repository is not None:
            Backups(
                f"{name}-backup",
                spec,
                store=store,
                store_name=name,
                repository=repository,
                authority=authority,
                opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[settled])),
            )
        if store.direct is None or store.pool is None:
            raise ValueError("the spec is not one that the checks let through")
        text = replication.direct(spec, name, ca=CA_PATH)
        told = mounted_config(f"{name}-direct-config", text, path=DIRECT_CONFIG, stack=spec.stack, parent=self)
        direct = SwarmService(
            names.direct(name),
            entry_service(
                spec,
                names.direct(name),
                store.direct,
                entrypoint=("haproxy", "-W", "-db", "-f", DIRECT_CONFIG),
                health=ALIVE.format(port=8404),
            ),
            networks=[NetworkAttachment(id=network, aliases=(names.direct(name),))],
            configs=[told, authority.first],
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[settled])),
        )
        told = mounted_config(
            f"{name}-pool-config",
            replication.pool(name, store.pool, ca=CA_PATH),
            path=POOL_CONFIG,
            stack=spec.stack,
            parent=self,
        )
        entered = entry_script(f"{name}-pool", entry("pgbouncer"), stack=spec.stack, parent=self)
        SwarmService(
            name,
            entry_service(
                spec,
                name,
                store.pool,
                entrypoint=(*ENTRY_COMMAND, POOL_CONFIG),
                health=ALIVE.format(port=PORT),
                env={"POSTGRES_USER": POOLS_USER, "POSTGRES_PASSWORD_FILE": PASSWORD},
                # Those that it serves end their transaction first.
                stop_signal="SIGINT",
            ),
            networks=[NetworkAttachment(id=network, aliases=(name,))],
            secrets=[kept.file],
            configs=[entered, told, authority.first],
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[direct])),
        )
        self.register_outputs({})


def _makes_way(store: str, member: StoreMember, *, make_way: MakeWay) -> pulumi.ResourceHook:
    """Return what the engine does before it replaces a member: nothing in a preview, nor while all stays as it is."""

    async def before(_: pulumi.ResourceHookArgs) -> None:
        for line in await asyncio.to_thread(make_way, store, member.host.name):
            pulumi.log.info(line)

    return pulumi.ResourceHook(f"{member.name}-makes-way", before)


def _program(spec: PlatformSpec, name: str, *, address: str, env: Mapping[str, str]) -> StoreProgram:
    ports = spec.store_ports(name)
    asks = (
        r"printf 'GET /liveness HTTP/1.0\r\n\r\n' | timeout 8 openssl s_client -quiet -verify_quiet "
        f"-connect {address}:{ports.other} 2>/dev/null | head -n 1 | grep -q ' 200 '"
    )
    return StoreProgram(
        volume=replication.DATA,
        port=ports.main,
        # That Patroni goes on, not that it leads or follows: one that hangs must not keep a server that takes writes.
        health=HealthSpec(
            command=("CMD-SHELL", asks),
            interval=timedelta(seconds=10),
            start_interval=timedelta(seconds=5),
            timeout=timedelta(seconds=10),
            retries=3,
            start_period=timedelta(minutes=2),
        ),
        entrypoint=ENTRY_COMMAND,
        env={
            "PGDATA": replication.PGDATA,
            "COLORWAY_CA": CA_PATH,
            "COLORWAY_MEMBER": MEMBER,
            "COLORWAY_PATRONI": replication.CONFIG,
            "COLORWAY_SOCKETS": replication.SOCKETS,
            "COLORWAY_TLS": replication.TLS,
            **env,
        },
        capabilities=CAPABILITIES,
        read_only=False,
    )
