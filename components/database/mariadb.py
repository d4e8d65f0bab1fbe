"""MariaDB: one task, one volume, shared by both colors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pulumi

from colorway.render.replication import CA_PATH, MEMBER_FILE
from colorway.render.templates import entry
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import MariadbSpec, StoreMember
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.mounts import SECRETS_FOLDER
from components.database.member import StoreProgram, adopting, run_members
from components.entry import ENTRY_COMMAND, entry_script
from components.swarm_spec import MountedFile

DATA = "/var/lib/mysql"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
"""The entry script makes the volume its user's and then becomes that user; init must be able to signal it."""
HEALTH = HealthSpec(
    # Logs in as the application does, over TCP, with the password from a pipe: what refuses it serves nobody.
    command=(
        "CMD-SHELL",
        (
            r"""{ printf '[client]\npassword="'; sed 's/\\/&&/g' "$MARIADB_PASSWORD_FILE" | tr -d '\n'; """
            r"""printf '"\n'; }"""
            ' | mariadb --defaults-file=/dev/stdin --skip-ssl -h 127.0.0.1 -u "$MARIADB_USER" -e "SELECT 1"'
            ' "$MARIADB_DATABASE" >/dev/null'
        ),
    ),
    interval=timedelta(seconds=10),
    start_interval=timedelta(seconds=5),
    timeout=timedelta(seconds=10),
    retries=5,
    # A recovery after a kill reads the whole log, and must not be killed for it.
    start_period=timedelta(minutes=2),
)


class Mariadb(pulumi.ComponentResource):
    """Runs the platform's MariaDB; the password comes from a Swarm secret, the data from a volume.

    The volume outlives the service: `colorway down` keeps it unless it is told otherwise.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: MariadbSpec,
        network: pulumi.Input[str],
        secrets: Mapping[str, MountedFile],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Mariadb", name, None, opts)
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


def script(store: MariadbSpec) -> str:
    """Return the entry script of a store with one member; without backups it is what it was before there were any."""
    return entry("mariadb", has_backup=store.backup is not None)


def member_environment(spec: PlatformSpec, name: str, member: StoreMember) -> dict[str, str]:
    """Return by which words a member of a pair finds its data and the other one; who backs it up is told the same."""
    [other] = [one.host.address for one in spec.members(name) if one != member]
    kept = spec.kept(name)
    # Members of the first one are told nothing of generations, so that none restarts for that.
    later = {"COLORWAY_GENERATION": str(kept.generation)} if kept.is_later else {}
    return later | {
        "MARIADB_DATA": f"{DATA}/data",
        "COLORWAY_ADDRESS": str(member.host.address),
        "COLORWAY_CA": CA_PATH,
        "COLORWAY_MEMBER": f"{SECRETS_FOLDER}{MEMBER_FILE}",
        "COLORWAY_OTHER": str(other),
        "COLORWAY_PORT": str(spec.store_ports(name).main),
    }


def _program(store: MariadbSpec) -> StoreProgram:
    return StoreProgram(
        volume=DATA,
        port=store.port,
        health=HEALTH,
        entrypoint=ENTRY_COMMAND,
        command=tuple(f"--{name}={value}" for name, value in sorted(store.parameters.items())),
        env={
            "MARIADB_DATABASE": store.database,
            "MARIADB_USER": store.user,
            "MARIADB_PASSWORD_FILE": store.password_file,
            "MARIADB_DATA": f"{DATA}/data",
            **adopting(store),
        },
        capabilities=CAPABILITIES,
        read_only=False,
    )
