"""The platform's secrets as Swarm secrets."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from functools import partial

import pulumi
import pulumi_docker as docker

from colorway.errors import ColorwayError
from colorway.render.edge_secrets import TextOf, UnusableSecretError, edge_secrets
from colorway.spec.names import STACK_LABEL
from colorway.spec.platform_spec import PlatformSpec
from components.swarm_spec import MountedFile

Configured = Callable[[str], pulumi.Output[str] | None]
"""Looks a secret up in the stack's configuration; none = not set there."""


class MissingSecretError(ColorwayError):
    """Secrets that the platform needs and the stack does not set."""


class Secrets(pulumi.ComponentResource):
    """Creates one Swarm secret for each secret of the platform file but nginx's, which are files of its hosts.

    Names are the engine's own (autonamed): new content is a new secret, created before the services move
    to it, and deleted after. In staging and production a missing value is an error; in local and lab it is
    made up, stored once (`Stash`, encrypted in state), and never changes.
    """

    texts: Mapping[str, pulumi.Output[str]]
    """What each says, by name in the platform file; secret."""
    files: Mapping[str, MountedFile]
    """The Swarm secrets as files for containers, by name in the platform file."""
    preview_token: pulumi.Output[str]
    """The token that opens the idle color; secret."""
    pass_secret: pulumi.Output[str] | None
    """What the link past the page of maintenance ends with; secret; none = the platform has no such link."""
    edge_files: Mapping[str, pulumi.Output[str]]
    """What nginx includes, by file name; secret. No Swarm secret, because a new one replaces the load balancers."""

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        configured: Configured,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:swarm:Secrets", name, None, opts)
        self.texts = values = self._values(name, spec, configured)
        edge = spec.platform.edge
        self.preview_token = values[edge.preview_token]
        self.pass_secret = values[edge.maintenance_secret] if edge.maintenance_secret else None
        self.edge_files = {
            file: values[secret].apply(partial(_told, text_of))
            for file, (secret, text_of) in edge_secrets(spec).items()
        }
        mounted = {wanted.name for wanted in spec.inventory().secrets if wanted.is_mounted}
        self.files = {
            secret: mounted_secret(f"{name}-{secret}", value, path=secret, stack=spec.stack, parent=self)
            for secret, value in values.items()
            if secret in mounted
        }
        self.register_outputs({})

    def _values(self, name: str, spec: PlatformSpec, configured: Configured) -> dict[str, pulumi.Output[str]]:
        values: dict[str, pulumi.Output[str]] = {}
        missing: list[str] = []
        for secret in (wanted.name for wanted in spec.inventory().secrets):
            value = configured(secret)
            if value is None and not spec.is_guarded:
                value = self._made_up(f"{name}-{secret}-value")
            if value is None:
                missing.append(secret)
            else:
                values[secret] = pulumi.Output.secret(value)
        if missing:
            cure = "; ".join(f"pulumi config set --secret secrets:{secret} --stack {spec.stack}" for secret in missing)
            raise MissingSecretError(
                f"Pulumi.{spec.stack}.yaml: secrets are missing: {', '.join(missing)}; set them: {cure}"
            )
        return values

    def _made_up(self, name: str) -> pulumi.Output[str]:
        stash = pulumi.Stash(
            name,
            input=pulumi.Output.secret(secrets.token_hex(24)),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["input"]),
        )
        return pulumi.Output.secret(stash.output.apply(str))


def mounted_secret(
    name: str, text: pulumi.Output[str], *, path: str, stack: str, parent: pulumi.Resource
) -> MountedFile:
    """Create a Swarm secret and return it as a file; new text is a new secret (autonamed)."""
    made = docker.Secret(
        name,
        data=text.apply(lambda value: base64.b64encode(value.encode()).decode()),
        labels=[docker.SecretLabelArgs(label=STACK_LABEL, value=stack)],
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return MountedFile(id=made.id, name=made.name, path=path)


def _told(text_of: TextOf, value: str) -> str:
    try:
        return text_of(value)
    except UnusableSecretError as error:
        # The engine prints any other error of an output with its traceback.
        raise pulumi.RunError(str(error)) from None
