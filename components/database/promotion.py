"""A MariaDB with two members, of which an operator's command makes the other one the primary."""

from __future__ import annotations

from datetime import timedelta

import pulumi

from colorway.render.backups import restic_environment
from colorway.render.replication import primary_entry
from colorway.render.templates import entry, script, store_script
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import MariadbSpec, StoreMember
from colorway.spec.stores.generations import FIRST
from colorway.spec.task.health import HealthSpec
from components.database.authority import Authority
from components.database.backups import Backups, Repository
from components.database.mariadb import CAPABILITIES, DATA, member_environment
from components.database.member import ALIVE, StoreProgram, entry_service, member_service
from components.entry import ENTRY_COMMAND, entry_script, mounted_config
from components.remote import HostScript
from components.swarm_service import SwarmService
from components.swarm_spec import HOST_NETWORK, NetworkAttachment

ENTRY_CONFIG = "/colorway-haproxy.cfg"
FROM_SCRIPT = "/colorway-from.sh"
"""Where a member has what begins a later generation."""
BEGUN_WITHIN = timedelta(minutes=5)
"""How long a primary may take to answer; a recovery after a kill reads its whole log."""
RESTORED_WITHIN = timedelta(hours=6)
"""How long the first member of a later generation may take: it restores a backup, and reads what came after it."""


class ReplicatedMariadb(pulumi.ComponentResource):
    """Runs a primary and its replica, and before them what leads to the primary that the stack's file names.

    Which one a member is, it keeps on its volume and asks the other one: no task changes with a promotion, so that the
    `up` after it moves the entry and restarts nobody. The primary is replaced last. An empty volume begins nothing by
    itself, since it may be one that was lost: the first `up` of a store says so, once.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: MariadbSpec,
        network: pulumi.Input[str],
        password: pulumi.Input[str],
        authority: Authority,
        repository: Repository | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:ReplicatedMariadb", name, None, opts)
        begins = entry_script(
            name,
            entry("mariadb-member", restores=spec.kept(name).is_later),
            stack=spec.stack,
            parent=self,
        )
        past = spec.kept(name).begins_from
        point = []
        if past is not None:
            text = store_script("mariadb-from")
            point = [mounted_config(f"{name}-from", text, path=FROM_SCRIPT, stack=spec.stack, parent=self)]
        before_it = repository if past is not None else None
        members = sorted(spec.members(name), key=lambda one: one.host.name == spec.primaries[name])
        before: list[pulumi.Resource] = []
        for member in members:
            service = SwarmService(
                member.name,
                member_service(spec, store=store, program=_program(spec, name, store, member), member=member),
                networks=[HOST_NETWORK],
                secrets=[authority.members[member.host.name], *(before_it.files if before_it else ())],
                configs=[begins, authority.ca, *point, *(before_it.configs if before_it else ())],
                opts=pulumi.ResourceOptions(parent=self, depends_on=before, protect=spec.is_guarded or None),
            )
            before = [service]
        primary = members[-1]
        within = _seconds(BEGUN_WITHIN if past is None else RESTORED_WITHIN)
        begun = HostScript(
            f"{name}-begin",
            primary.host,
            script=script("in-member"),
            arguments=[
                _seconds(BEGUN_WITHIN),
                " ".join(names.service(spec.stack, one.name) for one in spec.members(name)),
                store_script("mariadb-begin"),
                name,
                spec.stack,
                # Another generation has to be told, too.
                *([spec.generation(name)] if past is not None else []),
            ],
            is_done_anywhere=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        settled = HostScript(
            f"{name}-settings",
            primary.host,
            script=script("in-member"),
            arguments=[
                within,
                names.service(spec.stack, primary.name),
                store_script("mariadb-settings"),
                within,
                name,
                spec.stack,
                primary.host.name,
                store.database,
                store.user,
                *([spec.generation(name)] if past is not None else []),
            ],
            stdin=password,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[begun]),
        )
        if repository is not None:
            Backups(
                f"{name}-backup",
                spec,
                store=store,
                store_name=name,
                repository=repository,
                authority=authority,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[settled]),
            )
        if store.entry is None:
            raise ValueError("the spec is not one that the checks let through")
        text = primary_entry(spec, name, port=store.port)
        told = mounted_config(f"{name}-entry-config", text, path=ENTRY_CONFIG, stack=spec.stack, parent=self)
        SwarmService(
            name,
            entry_service(
                spec,
                name,
                store.entry,
                entrypoint=("haproxy", "-W", "-db", "-f", ENTRY_CONFIG),
                health=ALIVE.format(port=8404),
            ),
            networks=[NetworkAttachment(id=network, aliases=(name,))],
            configs=[told],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[settled]),
        )
        self.register_outputs({})


def _program(spec: PlatformSpec, name: str, store: MariadbSpec, member: StoreMember) -> StoreProgram:
    return StoreProgram(
        volume=DATA,
        port=spec.store_ports(name).main,
        health=HealthSpec(
            command=(
                "CMD",
                "/bin/sh",
                "-euc",
                store_script("mariadb-health", is_later=spec.kept(name).is_later),
            ),
            interval=timedelta(seconds=10),
            start_interval=timedelta(seconds=5),
            timeout=timedelta(seconds=20),
            retries=5,
            # A recovery after a kill reads the whole log, and must not be killed for it.
            start_period=timedelta(minutes=2),
        ),
        entrypoint=ENTRY_COMMAND,
        command=tuple(f"--{key}={value}" for key, value in sorted(store.parameters.items())),
        # A number that is unique among the members, and the same for ever.
        env=member_environment(spec, name, member) | {"COLORWAY_ID": str(int(member.host.address))} | _past(spec, name),
        capabilities=CAPABILITIES,
        read_only=False,
    )


def _past(spec: PlatformSpec, name: str) -> dict[str, str]:
    """Return by which words a member of a later generation finds what that begins from."""
    begins = spec.kept(name).begins_from
    if begins is None:
        return {}
    words = {"COLORWAY_FROM_SCRIPT": FROM_SCRIPT, "COLORWAY_FROM": begins.backup, "COLORWAY_TO": begins.to}
    if begins.generation != FIRST:
        words["COLORWAY_EARLIER"] = str(begins.generation)
    return restic_environment(spec, name, generation=begins.generation) | words


def _seconds(time: timedelta) -> str:
    return str(int(time.total_seconds()))
