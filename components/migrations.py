"""Schema changes as steps of the graph."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import pulumi

from colorway.render.templates import script
from colorway.spec import names
from colorway.spec.fields import whole_seconds
from colorway.spec.networks import store_network
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.release import MigrationCommand
from colorway.spec.services import ServiceSpec
from colorway.spec.stores import PostgresqlSpec
from colorway.spec.task.environment import in_swarm
from colorway.spec.traffic import Color
from components.registries import Registries
from components.remote import HostScript
from components.swarm_spec import MountedFile, mounted
from components.web.surroundings import Surroundings
from components.web.tier import constraints

PATIENCE = {"PGOPTIONS": "-c lock_timeout=5s"}
"""What lets a client of PostgreSQL give up at a lock: all that ask for the same table later wait behind it."""


class Migrations(pulumi.ComponentResource):
    """Applies the migrations of one color's version, oldest first, before its services start.

    Each is a one-shot Swarm service that runs the platform's own command with the migration's id, within the
    limits of the service whose image it is (beside a busy platform, a migration must not take the host), where
    that service may run, and on the networks of the data stores that it uses. "Once" is the database's knowledge
    (a ledger and an advisory lock, kept by that command), never Pulumi's: a migration that is in the ledger is a
    success that changes nothing, so running again is always safe. The command refuses where data could be lost
    without a backup. One that is not backward compatible is left out while it waits (`held_migrations`).
    """

    done: pulumi.Output[list[str]]
    """What those that are not backward compatible have printed; until they have succeeded, nobody says they have."""

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        color: Color,
        secrets: Mapping[str, MountedFile],
        around: Surroundings,
        registries: Registries | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Migrations", name, None, opts)
        before: list[pulumi.Resource] = []
        told: list[pulumi.Output[str]] = []
        waiting = spec.held_migrations
        for migration in spec.migrations(color):
            command = spec.platform.migrations
            if command is None:
                break
            if migration.id in waiting:
                continue
            by = spec.migration_service(color, command)
            service = spec.colored(color)[by]
            step = HostScript(
                f"{name}-{migration.id}",
                spec.manager,
                script=script("run-once"),
                arguments=[
                    names.service(spec.stack, names.migration(migration.id)),
                    str(whole_seconds(command.timeout)),
                    *(f"--constraint={where}" for where in constraints(spec, service)),
                    *(f"--network={names.network(spec.stack, store_network(one))}" for one in sorted(service.uses)),
                    *_container(
                        service,
                        env=_environment(spec, service, command),
                        entrypoint=command.entrypoint,
                        secrets=secrets,
                        configs=around.configs[by],
                    ),
                    "--",
                    spec.image(by, color),
                    *command.command,
                    migration.id,
                ],
                stdin=registries.of_docker if registries else None,
                # Its host may be the database's, too, and without that no migration would say that it is applied.
                is_done_anywhere=spec.has_stand_in,
                opts=pulumi.ResourceOptions(parent=self, depends_on=before),
            )
            before = [step]
            if not migration.backward_compatible:
                told.append(step.stdout)
        self.done = pulumi.Output.all(*told)
        self.register_outputs({})


def _environment(spec: PlatformSpec, service: ServiceSpec, command: MigrationCommand) -> dict[str, str]:
    """Return the environment of a migration: its service's and its own, and how long it waits for locks."""
    stores = [spec.platform.data_stores[name] for name in service.uses]
    patience = PATIENCE if any(isinstance(store, PostgresqlSpec) for store in stores) else {}
    return {**patience, **in_swarm(spec.told(service, {**service.env, **command.env}))}


def _container(
    service: ServiceSpec,
    *,
    env: Mapping[str, str],
    entrypoint: Sequence[str],
    secrets: Mapping[str, MountedFile],
    configs: Sequence[MountedFile],
) -> list[pulumi.Input[str]]:
    """Return the options of `docker service create` that make a task as the service's own are; volumes stay out."""
    words = entrypoint or service.entrypoint
    files = [("secret", file) for file in mounted(service.secrets, secrets=secrets)] + [
        ("config", file) for file in configs
    ]
    said = {
        "limit-cpu": f"{service.limits.cpus:g}",
        "limit-memory": str(service.limits.memory),
        "user": service.user,
        "workdir": service.working_dir,
        "entrypoint": shlex.join(words) if words else None,
    }
    return [
        *(f"--{option}={value}" for option, value in said.items() if value is not None),
        *(f"--env={key}={value}" for key, value in env.items()),
        *(f"--cap-add=CAP_{capability}" for capability in service.capabilities),
        *(f"--host={host}:{address}" for host, address in service.extra_hosts.items()),
        *(_mounted_file(kind, file) for kind, file in files),
    ]


def _mounted_file(kind: str, file: MountedFile) -> pulumi.Output[str]:
    rest = f",target={file.path},uid={file.uid},gid={file.gid},mode={file.mode:04o}"
    return pulumi.Output.concat(f"--{kind}=source=", file.name, rest)
