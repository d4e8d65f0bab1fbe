"""The commands of a release: parse, call, print; no logic."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from colorway import stack_config
from colorway.release.clock import SystemClock
from colorway.release.dry_run import describe, ending_lines
from colorway.release.execute import execute, plan
from colorway.release.git import Git
from colorway.release.history import records
from colorway.release.ports import Ports
from colorway.release.project import Files
from colorway.release.report import LineReporter
from colorway.release.situation import Goal, Request
from colorway.release.state import read_state
from colorway.release.steps import Done, Freeze, Refuse, code_of
from colorway.release.trailers import WHOLE
from colorway.release.wiring import Backing, real_ports
from colorway.spec.fields import parse_duration
from colorway.spec.root import PlatformSpec

Connect = Callable[[PlatformSpec], Backing]
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
        goal = Goal.RELEASE if version else Goal.RESUME
        request = Request(
            goal=goal,
            version=version,
            stages=parse_stages(stages) if stages else None,
            bake=_parse_bake(bake) if bake else None,
            take_over=take_over,
        )
        self._run(request, stack, dry_run=dry_run, asks=not yes)

    def rollback(
        self,
        *,
        stack: Stack,
        accept_schema: Annotated[
            str | None, typer.Option(help="Go back although a migration is not backward compatible; why it works.")
        ] = None,
        take_over: TakeOver = None,
        dry_run: DryRun = False,
    ) -> None:
        """Take all traffic back to the old version and turn the new one off; after 100 % while the old is hot."""
        request = Request(goal=Goal.ROLLBACK, accept_schema=accept_schema, take_over=take_over)
        self._run(request, stack, dry_run=dry_run)

    def finish(self, *, stack: Stack, take_over: TakeOver = None, dry_run: DryRun = False) -> None:
        """Turn the old color off, once its hot time is over; may be repeated."""
        self._run(Request(goal=Goal.FINISH, take_over=take_over), stack, dry_run=dry_run)

    def history(
        self, *, stack: Stack, count: Annotated[int, typer.Option(help="Releases to show, newest first.")] = 10
    ) -> None:
        """Show the stack's releases, from its commits."""
        root = self.root()
        git, file = Git(root), stack_config.stack_file(stack)
        log = git.releases(file)
        facts = Files(root, stack).facts(git.text_at_head(file), version=None)
        table = Table(box=None, pad_edge=False)
        for heading in ("version", "from", "began (UTC)", "steps", "outcome", "who"):
            table.add_column(heading)
        for record in records(log, read_state(facts.committed, log))[:count]:
            began = f"{record.began:%Y-%m-%d %H:%M}"
            table.add_row(record.version, record.previous, began, record.steps, record.outcome, record.people)
        Console(highlight=False).print(table)

    def _run(self, request: Request, stack: str, *, dry_run: bool, asks: bool = False) -> None:
        root = self.root()
        spec = stack_config.from_file(root=root, stack=stack)
        reporter = LineReporter(write=_write, is_terminal=sys.stdout.isatty(), clock=SystemClock())
        ports = real_ports(spec, root=root, backing=self.connect(spec), reporter=reporter)
        if dry_run or (asks and sys.stdin.isatty()):
            self._show(request, ports)
            if dry_run:
                return
            typer.confirm("Go on?", abort=True)
        _turn_sigterm_into_an_exception()
        ending = execute(request, ports)
        for line in ending_lines(ending):
            typer.echo(line, err=not isinstance(ending, Done))
        raise typer.Exit(int(code_of(ending)))

    def _show(self, request: Request, ports: Ports) -> None:
        situation, steps = plan(request, ports)
        for line in describe(situation, steps):
            typer.echo(line)
        if isinstance(steps[-1], Refuse | Freeze):
            raise typer.Exit(int(code_of(steps[-1])))


def register(app: typer.Typer, *, root: Callable[[], Path], connect: Connect) -> None:
    """Add `release`, `rollback`, `finish` and `history` to a command line.

    Args:
        app: The command line.
        root: Asked for the project's folder.
        connect: Asked for the engine, the manager and the secrets of a stack.
    """
    commands = Commands(root, connect)
    for command in (commands.release, commands.rollback, commands.finish, commands.history):
        app.command()(command)


def parse_stages(text: str) -> tuple[int, ...]:
    """Return `10,50` as percentages below 100; `100` alone as none at all.

    Raises:
        typer.BadParameter: they are no percentages, or do not grow.
    """
    try:
        shares = [int(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if not shares or shares != sorted(set(shares)) or not 0 < shares[0] <= shares[-1] <= WHOLE:
        raise typer.BadParameter("must be growing percentages, for example 10,50; 100 means all at once")
    return tuple(share for share in shares if share < WHOLE)


def _parse_bake(text: str) -> timedelta:
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not found:
        raise typer.BadParameter("must be longer than nothing; --stages 100 leaves the stages out")
    return found


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _turn_sigterm_into_an_exception() -> None:
    """A run that is told to end gives its lock back; only kill -9 does not, and then the lock's process is dead."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
