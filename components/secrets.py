"""The platform's secrets as Swarm secrets."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping

import pulumi
import pulumi_docker as docker

from colorway.errors import ColorwayError
from colorway.outputs import USERS
from colorway.render.maintenance import COOKIE_FILE, LINK_FILE, LINK_PATH
from colorway.render.routes import login_file
from colorway.spec.names import STACK_LABEL
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.traffic import Color
from components.swarm_spec import MountedFile

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_LOGIN = re.compile(r"[^:\x00-\x1f\x7f]{1,100}:[^\x00-\x1f\x7f]{8,200}")

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
    edge_files: dict[str, pulumi.Output[str]]
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
        token = spec.platform.edge.preview_token
        self.preview_token = values[token]
        self.edge_files = {
            "preview.conf": self.preview_token.apply(lambda text: _token_map(text, stack=spec.stack, name=token)),
            **{login_file(login): _login_file(values[login], spec, login) for login in spec.basic_auths},
        }
        self.pass_secret = None
        if (passing := spec.platform.edge.maintenance_secret) is not None:
            self.pass_secret = values[passing]
            known = self.pass_secret.apply(lambda text: _checked(text, stack=spec.stack, name=passing))
            self.edge_files[COOKIE_FILE] = known.apply(lambda text: f'"~^{_cookie_value(text)}$" 1;\n')
            self.edge_files[LINK_FILE] = known.apply(_link_map)
        mounted = {wanted.name for wanted in spec.inventory().secrets if wanted.is_mounted}
        made = {
            secret: self._secret(f"{name}-{secret}", value, stack=spec.stack)
            for secret, value in values.items()
            if secret in mounted
        }
        self.files = {
            secret: MountedFile(id=resource.id, name=resource.name, path=secret) for secret, resource in made.items()
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

    def _secret(self, name: str, value: pulumi.Output[str], *, stack: str) -> docker.Secret:
        return docker.Secret(
            name,
            data=value.apply(lambda text: base64.b64encode(text.encode()).decode()),
            labels=[docker.SecretLabelArgs(label=STACK_LABEL, value=stack)],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _login_file(value: pulumi.Output[str], spec: PlatformSpec, name: str) -> pulumi.Output[str]:
    return value.apply(lambda text: login_map(text, stack=spec.stack, name=name))


def login_map(text: str, *, stack: str, name: str) -> str:
    """Return the nginx map fragment that knows names and passwords as browsers send them.

    Args:
        text: `name:password` a line, or one password alone, whose name is then the secret's.
        stack: The stack that sets the secret.
        name: The secret.

    Raises:
        RunError: a line is of neither form.
    """
    lines = text.splitlines() if ":" in text else [f"{name}:{text}"]
    if not lines or not all(_LOGIN.fullmatch(line) for line in lines):
        raise pulumi.RunError(
            f"Pulumi.{stack}.yaml: secrets:{name} must be name:password, one a line and none of them empty, or one "
            "password alone, each of 8 to 200 characters; write: pulumi config set --secret "
            f"secrets:{name} --stack {stack}"
        )
    sent = (base64.b64encode(line.encode()).decode().rstrip("=") for line in lines)
    return "".join(f'"~^(?i:basic) +{re.escape(one)}=*$" 1;\n' for one in sent)


def _checked(token: str, *, stack: str, name: str) -> str:
    """Return a secret that nginx's text can have."""
    if not _TOKEN.fullmatch(token):
        raise pulumi.RunError(
            f"Pulumi.{stack}.yaml: secrets:{name} must be 16 to 128 letters, digits, - or _, so that nginx can read it "
            f"and nobody can guess it; write: pulumi config set --secret secrets:{name} --stack {stack} "
            '"$(openssl rand -hex 24)"'
        )
    return token


def _token_map(token: str, *, stack: str, name: str) -> str:
    """Return the nginx map fragment that knows the token; a map's strings ignore case, its patterns do not.

    It knows who chooses a color, and `users`, who choose none and yet go where the page of maintenance stands.
    """
    known = re.escape(_checked(token, stack=stack, name=name))
    return "".join(f'"~^{known}\\.{chosen}$" {chosen};\n' for chosen in (*Color, USERS))


def _link_map(secret: str) -> str:
    """Return the fragment that knows the link, with whatever a messenger adds, and says the cookie's value."""
    return f'"~^{re.escape(f"{LINK_PATH}/{secret}")}(?:\\?.*)?$" {_cookie_value(secret)};\n'


def _cookie_value(secret: str) -> str:
    """Return what the cookie says: nobody who reads it knows the link."""
    return hashlib.sha256(f"{LINK_PATH} {secret}".encode()).hexdigest()
