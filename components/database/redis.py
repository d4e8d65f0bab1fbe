"""Redis: one task, one volume, shared by both colors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pulumi

from colorway.render.templates import entry
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import RedisSpec
from colorway.spec.task.health import HealthSpec
from components.database.member import StoreProgram, run_members
from components.entry import ENTRY_COMMAND, entry_script
from components.swarm_spec import MountedFile

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
        secrets: Mapping[str, MountedFile],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Cache", name, None, opts)
        run_members(
            self,
            name,
            spec,
            store=store,
            program=_program(store),
            network=network,
            secrets=[secrets[store.password]],
            configs=[entry_script(name, entry(store.kind), stack=spec.stack, parent=self)],
        )
        self.register_outputs({})


def _program(store: RedisSpec) -> StoreProgram:
    return StoreProgram(
        volume=DATA,
        port=store.port,
        health=HEALTH,
        entrypoint=ENTRY_COMMAND,
        env={
            "REDIS_PASSWORD_FILE": store.password_file,
            "REDIS_DATA": DATA,
            "REDIS_MAXMEMORY": str(int(store.limits.memory * MEMORY_SHARE)),
        },
        capabilities=CAPABILITIES,
    )
