"""PostgreSQL: one task, one volume, shared by both colors."""

from __future__ import annotations

import pulumi

from colorway.render.templates import entry
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import PostgresqlSpec
from colorway.spec.task.health import HealthSpec
from components.database.logins import open_login
from components.database.member import StoreProgram, adopting, run_members
from components.entry import ENTRY_COMMAND, entry_script

DATA = "/var/lib/postgresql/data"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
"""The entry script makes the volume its user's and then becomes that user; init must be able to signal it."""


class Database(pulumi.ComponentResource):
    """Runs the platform's PostgreSQL, whose data is on a volume; its logins it is told while it runs.

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
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Database", name, None, opts)
        services = run_members(
            self,
            name,
            spec,
            store=store,
            program=_program(store),
            network=network,
            secrets=[],
            configs=[entry_script(name, _entry(store), stack=spec.stack, parent=self)],
            # In every topology: what belongs to a session is asked for there.
            aliases=(names.direct(name),),
        )
        then = pulumi.ResourceOptions(parent=self, depends_on=services)
        open_login(f"{name}-logins", spec, name, password=password, opts=then)
        self.register_outputs({})


def _entry(store: PostgresqlSpec) -> str:
    """Return the script of a store; one that says neither extensions nor parameters has the text that it always had."""
    return entry(store.kind, extensions=store.extensions, parameters=bool(store.parameters))


def _program(store: PostgresqlSpec) -> StoreProgram:
    return StoreProgram(
        volume=DATA,
        port=store.port,
        health=HealthSpec(
            command=("CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", store.user, "-d", store.database)
        ),
        entrypoint=ENTRY_COMMAND,
        command=tuple(word for key, value in sorted(store.parameters.items()) for word in ("-c", f"{key}={value}")),
        env={
            "POSTGRES_DB": store.database,
            "POSTGRES_USER": store.user,
            "PGDATA": f"{DATA}/pgdata",
            **adopting(store),
        },
        capabilities=CAPABILITIES,
        read_only=False,
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients.
        stop_signal="SIGINT",
    )
