"""The logins of a stack's registries, for all that pulls an image through the program."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from colorway.spec.platform_spec import PlatformSpec
from components.secrets import Configured, MissingSecretError

DOCKER_HUB = "docker.io"
_HUB_IN_FILES = "https://index.docker.io/v1/"
"""What `docker` calls Docker Hub in its own config.json."""


@dataclass(frozen=True, kw_only=True)
class Registries:
    """User and password of each registry that the stack file names."""

    users: Mapping[str, str]
    """User by host."""
    passwords: Mapping[str, pulumi.Output[str]]
    """Password by host; secret."""

    @classmethod
    def of(cls, spec: PlatformSpec, *, configured: Configured) -> Registries:
        """Look the passwords up in the stack's configuration.

        Raises:
            MissingSecretError: one is not set there; a made-up one would open nothing.
        """
        wanted = spec.settings.registries
        found = {host: configured(registry.password) for host, registry in wanted.items()}
        passwords = {host: value for host, value in found.items() if value is not None}
        missing = [host for host in found if host not in passwords]
        if missing:
            raise MissingSecretError(
                f"Pulumi.{spec.stack}.yaml: passwords of registries are missing: {', '.join(missing)}; set what "
                "colorway:registries names as `password`: "
                f"pulumi config set --secret secrets:NAME --stack {spec.stack}"
            )
        return cls(users={host: registry.user for host, registry in wanted.items()}, passwords=passwords)

    @property
    def of_provider(self) -> Sequence[docker.ProviderRegistryAuthArgs] | None:
        """The logins for the docker provider, which gives each service that of its image's registry.

        On the provider and not on the services: there a new password would replace every one of them.
        """
        return [
            docker.ProviderRegistryAuthArgs(address=host, username=user, password=self.passwords[host])
            for host, user in self.users.items()
        ] or None

    @property
    def of_docker(self) -> pulumi.Output[str] | None:
        """The logins as the config.json of `docker`, for a script's standard input; secret. None = there are none."""
        if not self.users:
            return None
        return pulumi.Output.secret(pulumi.Output.all(**self.passwords).apply(self._config_json))

    def _config_json(self, passwords: Mapping[str, str]) -> str:
        return json.dumps(
            {"auths": {_in_files(host): _entry(self.users[host], passwords[host]) for host in self.users}}
        )


def _in_files(host: str) -> str:
    return _HUB_IN_FILES if host == DOCKER_HUB else host


def _entry(user: str, password: str) -> Mapping[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
