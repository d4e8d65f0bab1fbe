"""Any other store: one task of the image that the platform file names, one volume, shared by both colors."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import CustomSpec
from colorway.spec.task.environment import in_swarm
from components.database.member import StoreProgram, run_members
from components.swarm_spec import MountedFile, mounted


class CustomStore(pulumi.ComponentResource):
    """Runs a program that keeps data and of which nothing is known here: its own entrypoint, user and health check.

    The volume outlives the service: `colorway down` keeps it unless it is told otherwise. A volume that Docker makes
    is the image's folder with that folder's owner, so a program that is not root can write to it.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        store: CustomSpec,
        network: pulumi.Input[str],
        secrets: Mapping[str, MountedFile],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:CustomStore", name, None, opts)
        run_members(
            self,
            name,
            spec,
            store=store,
            program=_program(store),
            network=network,
            secrets=mounted(store.secrets, secrets=secrets),
        )
        self.register_outputs({})


def _program(store: CustomSpec) -> StoreProgram:
    return StoreProgram(
        volume=store.volume,
        port=store.port,
        health=store.health,
        entrypoint=store.entrypoint,
        command=store.command,
        env=in_swarm(store.env),
        capabilities=store.capabilities,
        user=store.user,
        working_dir=store.working_dir,
        read_only=store.read_only,
        stop_signal=store.stop_signal.value if store.stop_signal else None,
        shm_size=store.shm_size,
    )
