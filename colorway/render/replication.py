"""What the programs of a data store with several members are told, as text: Patroni, HAProxy, PgBouncer."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from colorway.render.templates import fill_in
from colorway.spec import names
from colorway.spec.hosts import Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import PostgresqlSpec, StoreMember
from colorway.spec.stores.generations import is_time
from colorway.spec.stores.replication import Durability, PoolSpec, etcd_ports
from colorway.spec.stores.sources import SourceSpec
from colorway.spec.task.mounts import SECRETS_FOLDER

CA_PATH = "/colorway-ca.pem"
"""Where a member finds the certificate of the stack's own authority."""
MEMBER_FILE = "colorway-member.pem"
"""A member's certificate and its private key, below /run/secrets."""
POINT = "/colorway-point.sh"
"""Where a member has what begins a later generation."""
CONFIG = "/colorway-patroni.yml"
"""Where a member has its Patroni's file."""
DATA = "/var/lib/postgresql/data"
"""Where a member finds its volume."""
PGDATA = f"{DATA}/pgdata"
"""The cluster, on the volume."""
SOCKETS = "/tmp/postgresql"  # noqa: S108 - a container's own
"""Where a member's superuser comes in."""
TLS = "/dev/shm/colorway"  # noqa: S108 - memory of a container's own
"""Where a member's certificate and private key are; the key is its user's own, as PostgreSQL wants it."""
FROM = "/colorway-from"
"""Where the first member finds a volume of somebody else's, which it begins from."""
FROM_SCRIPT = "/colorway-from.sh"
"""Where it finds `templates/stores/postgresql-from.sh`."""
FROM_FILE = "colorway-from.conf"
"""What opens a repository of somebody else's, below /run/secrets."""
FROM_CONFIG = f"{SECRETS_FOLDER}{FROM_FILE}"
PUSH = "pgbackrest archive-push %p"
"""How a member archives. It waits for the repository: what is not there yet stays on the volume, however long."""
GET = 'pgbackrest archive-get %f "%p"'
"""How a member gets what is archived."""
MEMBER = "member"
"""The name in every member's certificate: whoever has one is a member, which PostgreSQL's pg_ident is told."""
_BASE: dict[str, Any] = {
    # The leader's key lives for 20 s: its loss is seen within that, and one missed round of 5 s is none.
    "ttl": 20,
    "loop_wait": 5,
    "retry_timeout": 5,
    "maximum_lag_on_failover": 2**20,
    "check_timeline": True,
    # While etcd is gone and all members see each other, who leads goes on.
    "failsafe_mode": True,
    "primary_start_timeout": 30,
}
_PARAMETERS: dict[str, Any] = {
    "max_connections": 200,
    "wal_log_hints": "on",
    # A member that died without a word holds commits up no longer.
    "wal_sender_timeout": "5s",
    "wal_receiver_timeout": "5s",
    "tcp_user_timeout": "5s",
    # Whoever died while it waited for a lock waits on, and all that ask for the same table wait behind it.
    "client_connection_check_interval": "5s",
    # What a member that is gone for long needs must not fill the disk: it begins from a copy then.
    "max_slot_wal_keep_size": "4GB",
    # Whether it archives is asked at a start only; what it does then may change any time.
    "archive_mode": "on",
    "archive_command": "true",
    "password_encryption": "scram-sha-256",
    "ssl": "on",
    "ssl_ca_file": f"{TLS}/ca.crt",
    "ssl_cert_file": f"{TLS}/member.crt",
    "ssl_key_file": f"{TLS}/member.key",
}
INTERNAL = ("postgres", "replicator", "rewinder")
"""Roles that members come in as, by their certificates; they have no passwords."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """How a store's first cluster begins from data that exists; see `templates/stores/postgresql-from.sh`."""

    script: str
    arguments: str
    """Of that script, as a shell reads them."""
    time: str | None = None
    """The last time that counts; none = the newest."""
    restore_command: str | None = None
    """How changes after the backup are read; none = there is no backup."""


def first_settings() -> dict[str, Any]:
    """Return what a cluster begins with, before anybody tells it more: enough for its members to find each other."""
    return {
        **_BASE,
        "synchronous_mode": True,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": _PARAMETERS,
            "pg_hba": [
                "local all all peer",
                "hostssl replication replicator all cert map=members",
                "hostssl all postgres,rewinder all cert map=members",
                "hostssl all all all scram-sha-256",
            ],
            "pg_ident": [f"members {MEMBER} {role}" for role in INTERNAL],
        },
    }


def settings(store: PostgresqlSpec) -> str:
    """Return the settings that all members of a store have, as JSON for `patronictl edit-config`.

    They are told through etcd and not by a file of each member, which would have to restart for it. Sources of the
    times: https://patroni.readthedocs.io/en/latest/dynamic_configuration.html and the trial in `research/data-tier.md`.
    """
    found = first_settings()
    found["synchronous_mode"] = store.durability is not Durability.ASYNCHRONOUS
    found["synchronous_mode_strict"] = store.durability is Durability.STRICT
    found["postgresql"]["parameters"] = _PARAMETERS | store.parameters
    if store.backup is not None:
        found["postgresql"]["parameters"] |= archiving(store)
        found["postgresql"]["recovery_conf"] = {"restore_command": GET}
    return json.dumps(found, sort_keys=True)


def archiving(store: PostgresqlSpec) -> dict[str, str]:
    """Return the settings of a store that is backed up, by which its server archives each change within a minute."""
    return {"archive_timeout": "60s"} | store.parameters | {"archive_command": PUSH}


def beginning(source: SourceSpec) -> Beginning:
    """Return how a store's first cluster begins from what it names."""
    if source.repository is None:
        return Beginning(script=FROM_SCRIPT, arguments="volume")
    words = ["repository", str(source.stanza), *([source.time] if source.time else [])]
    reads = f"pgbackrest --config={FROM_CONFIG} --stanza={source.stanza}"
    return Beginning(
        script=FROM_SCRIPT,
        arguments=shlex.join(words),
        time=source.time,
        restore_command=f'{reads} archive-get %f "%p"',
    )


def patroni(spec: PlatformSpec, name: str, member: StoreMember) -> str:
    """Return the file of a member's Patroni; a later generation of a store begins from a point of an earlier one.

    The first one begins from what the store says, or empty. Where that is data which exists, the first member alone may
    begin: another one would make an empty cluster while it fails.
    """
    begins, store = spec.kept(name).begins_from, spec.replicated_databases[name]
    source = beginning(store.source) if store.source and begins is None else None
    ports, etcd = spec.store_ports(name), etcd_ports(spec.settings.network.host_ports)
    return fill_in(
        "stores/patroni.yml.j2",
        store=name,
        scope=spec.generation(name),
        member=member.host.name,
        address=member.host.address,
        port=ports.main,
        rest_port=ports.other,
        etcd=[f"{host.address}:{etcd.main}" for host in spec.hosts(Role.MANAGER)],
        settings=json.dumps(first_settings(), sort_keys=True),
        data=PGDATA,
        sockets=SOCKETS,
        tls=TLS,
        point=begins,
        earlier=names.generation(name, begins.generation) if begins else None,
        target="time" if begins and is_time(begins.to) else "name",
        script=POINT,
        source=source,
        is_first=source is None or member == spec.members(name)[0],
    )


def direct(spec: PlatformSpec, name: str, *, ca: str) -> str:
    """Return the file of the HAProxy before a store's members.

    Args:
        spec: The stack.
        name: The store.
        ca: Where it finds the authority's certificate.
    """
    ports = spec.store_ports(name)
    members = [
        {"name": one.host.name, "address": one.host.address, "port": ports.main, "rest_port": ports.other}
        for one in spec.members(name)
    ]
    return fill_in("stores/postgresql-direct.cfg.j2", members=members, scope=spec.generation(name), ca=ca)


def primary_entry(spec: PlatformSpec, name: str, *, port: int) -> str:
    """Return the file of the HAProxy before a store's members; it listens on `port`.

    Args:
        spec: The stack, whose file says which member is the primary.
        name: The store's name.
        port: Where services find it.
    """
    primary, main = spec.primaries[name], spec.store_ports(name).main
    members = [
        {"name": one.host.name, "address": one.host.address, "port": main, "leads": one.host.name == primary}
        for one in spec.members(name)
    ]
    generation = spec.generation(name) if spec.kept(name).is_later else None
    return fill_in("stores/mariadb-entry.cfg.j2", members=members, port=port, generation=generation)


def pool(name: str, wanted: PoolSpec, *, ca: str) -> str:
    """Return the file of the PgBouncer before a store; `ca` is where it finds the authority's certificate."""
    return fill_in(
        "stores/pgbouncer.ini.j2",
        direct=names.direct(name),
        mode=wanted.mode.value,
        size=wanted.size,
        clients=wanted.clients,
        ca=ca,
    )
