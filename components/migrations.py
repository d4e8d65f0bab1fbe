"""Schema changes as steps of the graph."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from colorway.render.templates import script
from colorway.spec import names
from colorway.spec.fields import whole_seconds
from colorway.spec.networks import store_network
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.release import MigrationCommand
from colorway.spec.traffic import Color
from components.remote import HostScript
from components.swarm_spec import MountedFile


class Migrations(pulumi.ComponentResource):
    """Applies the migrations of one color's version, oldest first, before its services start.

    Each is a one-shot Swarm service that runs the platform's own command with the migration's id, within the
    limits of the service whose image it is (beside a busy platform, a migration must not take the host), and on
    the networks of the data stores that this service uses. "Once" is the database's knowledge (a ledger and an
    advisory lock, kept by that command), never Pulumi's: a migration that is in the ledger is a success that
    changes nothing, so running again is always safe. The command refuses where data could be lost without a backup.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        color: Color,
        secrets: Mapping[str, MountedFile],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Migrations", name, None, opts)
        before: list[pulumi.Resource] = []
        for migration in spec.migrations(color):
            command = spec.platform.migrations
            if command is None:
                break
            step = HostScript(
                f"{name}-{migration.id}",
                spec.manager,
                script=script("run-once"),
                arguments=_arguments(spec, color=color, command=command, migration=migration.id, secrets=secrets),
                opts=pulumi.ResourceOptions(parent=self, depends_on=before),
            )
            before = [step]
        self.register_outputs({})


def _arguments(
    spec: PlatformSpec,
    *,
    color: Color,
    command: MigrationCommand,
    migration: str,
    secrets: Mapping[str, MountedFile],
) -> list[pulumi.Input[str]]:
    service = spec.colored(color)[command.service]
    mounts = [
        pulumi.Output.concat("--secret=source=", secrets[secret].name, f",target={secret}")
        for secret in service.secrets
    ]
    return [
        names.service(spec.stack, names.migration(migration)),
        str(whole_seconds(command.timeout)),
        *(f"--network={names.network(spec.stack, store_network(store))}" for store in sorted(service.uses)),
        f"--limit-cpu={service.limits.cpus:g}",
        f"--limit-memory={service.limits.memory}",
        *(f"--env={key}={value}" for key, value in service.env.items()),
        *mounts,
        "--",
        spec.image(command.service, color),
        *command.command,
        migration,
    ]
