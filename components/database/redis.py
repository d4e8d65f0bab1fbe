"""Redis: one task, one volume, shared by both colors."""

from __future__ import annotations

from datetime import timedelta

import pulumi

from colorway.spec import names
from colorway.spec.hosts import Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import RedisSpec, StoreMember
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import Order
from components.entry import ENTRY_COMMAND, entry_script
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, MountedFile, NetworkAttachment, SwarmServiceSpec

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
        store: RedisSpec,
        network: pulumi.Input[str],
        password: MountedFile,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Cache", name, None, opts)
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


def _service(spec: PlatformSpec, *, store: RedisSpec, member: StoreMember) -> SwarmServiceSpec:
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, member.name),
        image=spec.shared_image(build=store.build, image=store.image).reference,
        entrypoint=ENTRY_COMMAND,
        health=HEALTH.tests(store.port),
        health_policy=HEALTH,
        limits=store.limits,
        stop_grace=store.stop_grace,
        order=Order.STOP_FIRST,
        constraints=(f"node.labels.{names.host_label(spec.stack)}=={member.host.name}",),
        env={
            "REDIS_PASSWORD_FILE": f"/run/secrets/{store.password}",
            "REDIS_DATA": DATA,
            "REDIS_MAXMEMORY": str(int(store.limits.memory * MEMORY_SHARE)),
        },
        mounts=(Mount(target=DATA, source=names.volume(spec.stack, member.volume)),),
        capabilities=CAPABILITIES,
        labels=names.labels(spec.stack, member.name),
    )
