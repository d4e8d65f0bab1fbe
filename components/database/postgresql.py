"""PostgreSQL: one task, one volume, shared by both colors."""

from __future__ import annotations

import pulumi

from colorway.spec import names
from colorway.spec.data_stores import DataStoreSpec, StoreKind
from colorway.spec.hosts import Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import HealthSpec
from components.entry import ENTRY_COMMAND, entry_script
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, MountedFile, NetworkAttachment, Order, SwarmServiceSpec

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
        store: str,
        network: pulumi.Input[str],
        password: MountedFile,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Database", name, None, opts)
        SwarmService(
            name,
            _service(spec, store=store, wanted=spec.platform.data_stores[store]),
            networks=[NetworkAttachment(id=network, aliases=(store,))],
            secrets=[password],
            configs=[entry_script(name, StoreKind.POSTGRESQL.value, stack=spec.stack, parent=self)],
            opts=pulumi.ResourceOptions(parent=self, protect=spec.is_guarded or None),
        )
        self.register_outputs({})


def _service(spec: PlatformSpec, *, store: str, wanted: DataStoreSpec) -> SwarmServiceSpec:
    health = HealthSpec(
        command=(
            "CMD",
            "pg_isready",
            "-q",
            "-h",
            "127.0.0.1",
            "-U",
            str(wanted.user),
            "-d",
            str(wanted.database),
        )
    )
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, store),
        image=spec.shared_image(build=wanted.build, image=wanted.image),
        command=ENTRY_COMMAND,
        health=health.tests(StoreKind.POSTGRESQL.port),
        health_policy=health,
        limits=wanted.limits,
        stop_grace=wanted.stop_grace,
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients.
        stop_signal="SIGINT",
        order=Order.STOP_FIRST,
        # One host, not the role: on the second database host the volume of the same name is empty.
        constraints=(f"node.labels.{names.host_label(spec.stack)}=={spec.hosts(Role.DATABASE)[0].name}",),
        env={
            "POSTGRES_DB": str(wanted.database),
            "POSTGRES_USER": str(wanted.user),
            "POSTGRES_PASSWORD_FILE": f"/run/secrets/{wanted.password}",
            "PGDATA": f"{DATA}/pgdata",
        },
        mounts=(Mount(target=DATA, source=names.volume(spec.stack, store)),),
        read_only=False,
        capabilities=CAPABILITIES,
        labels=names.labels(spec.stack, store),
    )
