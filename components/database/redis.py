"""Redis: one task, one volume, shared by both colors."""

from __future__ import annotations

from datetime import timedelta

import pulumi

from colorway.spec import names
from colorway.spec.data_stores import DataStoreSpec, StoreKind
from colorway.spec.hosts import Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import HealthSpec
from components.entry import ENTRY_COMMAND, entry_script
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, MountedFile, NetworkAttachment, Order, SwarmServiceSpec

DATA = "/data"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "KILL", "SETGID", "SETUID")
"""The entry script makes the volume its user's and then becomes that user; init must be able to signal it."""
MEMORY_SHARE = 0.6
"""Part of the task's memory that data may fill: a rewrite of the log copies what is written meanwhile."""
HEALTH = HealthSpec(
    # Logs in and wants PONG: one that refuses the platform's password serves nobody. It goes over a pipe, never argv.
    command=(
        "CMD-SHELL",
        (
            r"""{ printf 'AUTH "'; sed 's/[\\"]/\\&/g' "$REDIS_PASSWORD_FILE" | tr -d '\n'; printf '"\nPING\n'; }"""
            " | redis-cli -h 127.0.0.1 | grep -qx PONG"
        ),
    ),
    timeout=timedelta(seconds=10),
    retries=5,
)


class Cache(pulumi.ComponentResource):
    """Runs the platform's Redis, append-only on a volume: queues survive a restart."""

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
        super().__init__("colorway:data:Cache", name, None, opts)
        SwarmService(
            name,
            _service(spec, store=store, wanted=spec.platform.data_stores[store]),
            networks=[NetworkAttachment(id=network, aliases=(store,))],
            secrets=[password],
            configs=[entry_script(name, StoreKind.REDIS.value, stack=spec.stack, parent=self)],
            opts=pulumi.ResourceOptions(parent=self, protect=spec.is_guarded or None),
        )
        self.register_outputs({})


def _service(spec: PlatformSpec, *, store: str, wanted: DataStoreSpec) -> SwarmServiceSpec:
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, store),
        image=spec.shared_image(build=wanted.build, image=wanted.image),
        command=ENTRY_COMMAND,
        health=HEALTH.tests(StoreKind.REDIS.port),
        health_policy=HEALTH,
        limits=wanted.limits,
        stop_grace=wanted.stop_grace,
        order=Order.STOP_FIRST,
        # One host, not the role: on the second database host the volume of the same name is empty.
        constraints=(f"node.labels.{names.host_label(spec.stack)}=={spec.hosts(Role.DATABASE)[0].name}",),
        env={
            "REDIS_PASSWORD_FILE": f"/run/secrets/{wanted.password}",
            "REDIS_DATA": DATA,
            "REDIS_MAXMEMORY": str(int(wanted.limits.memory * MEMORY_SHARE)),
        },
        mounts=(Mount(target=DATA, source=names.volume(spec.stack, store)),),
        capabilities=CAPABILITIES,
        labels=names.labels(spec.stack, store),
    )
