"""What the commands of a release do; loaded when one is given, because all that a release needs takes half a second."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table

from colorway.cli.invocation import runnable
from colorway.config import stack_files
from colorway.release.plan.situation import Goal, Request, read_state
from colorway.release.plan.steps import Done, Freeze, Refuse, code_of
from colorway.release.plan.trailers import WHOLE
from colorway.release.ports.git import Git
from colorway.release.ports.project import Files
from colorway.release.ports.protocols import Ports, SystemClock
from colorway.release.run.execute import execute, plan
from colorway.release.run.wiring import Backing, real_ports
from colorway.release.tell.history import records
from colorway.release.tell.report import LineReporter, describe, ending_lines
from colorway.spec.fields import parse_duration
from colorway.spec.platform_spec import PlatformSpec

PIPED_WIDTH = 200
"""Columns of a table that no terminal limits, so that `grep` finds a release in one line."""


@dataclass(frozen=True)
class Runner:
    """Runs the commands of a release."""

    root: Callable[[], Path]
    """Asked for the project's folder."""
    connect: Callable[[PlatformSpec], Backing]
    """Asked for the engine, the manager and the secrets of a stack."""

    def release(  # noqa: PLR0913 - as many as the command has options
        self,
        *,
        version: str | None,
        stack: str,
        stages: str | None,
        bake: str | None,
        take_over: str | None,
        asks: bool,
        dry_run: bool,
    ) -> None:
        """Bring a version to all users, or go on with what is under way."""
        goal = Goal.RELEASE if version else Goal.RESUME
        request = Request(
            goal=goal,
            version=version,
            stages=parse_stages(stages) if stages else None,
            bake=_parse_bake(bake) if bake else None,
            take_over=take_over,
        )
        self._run(request, stack, dry_run=dry_run, asks=asks)

    def rollback(
        self, *, stack: str, accept_schema: str | None, take_over: str | None, asks: bool, dry_run: bool
    ) -> None:
        """Take all traffic back to the old version."""
        request = Request(goal=Goal.ROLLBACK, accept_schema=accept_schema, take_over=take_over)
        self._run(request, stack, dry_run=dry_run, asks=asks)

    def finish(self, *, stack: str, take_over: str | None, asks: bool, dry_run: bool) -> None:
        """Turn the old color off."""
        self._run(Request(goal=Goal.FINISH, take_over=take_over), stack, dry_run=dry_run, asks=asks)

    def history(self, *, stack: str, count: int) -> None:
        """Print the stack's releases, newest first."""
        root = self.root()
        git, file = Git(root), stack_files.stack_file(stack)
        log = git.releases(file)
        facts = Files(root, stack).facts(git.text_at_head(file), version=None)
        table = Table(box=None, pad_edge=False)
        for heading in ("version", "from", "began (UTC)", "steps", "outcome", "who"):
            table.add_column(heading)
        for record in records(log, read_state(facts.committed, log))[:count]:
            began = f"{record.began:%Y-%m-%d %H:%M}"
            table.add_row(record.version, record.previous, began, record.steps, record.outcome, record.people)
        Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table)

    def _run(self, request: Request, stack: str, *, dry_run: bool, asks: bool) -> None:
        root = self.root()
        spec = stack_files.from_file(root=root, stack=stack)
        reporter = LineReporter(write=_write, is_terminal=sys.stdout.isatty(), clock=SystemClock())
        ports = real_ports(spec, root=root, backing=self.connect(spec), reporter=reporter)
        if dry_run or (asks and _at_a_terminal()):
            self._show(request, ports)
            if dry_run:
                return
            typer.confirm("Go on?", abort=True)
        _turn_sigterm_into_an_exception()
        ending = execute(request, ports)
        for line in ending_lines(ending):
            typer.echo(runnable(line), err=not isinstance(ending, Done))
        raise typer.Exit(int(code_of(ending)))

    def _show(self, request: Request, ports: Ports) -> None:
        situation, steps = plan(request, ports)
        for line in describe(situation, steps):
            typer.echo(runnable(line))
        if isinstance(steps[-1], Refuse | Freeze):
            raise typer.Exit(int(code_of(steps[-1])))


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


def _at_a_terminal() -> bool:
    """Return whether somebody is there to be asked; CI and pipes are not."""
    return sys.stdin.isatty()


def _write(text: str) -> None:
    sys.stdout.write(runnable(text))
    sys.stdout.flush()


def _turn_sigterm_into_an_exception() -> None:
    """A run that is told to end gives its lock back; only kill -9 does not, and then the lock's process is dead."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
