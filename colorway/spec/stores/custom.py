"""Any other program that keeps data: a search engine, an object store, a broker."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import override

from colorway.spec.base import Mistake, refuse, twice
from colorway.spec.fields import CommandLine, Memory, Port
from colorway.spec.stores.base import NamedSecret, StoreSpec
from colorway.spec.task.environment import EnvName, EnvValue
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.mounts import AbsolutePath, SecretFile, secret_mistakes, unlisted_mistakes
from colorway.spec.task.process import Capability, StopSignal, TaskUser


class CustomSpec(StoreSpec):
    """One task of any image, with one volume; nothing of the program is known here but what the file says.

    Its keys mean what they mean for a service. One volume has one task at a time: it is replaced stop-first.
    """

    kind: Literal["custom"]
    """Which program it is."""
    port: Port
    """Port that it listens on."""
    volume: AbsolutePath
    """Where the program keeps its data in the container; the store's volume is there."""
    health: HealthSpec
    """How the swarm learns that it is well."""
    entrypoint: CommandLine = ()
    """Program instead of the image's ENTRYPOINT, whose CMD then goes, too; none = what the image says."""
    command: CommandLine = ()
    """Arguments instead of the image's CMD; the program itself, where the image has no ENTRYPOINT."""
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    """Environment; nothing secret."""
    secrets: tuple[SecretFile, ...] = ()
    """Secrets as files: names, found at /run/secrets/<name>, or {name, file, mode, uid, gid}."""
    user: TaskUser | None = None
    """User of its process, and a group after a colon; none = the image's."""
    working_dir: AbsolutePath | None = None
    """Directory that its process begins in; none = the image's."""
    capabilities: tuple[Capability, ...] = ()
    """What the kernel lets its process do; all others are dropped."""
    stop_signal: StopSignal | None = None
    """Signal that tells its process to finish; none = the image's, or else SIGTERM."""
    read_only: bool = True
    """Whether the container's file system is read-only; the volume and /tmp are always writable."""
    shm_size: Memory | None = None
    """Size of /dev/shm; none = Docker's 64 MiB."""

    @property
    @override
    def named_secrets(self) -> tuple[NamedSecret, ...]:
        """All of its secrets."""
        return tuple(
            NamedSecret(path=("secrets", str(index)), name=secret.name) for index, secret in enumerate(self.secrets)
        )

    @model_validator(mode="after")
    def _fits_together(self) -> CustomSpec:
        found: list[Mistake] = []
        if self.health.port is not None:
            found.append((("health", "port"), "names one of several ports, and a data store has one; leave it out"))
        refuse(
            [
                *found,
                *secret_mistakes(self.secrets),
                *unlisted_mistakes(self.env, self.secrets, owner="data store"),
                *twice("capabilities", self.capabilities),
            ]
        )
        return self
