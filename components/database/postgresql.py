"""PostgreSQL: one task, one volume, shared by both colors."""

from __future__ import annotations

import pulumi

from colorway.spec import names
from colorway.spec.hosts import Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import PostgresqlSpec, StoreMember
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import Order
from components.entry import ENTRY_COMMAND, entry_script
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, MountedFile, NetworkAttachment, SwarmServiceSpec

DATA = "/var/lib/postgresql/data"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
"""The entry script makes the volume its user's and then becomes that user; init must be able to signal it."""


class Database(pulumi.ComponentResource):
    """Runs the platform's PostgreSQL; the password comes from a Swarm secret, the data from a volume.

    The volume outlives the service: `colorway down` keeps it unless it is told otherwise.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: PostgresqlSpec,
        network: pulumi.Input[str],
        password: MountedFile,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Database", name, None, opts)
        entry = entry_script(name, store.kind, stack=spec.stack, parent=self)
        for member in store.members(name, hosts=spec.hosts(Role.DATABASE)):
            SwarmService(
                member.name,
                _service(spec, store=store, member=member),
                networks=[NetworkAttachment(id=network, aliases=(member.name,))],
                secrets=[password],
                configs=[entry],
                opts=pulumi.ResourceOptions(parent=self, protect=spec.is_guarded or None),
            )
        self.register_outputs({})


def _service(spec: PlatformSpec, *, store: PostgresqlSpec, member: StoreMember) -> SwarmServiceSpec:
    health = HealthSpec(
        command=(
            "CMD",
            "pg_isready",
            "-q",
            "-h",
            "127.0.0.1",
            "-U",
            store.user,
            "-d",
            store.database,
        )
    )
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, member.name),
        image=spec.shared_image(build=store.build, image=store.image).reference,
        entrypoint=ENTRY_COMMAND,
        health=health.tests(store.port),
        health_policy=health,
        limits=store.limits,
        stop_grace=store.stop_grace,
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients.
        stop_signal="SIGINT",
        order=Order.STOP_FIRST,
        constraints=(f"node.labels.{names.host_label(spec.stack)}=={member.host.name}",),
        env={
            "POSTGRES_DB": store.database,
            "POSTGRES_USER": store.user,
            "POSTGRES_PASSWORD_FILE": f"/run/secrets/{store.password}",
            "PGDATA": f"{DATA}/pgdata",
        },
        mounts=(Mount(target=DATA, source=names.volume(spec.stack, member.volume)),),
        read_only=False,
        capabilities=CAPABILITIES,
        labels=names.labels(spec.stack, member.name),
    )
