"""Redis and Valkey: one task, one volume, shared by both colors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pulumi

from colorway.render.templates import entry
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import RedisSpec, ValkeySpec
from colorway.spec.task.health import HealthSpec
from components.database.member import StoreProgram, run_members
from components.entry import ENTRY_COMMAND, entry_script
from components.swarm_spec import MountedFile

DATA = "/data"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "KILL", "SETGID", "SETUID")
"""The entry script makes the volume its user's and then becomes that user; init must be able to signal it."""


class Cache(pulumi.ComponentResource):
    """Runs a Redis or a Valkey of the platform: a queue, whose data outlives a restart on a volume, or a cache.

    A cache has a volume, too, so that every store has one; nothing is written there.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: RedisSpec | ValkeySpec,
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
            configs=[entry_script(name, script(store), stack=spec.stack, parent=self)],
        )
        self.register_outputs({})


def script(store: RedisSpec | ValkeySpec) -> str:
    """Return the entry script of a store.

    Redis's has no lock on the volume: its text for a queue is what it was before there was one, so that no queue
    restarts for a newer Colorway.
    """
    return entry("redis", program=store.kind, use=store.use.value, has_lock=store.kind == "valkey")


def asked(kind: str, *commands: str, at: str = "-h 127.0.0.1") -> str:
    """Return what asks a server in a shell, logged in; the task's environment says where the password is.

    That goes over a pipe, never argv.

    Args:
        kind: `redis` or `valkey`.
        commands: What it is asked.
        at: What leads its client to it.
    """
    text = "\\n".join(commands)
    say = r"""{ printf 'AUTH "'; sed 's/[\\"]/\\&/g' "$%s_PASSWORD_FILE" | tr -d '\n'; printf '"\n%s\n'; }"""
    return f"{say % (kind.upper(), text)} | {kind}-cli {at}"


def health(kind: str) -> HealthSpec:
    """Return the health check of a kind: it wants PONG, for one that refuses the platform's password serves nobody."""
    line = f"{asked(kind, 'PING')} | grep -qx PONG"
    return HealthSpec(
        command=("CMD-SHELL", line),
        interval=timedelta(seconds=10),
        start_interval=timedelta(seconds=5),
        timeout=timedelta(seconds=10),
        retries=5,
    )


def _program(store: RedisSpec | ValkeySpec) -> StoreProgram:
    variables = store.kind.upper()
    return StoreProgram(
        volume=DATA,
        port=store.port,
        health=health(store.kind),
        entrypoint=ENTRY_COMMAND,
        env={
            f"{variables}_PASSWORD_FILE": store.password_file,
            f"{variables}_DATA": DATA,
            f"{variables}_MAXMEMORY": str(store.max_memory),
        },
        capabilities=CAPABILITIES,
    )
