"""The one reader of `pulumi.Config`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pulumi

from colorway.config import stack_files
from colorway.config.documents import Document, read_document
from colorway.config.engine_text import decoded
from colorway.config.explain import unknown_key
from colorway.spec.base import to_kebab
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import StackSettings, is_published

KEPT_BACK_VARIABLE = "COLORWAY_KEPT_BACK"
"""Environment variable with the migrations that wait for the next run; see `PlatformSpec.kept_back`."""


def from_pulumi(*, root: Path) -> PlatformSpec:
    """Read the running stack's configuration.

    `pulumi.Config` cannot list keys, so misspelt ones are looked for in the stack's file, where there is one.

    Raises:
        stack_files.ConfigError: something in it is wrong, or the published passphrase would protect what is for users.
    """
    stack = pulumi.get_stack()
    name = stack_files.stack_file(stack)
    lines: Document | None = None
    if (root / name).is_file():
        document, problems = read_document(root / name, name=name)
        if problems:
            raise stack_files.ConfigError(problems)
        lines = document.section("config").keys_with_prefix(stack_files.NAMESPACE)
        _refuse_unknown_keys(lines)
    settings = Document(name=name, data=_settings(), lines=lines.lines if lines else {}, prefix=stack_files.NAMESPACE)
    spec = stack_files.load(root=root, stack=stack, settings=settings)
    # `colorway up` asks for more before it begins; this is for those who run plain `pulumi up`.
    if spec.is_guarded and is_published(os.environ) and not pulumi.runtime.is_dry_run():
        message = (
            "is a stack under the published passphrase, which may be previewed only; give it a passphrase of its own"
        )
        raise stack_files.ConfigError([settings.problem(("environment",), message)])
    kept_back = os.environ.get(KEPT_BACK_VARIABLE, "").split()
    return spec.model_copy(update={"kept_back": tuple(kept_back)})


def configured_secret(name: str) -> pulumi.Output[str] | None:
    """Return a secret of the stack's `secrets:` namespace, None where it is not set."""
    return pulumi.Config("secrets").get_secret(name)


def _settings() -> dict[str, Any]:
    config = pulumi.Config(stack_files.NAMESPACE.rstrip(":"))
    found = {}
    for key in map(to_kebab, StackSettings.model_fields):
        text = config.get(key)
        if text is not None:
            found[key] = decoded(text)
    return found


def _refuse_unknown_keys(settings: Document) -> None:
    known = {to_kebab(field) for field in StackSettings.model_fields}
    problems = settings.problems(((key,), unknown_key(StackSettings, key)) for key in settings.data if key not in known)
    if problems:
        raise stack_files.ConfigError(problems)
