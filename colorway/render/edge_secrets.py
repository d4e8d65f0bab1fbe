"""What nginx knows of secrets: files of the load balancers' hosts that its text includes, and never the text itself."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from functools import partial

from colorway.errors import ColorwayError
from colorway.render.maintenance import COOKIE_FILE, LINK_FILE, LINK_PATH
from colorway.render.routes import login_file
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.traffic import USERS, Color

PREVIEW_FILE = "preview.conf"
"""File that knows who chooses a color."""
ORIGIN_FILE = "origin-ca.pem"
"""File with the authorities of the certificate by which Cloudflare is known; no secret, and rotated with them."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_LOGIN = re.compile(r"[^:\x00-\x1f\x7f]{1,100}:[^\x00-\x1f\x7f]{8,200}")
TextOf = Callable[[str], str]
"""Returns a file's text, given the secret's value; raises UnusableSecretError, without the value, where it has none."""


class UnusableSecretError(ColorwayError):
    """A secret whose value nginx cannot have, or whoever tries can guess."""


def edge_secrets(spec: PlatformSpec) -> dict[str, tuple[str, TextOf]]:
    """Return the files by their names, each with the secret that it knows and what makes its text of the value."""
    edge = spec.platform.edge
    found: dict[str, tuple[str, TextOf]] = {
        PREVIEW_FILE: (edge.preview_token, partial(token_map, stack=spec.stack, name=edge.preview_token))
    }
    for login in spec.basic_auths:
        found[login_file(login)] = (login, partial(login_map, stack=spec.stack, name=login))
    if (passing := edge.maintenance_secret) is not None:
        found[COOKIE_FILE] = (passing, partial(cookie_map, stack=spec.stack, name=passing))
        found[LINK_FILE] = (passing, partial(link_map, stack=spec.stack, name=passing))
    return found


def token_map(token: str, *, stack: str, name: str) -> str:
    """Return the nginx map fragment that knows the token; a map's strings ignore case, its patterns do not.

    It knows who chooses a color, and `users`, who choose none and yet go where the page of maintenance stands.

    Raises:
        UnusableSecretError: the token has another form.
    """
    known = re.escape(_checked(token, stack=stack, name=name))
    return "".join(f'"~^{known}\\.{chosen}$" {chosen};\n' for chosen in (*Color, USERS))


def link_map(secret: str, *, stack: str, name: str) -> str:
    """Return the fragment that knows the link, with whatever a messenger adds, and says the cookie's value.

    Raises:
        UnusableSecretError: the secret has another form.
    """
    link = re.escape(f"{LINK_PATH}/{_checked(secret, stack=stack, name=name)}")
    return f'"~^{link}(?:\\?.*)?$" {_cookie_value(secret)};\n'


def cookie_map(secret: str, *, stack: str, name: str) -> str:
    """Return the fragment that knows the cookie of whoever has opened the link.

    Raises:
        UnusableSecretError: the secret has another form.
    """
    return f'"~^{_cookie_value(_checked(secret, stack=stack, name=name))}$" 1;\n'


def login_map(text: str, *, stack: str, name: str) -> str:
    """Return the fragment that knows names and passwords as browsers send them.

    Args:
        text: `name:password` a line, or one password alone, whose name is then the secret's.
        stack: The stack that sets the secret.
        name: The secret.

    Raises:
        UnusableSecretError: a line is of neither form.
    """
    lines = text.splitlines() if ":" in text else [f"{name}:{text}"]
    if not lines or not all(_LOGIN.fullmatch(line) for line in lines):
        raise UnusableSecretError(
            f"Pulumi.{stack}.yaml: secrets:{name} must be name:password, one a line and none of them empty, or one "
            "password alone, each of 8 to 200 characters; write: pulumi config set --secret "
            f"secrets:{name} --stack {stack}"
        )
    sent = (base64.b64encode(line.encode()).decode().rstrip("=") for line in lines)
    return "".join(f'"~^(?i:basic) +{re.escape(one)}=*$" 1;\n' for one in sent)


def _cookie_value(secret: str) -> str:
    """Return what the cookie says: nobody who reads it knows the link."""
    return hashlib.sha256(f"{LINK_PATH} {secret}".encode()).hexdigest()


def _checked(token: str, *, stack: str, name: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise UnusableSecretError(
            f"Pulumi.{stack}.yaml: secrets:{name} must be 16 to 128 letters, digits, - or _, so that nginx can read it "
            f"and nobody can guess it; write: pulumi config set --secret secrets:{name} --stack {stack} "
            '"$(openssl rand -hex 24)"'
        )
    return token
