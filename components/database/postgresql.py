"""PostgreSQL: one task, one volume, shared by both colors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pulumi

from colorway.render.replication import archiving
from colorway.render.templates import entry
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import PostgresqlSpec
from colorway.spec.task.health import HealthSpec
from components.database.backups import Repository
from components.database.logins import open_login
from components.database.member import StoreProgram, adopting, run_members
from components.entry import ENTRY_COMMAND, entry_script

DATA = "/var/lib/postgresql/data"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
"""The entry script makes the volume its user's and then becomes that user; init must be able to signal it."""


class Database(pulumi.ComponentResource):
    """Runs the platform's PostgreSQL, whose data is on a volume; its logins it is told while it runs.

    Where there is a repository, it archives there, and has a second socket on its volume for who backs it up.
    The volume outlives the service: `colorway down` keeps it unless it is told otherwise.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: PostgresqlSpec,
        network: pulumi.Input[str],
        password: pulumi.Input[str],
        repository: Repository | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Database", name, None, opts)
        services = run_members(
            self,
            name,
            spec,
            store=store,
            program=_program(store, env=repository.env if repository else {}),
            network=network,
            secrets=repository.files if repository else [],
            configs=[
                entry_script(name, _entry(store), stack=spec.stack, parent=self),
                *(repository.configs if repository else ()),
            ],
            # In every topology: what belongs to a session is asked for there.
            aliases=(names.direct(name),),
        )
        then = pulumi.ResourceOptions(parent=self, depends_on=services)
        open_login(f"{name}-logins", spec, name, password=password, opts=then)
        self.register_outputs({})


def _entry(store: PostgresqlSpec) -> str:
    """Return the script of a store; what it says nothing of adds nothing to the text that it always had."""
    return entry(
        store.kind,
        extensions=store.extensions,
        parameters=bool(_parameters(store)),
        has_backup=store.backup is not None,
    )


def _parameters(store: PostgresqlSpec) -> dict[str, str]:
    """Return what the server is told, also where the entry script asks it alone: it would drop what is not archived."""
    return store.parameters if store.backup is None else archiving(store) | {"archive_mode": "on"}


def _program(store: PostgresqlSpec, *, env: Mapping[str, str]) -> StoreProgram:
    return StoreProgram(
        volume=DATA,
        port=store.port,
        health=HealthSpec(
            command=("CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", store.user, "-d", store.database),
            interval=timedelta(seconds=10),
            start_interval=timedelta(seconds=5),
        ),
        entrypoint=ENTRY_COMMAND,
        command=tuple(word for key, value in sorted(_parameters(store).items()) for word in ("-c", f"{key}={value}")),
        env={
            "POSTGRES_DB": store.database,
            "POSTGRES_USER": store.user,
            "PGDATA": f"{DATA}/pgdata",
            **adopting(store),
            **env,
        },
        capabilities=CAPABILITIES,
        read_only=False,
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients.
        stop_signal="SIGINT",
    )
