"""A Redis or Valkey with several members, of which Sentinels choose a leader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pulumi

from colorway.render import sentinel
from colorway.render.templates import entry
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import RedisSpec, StoreMember, ValkeySpec
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import LimitsSpec
from components.database.authority import CA_PATH, MEMBER, PASSWORD, Authority
from components.database.backups import Backups, Repository
from components.database.member import ALIVE, StoreProgram, entry_service, member_service
from components.database.redis import CAPABILITIES, asked
from components.entry import ENTRY_COMMAND, entry_script, mounted_config
from components.swarm_service import SwarmService
from components.swarm_spec import HOST_NETWORK, MountedFile, NetworkAttachment

CONFIG = "/colorway-member.conf"
ENTRY_CONFIG = "/colorway-haproxy.cfg"
WATCHER_LIMITS = LimitsSpec(cpus=0.5, memory=64 * 2**20)
"""Of a Sentinel, which keeps a few addresses."""
FOLLOWS_WITHIN = timedelta(seconds=210)
"""A member waits up to 180 s for the one that led before a restart of all, and then loads what it has."""
TLS = sentinel.TlsFiles(ca=CA_PATH, own=MEMBER)
_CLIENT = "-h {address} -p {port} --tls --cacert {ca}"


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A server or a Sentinel."""

    member: StoreMember
    program: StoreProgram
    told: str
    begins: MountedFile
    secrets: tuple[MountedFile, ...]


class ReplicatedQueue(pulumi.ComponentResource):
    """Runs a Redis or Valkey with several members, a Sentinel beside each, and before them what finds their leader.

    Members and Sentinels are on the host's own network and on hosts of their own, in services of their own, so that
    each can be lost alone; one is replaced at a time. The Sentinels begin first, for a member asks them whom to follow.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: RedisSpec | ValkeySpec,
        network: pulumi.Input[str],
        password_file: MountedFile,
        authority: Authority,
        repository: Repository | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:ReplicatedQueue", name, None, opts)
        between = authority.password(f"{name}-members", spec).file
        scripts = {
            program: entry_script(logical, entry(program, program=store.kind), stack=spec.stack, parent=self)
            for program, logical in (("sentinel", names.sentinel(name)), ("queue-member", name))
        }
        tasks = [
            *(
                _Task(
                    member=one,
                    program=_watcher(spec, name, one, store=store),
                    told=sentinel.sentinel(spec, name, one, files=TLS),
                    begins=scripts["sentinel"],
                    secrets=(between,),
                )
                for one in spec.watchers(name)
            ),
            *(
                _Task(
                    member=one,
                    program=_server(spec, name, one, store=store),
                    told=sentinel.server(spec, name, one, store=store, files=TLS),
                    begins=scripts["queue-member"],
                    secrets=(between, password_file),
                )
                for one in spec.members(name)
            ),
        ]
        before: list[pulumi.Resource] = []
        for task in tasks:
            logical, host = task.member.name, task.member.host.name
            told = mounted_config(f"{logical}-config", task.told, path=CONFIG, stack=spec.stack, parent=self)
            service = SwarmService(
                logical,
                member_service(spec, store=store, program=task.program, member=task.member),
                networks=[HOST_NETWORK],
                secrets=[*task.secrets, authority.members[host]],
                configs=[task.begins, told, authority.ca],
                opts=pulumi.ResourceOptions(parent=self, depends_on=before, protect=spec.is_guarded or None),
            )
            before = [service]
        if repository is not None:
            Backups(
                f"{name}-backup",
                spec,
                store=store,
                store_name=name,
                repository=repository,
                authority=authority,
                password_file=password_file,
                opts=pulumi.ResourceOptions(parent=self, depends_on=before),
            )
        if store.entry is None:
            raise ValueError("the spec is not one that the checks let through")
        text = sentinel.leader_entry(spec, name, port=store.port, ca=CA_PATH)
        told = mounted_config(f"{name}-entry-config", text, path=ENTRY_CONFIG, stack=spec.stack, parent=self)
        SwarmService(
            name,
            entry_service(
                spec,
                name,
                store.entry,
                entrypoint=("haproxy", "-W", "-db", "-f", ENTRY_CONFIG),
                health=ALIVE.format(port=8404),
            ),
            networks=[NetworkAttachment(id=network, aliases=(name,))],
            configs=[told, authority.first],
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        self.register_outputs({})


def _environment(spec: PlatformSpec, name: str) -> dict[str, str]:
    return {
        "COLORWAY_CA": CA_PATH,
        "COLORWAY_CONFIG": CONFIG,
        "COLORWAY_DATA": sentinel.DATA,
        "COLORWAY_INTERNAL": PASSWORD,
        "COLORWAY_MEMBER": MEMBER,
        # A Sentinel is beside each.
        "COLORWAY_MEMBERS": " ".join(str(one.host.address) for one in spec.members(name)),
        "COLORWAY_STORE": name,
    }


def _watcher(spec: PlatformSpec, name: str, one: StoreMember, *, store: RedisSpec | ValkeySpec) -> StoreProgram:
    port = spec.store_ports(name).other
    client = _CLIENT.format(address=one.host.address, port=port, ca=CA_PATH)
    asks = f"{store.kind}-cli {client} --cert {MEMBER} --key {MEMBER} ping | grep -qx PONG"
    return StoreProgram(
        volume=sentinel.DATA,
        port=port,
        health=HealthSpec(
            command=("CMD-SHELL", asks),
            interval=timedelta(seconds=10),
            start_interval=timedelta(seconds=5),
            timeout=timedelta(seconds=10),
            retries=5,
        ),
        entrypoint=ENTRY_COMMAND,
        env=_environment(spec, name),
        capabilities=CAPABILITIES,
        limits=WATCHER_LIMITS,
    )


def _server(spec: PlatformSpec, name: str, one: StoreMember, *, store: RedisSpec | ValkeySpec) -> StoreProgram:
    ports = spec.store_ports(name)
    client = _CLIENT.format(address=one.host.address, port=ports.main, ca=CA_PATH)
    return StoreProgram(
        volume=sentinel.DATA,
        port=ports.main,
        health=_health(store.kind, client),
        entrypoint=ENTRY_COMMAND,
        env={
            **_environment(spec, name),
            f"{store.kind.upper()}_PASSWORD_FILE": store.password_file,
            "COLORWAY_ADDRESS": str(one.host.address),
            "COLORWAY_PORT": str(ports.main),
            "COLORWAY_SENTINEL_PORT": str(ports.other),
        },
        capabilities=CAPABILITIES,
    )


def _health(kind: str, client: str) -> HealthSpec:
    """Return the health check of a server: it answers, and has had all that its leader has since it began.

    Until then no other member may be replaced, whose end could make one without all of the data the leader. Later it
    does not count, since whoever loses his leader must not be killed for it.
    """
    said = asked(kind, "PING", "INFO replication", at=client)
    joined = """echo "$said" | grep -qE '^(role:master|master_link_status:up)' && : >/tmp/joined"""
    line = f'said=$({said}); echo "$said" | grep -qx PONG && {{ [ -e /tmp/joined ] || {{ {joined}; }}; }}'
    return HealthSpec(
        command=("CMD-SHELL", line),
        interval=timedelta(seconds=10),
        start_interval=timedelta(seconds=5),
        timeout=timedelta(seconds=10),
        retries=5,
        start_period=FOLLOWS_WITHIN,
    )
