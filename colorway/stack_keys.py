"""What a stack file holds around colorway's own settings: the engine's keys, and the secrets."""

from __future__ import annotations

from collections.abc import Iterable

from colorway.documents import Document, Problem
from colorway.spec.base import Mistake, to_kebab
from colorway.spec.names import NOTICE_SECRET
from colorway.spec.nearest import hint, nearest
from colorway.spec.stack import StackSettings

NAMESPACE = "colorway:"
"""Prefix of our keys in a stack file."""
SECRETS = "secrets:"
"""Prefix of the platform's secrets in a stack file."""
TOP_LEVEL = ("config", "encryptionsalt", "encryptedkey", "environment", "secretsprovider")
"""What the engine knows at the top of a stack file."""
OTHER_NAMESPACES = ("cloudflare", "command", "docker", "pulumi")
"""Namespaces of the engine and of the plugins that the program uses."""


def stack_file_problems(document: Document, *, stack: str) -> list[Problem]:
    """Return what is wrong around the settings of a stack file, whatever its platform."""
    found: list[Mistake] = [
        ((key,), f"is no known key; {hint(key, TOP_LEVEL)}") for key in document.data if key not in TOP_LEVEL
    ]
    config = document.value("config")
    if config is not None and not isinstance(config, dict):
        found.append((("config",), "must be a mapping: keys, each with a value"))
    section = document.section("config").keys_with_prefix("")
    return document.problems(found) + section.problems(
        ((key,), message) for key, value in section.data.items() for message in _key_mistake(key, value, stack)
    )


def secret_name_problems(document: Document, *, secrets: Iterable[str]) -> list[Problem]:
    """Return the secrets that a stack file sets and its platform does not know."""
    known = list(secrets)
    section = document.section("config").keys_with_prefix(SECRETS)
    return section.problems(
        ((name,), f"is no secret of the platform; {hint(name, [*known, NOTICE_SECRET])}")
        for name in section.data
        if name not in known and not name.startswith(NOTICE_SECRET)
    )


def _key_mistake(key: str, value: object, stack: str) -> list[str]:
    namespace, colon, name = key.partition(":")
    if not colon:
        near = nearest(key, [to_kebab(field) for field in StackSettings.model_fields])
        cure = f"did you mean {NAMESPACE}{near}?" if near else f"colorway's own keys begin with {NAMESPACE}"
        return [f"has no namespace; {cure}"]
    if f"{namespace}:" == SECRETS and not (isinstance(value, dict) and set(value) == {"secure"}):
        cure = f"remove the line and run `pulumi config set --secret {key} --stack {stack}`"
        return [f"is in plain text, and git would keep it; {cure}"]
    ours = [NAMESPACE.rstrip(":"), SECRETS.rstrip(":")]
    meant = None if namespace in {*ours, *OTHER_NAMESPACES} else nearest(namespace, ours)
    return [f"has an unknown namespace; did you mean {meant}:{name}?"] if meant else []
