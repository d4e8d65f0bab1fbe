"""The backups of a database: who makes them, and who proves them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import pulumi
import pulumi_docker as docker

from colorway.render import backups, replication
from colorway.render.backups import Opener
from colorway.render.templates import entry
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.names import STACK_LABEL
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import BackedUpSpec, MariadbSpec, PostgresqlSpec, RedisSpec, StoreMember, ValkeySpec
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import LimitsSpec, Order
from components.database.authority import CA_PATH, MEMBER, Authority
from components.database.mariadb import CAPABILITIES, DATA, member_environment
from components.entry import ENTRY_COMMAND, entry_script, mounted_config
from components.swarm_service import SwarmService
from components.swarm_spec import HOST_NETWORK, Mount, MountedFile, NetworkAttachment, SwarmServiceSpec

SUPERUSER = {"PGUSER": "postgres", "PGDATABASE": "postgres", "PGCONNECT_TIMEOUT": "5"}
"""As whom a PostgreSQL is asked."""
BESIDE_ONE_POSTGRESQL = {"PGHOST": f"{replication.DATA}/sockets", "PGPORT": str(PostgresqlSpec.port), **SUPERUSER}
"""By which words who backs up a PostgreSQL with one member finds it."""
BESIDE_ONE_MARIADB = {"MARIADB_DATA": f"{DATA}/data", "COLORWAY_SOCKET": f"{DATA}/sockets/mariadb.sock"}
"""The same of a MariaDB."""
ALIVE = HealthSpec(command=("CMD", "true"), interval=timedelta(seconds=30), start_interval=timedelta(seconds=5))
"""Its lines say how it goes; a task that was replaced for a repository that is away would help nobody."""


class Repository(pulumi.ComponentResource):
    """Tells a store's tasks where its backups are and what opens them, by Swarm secrets of its own."""

    files: Sequence[MountedFile]
    """What opens them, as secrets of a task."""
    configs: Sequence[MountedFile]
    """The certificate of a private server's authority, where it has one."""
    env: dict[str, str]
    """By which words programs find all that."""

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: str,
        texts: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Repository", name, None, opts)
        place = backups.repository(spec, store)
        words = {"key": texts[place.key], "secret": texts[place.secret], "passphrase": texts[place.passphrase or ""]}
        told = pulumi.Output.all(**words)
        self.files = [
            self._secret(f"{name}-{what}", spec, store=store, opener=one, told=told)
            for what, one in backups.openers(spec, store).items()
        ]
        self.configs = []
        if place.ca is not None:
            text = spec.config_files[place.ca]
            self.configs = [
                mounted_config(f"{name}-certificate", text, path=backups.CA_PATH, stack=spec.stack, parent=self)
            ]
        is_postgresql = isinstance(spec.backed_up[store], PostgresqlSpec)
        self.env = (
            backups.environment(spec.generation(store)) if is_postgresql else backups.restic_environment(spec, store)
        )
        self.register_outputs({})

    def _secret(
        self, name: str, spec: PlatformSpec, *, store: str, opener: Opener, told: pulumi.Output[dict[str, str]]
    ) -> MountedFile:
        secret = docker.Secret(
            name,
            data=told.apply(lambda words: _encoded(spec, store, opener, words)),
            labels=[docker.SecretLabelArgs(label=STACK_LABEL, value=spec.stack)],
            opts=pulumi.ResourceOptions(parent=self),
        )
        return MountedFile(id=secret.id, name=secret.name, path=opener.path)


class Backups(pulumi.ComponentResource):
    """Backs a store up from the host of one of its members, and proves the backups on the monitoring host.

    A task on each of their hosts sees the data there, which it cannot change, and asks the member beside it what that
    is: by its certificate, or, where it is the only one and has none, through its socket on the volume. A queue hands
    its data out itself, to who knows its password, so its task sees no volume; it asks the only member by the store's
    name. The proof restores into a volume of its own; it needs no member.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: PostgresqlSpec | MariadbSpec | RedisSpec | ValkeySpec,
        store_name: str,
        repository: Repository,
        authority: Authority | None,
        password_file: MountedFile | None = None,
        network: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Backups", name, None, opts)
        if store.backup is None or store.verify is None:
            raise ValueError("the spec is not one that the checks let through")
        own = pulumi.ResourceOptions(parent=self)
        begins = entry_script(name, _script(store, "backup"), stack=spec.stack, parent=self)
        for member in spec.members(store_name):
            SwarmService(
                logical := names.backup(store_name, member.host.name),
                _service(
                    spec,
                    logical,
                    store,
                    host=member.host,
                    command=backups.backup_arguments(store.backup),
                    env=repository.env | _beside(spec, store_name, member),
                    limits=store.backup.limits,
                    mounts=_data(spec, store, member),
                ),
                networks=[HOST_NETWORK if network is None else NetworkAttachment(id=network)],
                secrets=[*repository.files, *_shown(member, authority=authority, password_file=password_file)],
                configs=[begins, *([authority.ca] if authority else []), *repository.configs],
                opts=own,
            )
        proves = entry_script(
            logical := names.verify(store_name), _script(store, "verify"), stack=spec.stack, parent=self
        )
        SwarmService(
            logical,
            _service(
                spec,
                logical,
                store,
                host=spec.monitoring_host,
                command=backups.verify_arguments(store, store.verify),
                env=repository.env | {"COLORWAY_SCRATCH": backups.SCRATCH},
                limits=store.verify.limits,
                mounts=(Mount(target=backups.SCRATCH, source=names.volume(spec.stack, logical)),),
            ),
            networks=[HOST_NETWORK],
            secrets=repository.files,
            configs=[proves, *repository.configs],
            opts=own,
        )
        self.register_outputs({})


def _encoded(spec: PlatformSpec, store: str, opener: Opener, words: Mapping[str, str]) -> str:
    wanted = spec.backed_up[store].backup
    if wanted is None:
        raise ValueError("the spec is not one that the checks let through")
    return encoded(lambda: opener.text(words), spec.stack, wanted.repository)


def encoded(text: Callable[[], str], stack: str, repository: str) -> str:
    """Return the file that opens a repository, as Swarm takes a secret.

    Raises:
        pulumi.RunError: one of the repository's secrets is not one that the file can say.
    """
    try:
        told = text()
    except ValueError as error:
        where = f"Pulumi.{stack}.yaml: a secret of the repository {repository}"
        raise pulumi.RunError(f"{where}: {error}; set it again with pulumi config set --secret") from None
    return base64.b64encode(told.encode()).decode()


def _script(store: PostgresqlSpec | MariadbSpec | RedisSpec | ValkeySpec, what: str) -> str:
    """Return the entry script of who backs a store up, or of the proof: `backup` or `verify`."""
    if isinstance(store, RedisSpec | ValkeySpec):
        return entry(f"queue-{what}", program=store.kind)
    return entry(f"{store.kind}-{what}")


def _data(spec: PlatformSpec, store: BackedUpSpec, member: StoreMember) -> tuple[Mount, ...]:
    """Return what who backs a store up sees of a member's data."""
    if isinstance(store, RedisSpec | ValkeySpec):
        return ()
    target = DATA if isinstance(store, MariadbSpec) else replication.DATA
    return (Mount(target=target, source=names.volume(spec.stack, member.volume), read_only=True),)


def _shown(
    member: StoreMember, *, authority: Authority | None, password_file: MountedFile | None
) -> Sequence[MountedFile]:
    """Return what lets who backs a store up in to the member on its host."""
    if password_file is not None:
        return [password_file]
    return [authority.members[member.host.name]] if authority else []


def _beside(spec: PlatformSpec, store: str, member: StoreMember) -> dict[str, str]:
    """Return by which words who backs a store up asks the member on its host."""
    wanted = spec.backed_up[store]
    if isinstance(wanted, RedisSpec | ValkeySpec):
        return _of_queue(spec, store, wanted, member)
    if isinstance(wanted, MariadbSpec):
        words = member_environment(spec, store, member) if wanted.is_replicated else BESIDE_ONE_MARIADB
        return words | {"COLORWAY_HOST": member.host.name}
    return _as_member(spec, store, host=member.host) if wanted.is_replicated else BESIDE_ONE_POSTGRESQL


def _of_queue(spec: PlatformSpec, store: str, wanted: RedisSpec | ValkeySpec, member: StoreMember) -> dict[str, str]:
    """Return by which words who backs a queue up asks its members, or the only one."""
    words = {f"{wanted.kind.upper()}_PASSWORD_FILE": wanted.password_file, "COLORWAY_HOST": member.host.name}
    if not wanted.is_replicated:
        return words | {"COLORWAY_ADDRESS": store, "COLORWAY_PORT": str(wanted.port)}
    return words | {
        "COLORWAY_ADDRESS": str(member.host.address),
        "COLORWAY_CA": CA_PATH,
        "COLORWAY_MEMBERS": " ".join(str(one.host.address) for one in spec.members(store)),
        "COLORWAY_PORT": str(spec.store_ports(store).main),
    }


def _as_member(spec: PlatformSpec, store: str, *, host: HostSpec) -> dict[str, str]:
    """Return by which words PostgreSQL's clients, pgBackRest among them, ask the member on a host."""
    return {
        "COLORWAY_CA": CA_PATH,
        "COLORWAY_MEMBER": MEMBER,
        "COLORWAY_TLS": replication.TLS,
        "PGHOST": str(host.address),
        "PGPORT": str(spec.store_ports(store).main),
        **SUPERUSER,
        "PGSSLMODE": "verify-ca",
        "PGSSLROOTCERT": f"{replication.TLS}/ca.crt",
        "PGSSLCERT": f"{replication.TLS}/member.crt",
        "PGSSLKEY": f"{replication.TLS}/member.key",
    }


def _service(
    spec: PlatformSpec,
    logical: str,
    store: BackedUpSpec,
    *,
    host: HostSpec,
    command: tuple[str, ...],
    env: Mapping[str, str],
    limits: LimitsSpec,
    mounts: tuple[Mount, ...],
) -> SwarmServiceSpec:
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, logical),
        image=spec.shared_image(build=store.build, image=store.image).reference,
        entrypoint=ENTRY_COMMAND,
        command=command,
        health=ALIVE.tests(None),
        health_policy=ALIVE,
        limits=limits,
        stop_grace=timedelta(seconds=30),
        # Two on one volume would wait for each other.
        order=Order.STOP_FIRST,
        constraints=(f"node.labels.{names.host_label(spec.stack)}=={host.name}",),
        env=env,
        mounts=mounts,
        read_only=False,
        capabilities=CAPABILITIES,
        labels=names.labels(spec.stack, logical),
    )
