"""`colorway maintenance`: closing a stack, or a place of it, for everybody but those who have the link."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorway.cli.invocation import runnable
from colorway.config import stack_files

if TYPE_CHECKING:
    from colorway.release.run.maintenance import Maintenance
    from colorway.release.run.wiring import Backing
    from colorway.spec.platform_spec import PlatformSpec

Stack = Annotated[str, typer.Argument(help="Name of the stack: Pulumi.<name>.yaml.", show_default=False)]
Route = Annotated[
    str | None,
    typer.Option(help="Only this route: example.com/api/, or /api/ under the stack's own domain.", show_default=False),
]
Message = Annotated[str | None, typer.Option(help="What visitors read, one line.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the commit; change nothing.")]


@dataclass(frozen=True)
class Commands:
    """The commands, and what they need from outside."""

    root: Callable[[], Path]
    connect: Callable[[PlatformSpec], Backing]

    def on(self, stack: Stack, *, route: Route = None, message: Message = None, dry_run: DryRun = False) -> None:
        """Close a stack, or one route: visitors get a page (503), what is under way is finished."""
        self._of(stack).on(route, message=message, dry=dry_run)

    def off(self, stack: Stack, *, route: Route = None, dry_run: DryRun = False) -> None:
        """Open a stack again, or one route."""
        self._of(stack).off(route, dry=dry_run)

    def link(self, stack: Stack) -> None:
        """Print the link that leads past the page, one for each domain; it is a secret, and works while closed."""
        from colorway.release.tell.maintenance import links  # noqa: PLC0415 - what only this command needs

        spec = stack_files.from_file(root=self.root(), stack=stack)
        for line in links(spec, engine=self.connect(spec).engine):
            typer.echo(line)

    def _of(self, stack: str) -> Maintenance:
        # Half a second that no other command should pay.
        from colorway.release.ports.protocols import SystemClock  # noqa: PLC0415
        from colorway.release.run.maintenance import Maintenance  # noqa: PLC0415
        from colorway.release.run.wiring import real_ports  # noqa: PLC0415
        from colorway.release.tell.report import LineReporter  # noqa: PLC0415

        root = self.root()
        spec = stack_files.from_file(root=root, stack=stack)
        reporter = LineReporter(write=_write, is_terminal=sys.stdout.isatty(), clock=SystemClock())
        ports = real_ports(spec, root=root, backing=self.connect(spec), reporter=reporter)
        return Maintenance(spec=spec, ports=ports)


def _write(text: str) -> None:
    sys.stdout.write(runnable(text))
    sys.stdout.flush()


def register(app: typer.Typer, *, root: Callable[[], Path], connect: Callable[[PlatformSpec], Backing]) -> None:
    """Add `maintenance` with its commands to a command line.

    Args:
        app: The command line.
        root: Asked for the project's folder.
        connect: Asked for the engine, the manager and the secrets of a stack.
    """
    commands = Commands(root, connect)
    group = typer.Typer(help="Close a stack, or a route of it, for maintenance.", no_args_is_help=True)
    for command in (commands.on, commands.off, commands.link):
        group.command()(command)
    app.add_typer(group, name="maintenance")
