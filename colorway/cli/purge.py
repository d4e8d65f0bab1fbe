"""`colorway purge`: having the CDN before a stack forget what it kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.spec import names
from colorway.spec.traffic import Color

if TYPE_CHECKING:
    from colorway.cdn.purging import Cloudflare
    from colorway.engine.operations import Engine
    from colorway.spec.platform_spec import PlatformSpec

Stack = Annotated[str, typer.Argument(help="Name of the stack: Pulumi.<name>.yaml.", show_default=False)]
Version = Annotated[str | None, typer.Option(help="Forget what this version answered.", show_default=False)]
Tag = Annotated[str | None, typer.Option(help="Forget what has this Cache-Tag.", show_default=False)]
Everything = Annotated[bool, typer.Option("--everything", help="Forget the whole zone, other stacks of it, too.")]


def cdn_of(spec: PlatformSpec, engine: Callable[[], Engine]) -> Cloudflare:
    """Return the CDN before a stack, with the token of the environment, or else of the stack's secrets.

    Raises:
        ColorwayError: the stack has no zone, or its secrets cannot be read.
    """
    from colorway.cdn.purging import Cloudflare, token_in  # noqa: PLC0415 - what only a stack with a zone needs

    if not spec.is_behind_cloudflare:
        file = stack_files.stack_file(spec.stack)
        raise ColorwayError(f"{file}: has no colorway:zones that are proxied, so there is nothing to purge")
    token = token_in(os.environ)
    if token is None:
        token = engine().open()[0].configured_secrets().get(names.PURGE_SECRET)
    return Cloudflare(zones=tuple(spec.proxied_zones.values()), token=token)


@dataclass(frozen=True)
class Commands:
    """The command, and what it needs from outside."""

    root: Callable[[], Path]
    engine: Callable[[PlatformSpec], Engine]
    say: Callable[[str], None]

    def purge(self, stack: Stack, *, version: Version = None, tag: Tag = None, everything: Everything = False) -> None:
        """Have the CDN forget: without an option what a failed purge left there."""
        if sum([version is not None, tag is not None, everything]) > 1:
            raise typer.BadParameter("--version, --tag and --everything exclude each other; give one of them")
        spec = stack_files.from_file(root=self.root(), stack=stack)
        cdn = cdn_of(spec, lambda: self.engine(spec))
        if everything:
            cdn.forget_everything()
            self.say(f"purged: everything of {', '.join(spec.proxied_zones.values())}")
            return
        waits = tag is None and version is None
        tags = self._waiting(spec) if waits else [tag] if tag else _tags(stack, version or "")
        if not tags:
            self.say("nothing waits to be purged")
            return
        cdn.forget(tags)
        self.say(f"purged: {', '.join(tags)}")
        if waits:
            self.say(f"colorway up {stack} notes it in the state")

    def _waiting(self, spec: PlatformSpec) -> list[str]:
        outputs = self.engine(spec).open()[1].outputs
        return sorted(outputs.purge.waiting) if outputs and outputs.purge else []


def _tags(stack: str, version: str) -> list[str]:
    """Return a version's tags; whichever color it had."""
    return [names.cache_tag(stack, color, version) for color in Color]


def register(
    app: typer.Typer,
    *,
    root: Callable[[], Path],
    engine: Callable[[PlatformSpec], Engine],
    say: Callable[[str], None],
) -> None:
    """Add `purge` to a command line.

    Args:
        app: The command line.
        root: Asked for the project's folder.
        engine: Asked for the engine of a stack; only where its state or its secrets are read.
        say: Prints one line.
    """
    app.command()(Commands(root, engine, say).purge)
