"""The commands of a release: their options and their help; `cli_release_run` does the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from colorway.cli import maintenance
from colorway.spec.platform_spec import PlatformSpec

if TYPE_CHECKING:
    from colorway.cli.release_run import Runner
    from colorway.release.run.wiring import Backing

Connect: TypeAlias = "Callable[[PlatformSpec], Backing]"
"""Finds the engine, the manager and the secrets of a stack."""
Stack = Annotated[str, typer.Option("--stack", help="Name of the stack: local for Pulumi.local.yaml.")]
TakeOver = Annotated[str | None, typer.Option(help="Take somebody else's release lock, which stops their run; why.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan with the commits' diffs; change nothing.")]


@dataclass(frozen=True)
class Commands:
    """The commands, and what they need from outside."""

    root: Callable[[], Path]
    connect: Connect

    def release(  # noqa: PLR0913 - a command takes its options by keyword, as many as it has
        self,
        *,
        version: Annotated[
            str | None, typer.Argument(help="Name of a release manifest; without it, what is under way continues.")
        ] = None,
        stack: Stack,
        stages: Annotated[
            str | None, typer.Option(help="Percentages instead of the policy's: 10,50. 100 = all at once.")
        ] = None,
        bake: Annotated[str | None, typer.Option(help="Time that each stage is watched: 5m.")] = None,
        take_over: TakeOver = None,
        yes: Yes = False,
        dry_run: DryRun = False,
    ) -> None:
        """Bring a version to all users in stages, a verdict at each; a bad one goes back by itself.

        Exit codes: 0 released, 1 refused, 3 rolled back, 4 held where it is.
        """
        self._runner.release(
            version=version,
            stack=stack,
            stages=stages,
            bake=bake,
            take_over=take_over,
            asks=not yes,
            dry_run=dry_run,
        )

    def rollback(
        self,
        *,
        stack: Stack,
        accept_schema: Annotated[
            str | None,
            typer.Option(help="Go back although a reverted finish may have changed the schema; why it works."),
        ] = None,
        take_over: TakeOver = None,
        yes: Yes = False,
        dry_run: DryRun = False,
    ) -> None:
        """Take all traffic back to the old version and turn the new one off; after 100 % while the old is hot."""
        self._runner.rollback(
            stack=stack, accept_schema=accept_schema, take_over=take_over, asks=not yes, dry_run=dry_run
        )

    def finish(self, *, stack: Stack, take_over: TakeOver = None, yes: Yes = False, dry_run: DryRun = False) -> None:
        """Turn the old color off after its hot time, and run the migrations that waited for it; may be repeated."""
        self._runner.finish(stack=stack, take_over=take_over, asks=not yes, dry_run=dry_run)

    def history(
        self, *, stack: Stack, count: Annotated[int, typer.Option(help="Releases to show, newest first.")] = 10
    ) -> None:
        """Show the stack's releases, from its commits."""
        self._runner.history(stack=stack, count=count)

    @property
    def _runner(self) -> Runner:
        from colorway.cli.release_run import Runner  # noqa: PLC0415 - half a second that no other command should pay

        return Runner(self.root, self.connect)


def register(app: typer.Typer, *, root: Callable[[], Path], connect: Connect) -> None:
    """Add `release`, `rollback`, `finish`, `history` and `maintenance` to a command line.

    Args:
        app: The command line.
        root: Asked for the project's folder.
        connect: Asked for the engine, the manager and the secrets of a stack.
    """
    commands = Commands(root, connect)
    for command in (commands.release, commands.rollback, commands.finish, commands.history):
        app.command()(command)
    maintenance.register(app, root=root, connect=connect)
