"""What a PostgreSQL with several members begins from, as its first member finds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker

from colorway.render import backups, replication
from colorway.render.templates import store_script
from colorway.spec.names import STACK_LABEL
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import RepositorySpec
from colorway.spec.stores.sources import SourceSpec
from components.database.backups import encoded
from components.entry import mounted_config
from components.swarm_spec import Mount, MountedFile


class Source(pulumi.ComponentResource):
    """Shows a store's first member data that exists: a volume, read-only, or what opens a repository.

    Who has them is only the first member, which begins; the others copy from it.
    """

    mounts: Sequence[Mount]
    files: Sequence[MountedFile]
    """Secrets of a task."""
    configs: Sequence[MountedFile]
    env: Mapping[str, str]
    """By which words the entry script and Patroni's command find it all."""

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        source: SourceSpec,
        store: str,
        texts: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Source", name, None, opts)
        begins = store_script("postgresql-from")
        self.mounts, self.files = [], []
        self.configs = [
            mounted_config(f"{name}-script", begins, path=replication.FROM_SCRIPT, stack=spec.stack, parent=self)
        ]
        self.env = {"COLORWAY_STORE": store}
        if source.volume is not None:
            self.mounts = [Mount(target=replication.FROM, source=source.volume, read_only=True)]
            self.env |= {"COLORWAY_FROM": replication.FROM, "COLORWAY_FROM_SCRIPT": replication.FROM_SCRIPT}
        if source.repository is not None:
            place = spec.platform.backups[source.repository]
            self.env |= {"COLORWAY_FROM_CONFIG": replication.FROM_CONFIG}
            self.files = [self._configuration(name, spec.stack, source=source, place=place, texts=texts)]
            if place.ca is not None:
                text = spec.config_files[place.ca]
                ca = mounted_config(
                    f"{name}-certificate", text, path=backups.FROM_CA_PATH, stack=spec.stack, parent=self
                )
                self.configs = [*self.configs, ca]
        self.register_outputs({})

    def _configuration(
        self,
        name: str,
        stack: str,
        *,
        source: SourceSpec,
        place: RepositorySpec,
        texts: Mapping[str, pulumi.Output[str]],
    ) -> MountedFile:
        def text(told: Mapping[str, str]) -> str:
            return encoded(
                lambda: backups.source_configuration(place, source, secrets=told), stack, str(source.repository)
            )

        words = {one.path[0]: texts[one.name] for one in place.named_secrets}
        secret = docker.Secret(
            f"{name}-configuration",
            data=pulumi.Output.all(**words).apply(text),
            labels=[docker.SecretLabelArgs(label=STACK_LABEL, value=stack)],
            opts=pulumi.ResourceOptions(parent=self),
        )
        return MountedFile(id=secret.id, name=secret.name, path=replication.FROM_FILE)
