"""`colorway lab`: the hosts of a stack as namespaces of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorway.cli.hosts import Host
from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.lab.faults import Fault, Faults
from colorway.machine import daemon
from colorway.machine.progress import TerminalProgress

if TYPE_CHECKING:
    from colorway.lab.lab import Lab

Demo = Annotated[
    bool, typer.Option("--demo", help="Let the demo application stand in for every image, under all of its names.")
]
Stack = Annotated[str, typer.Option("--stack", help="The stack whose hosts they are.")]


class Commands:
    """The commands."""

    def __init__(self, root: Callable[[], Path]) -> None:
        self._root = root

    def up(
        self,
        stack: Stack = "lab",
        like: Annotated[
            str | None,
            typer.Option("--like", help="A stack whose hosts are to be rehearsed; its lab is the stack LIKE-lab."),
        ] = None,
        *,
        demo: Demo = False,
    ) -> None:
        """Start the hosts that do not run: bare, each with an SSH server, on a network of their own."""
        from colorway.engine import session  # noqa: PLC0415 - what only this needs

        if demo and like is None:
            raise ColorwayError("--demo says with which images a stack is rehearsed; say which one by --like STACK")
        if like is not None:
            stack = self._rehearsed(like, stack, demo=demo)
        lab = self._lab(stack)
        lab.refuse()
        root = self._root()
        with TerminalProgress() as progress:
            daemon.ensure_docker(progress)
            started = lab.up(progress=progress, images=lambda: session.built_images(lab.spec, root, progress=progress))
        typer.echo(f"started: {', '.join(started)}" if started else "all hosts of the lab run already")
        if like is not None:
            typer.echo(f"next: colorway up {stack}; the end of it: colorway lab down --stack {stack}")

    def rehearse(
        self,
        stack: Annotated[str, typer.Argument(help="The stack that is rehearsed.", show_default=False)],
        *,
        demo: Demo = False,
    ) -> None:
        """Write the stack STACK-here: all of another stack on this machine alone."""
        from colorway.lab import rehearsal  # noqa: PLC0415 - what only this needs

        name = rehearsal.stack_name(stack, rehearsal.HERE)
        self._write(stack, where=rehearsal.HERE, demo=demo)
        typer.echo(f"next: colorway up {name}; the end of it: colorway down {name} --data")

    def _rehearsed(self, like: str, stack: str, *, demo: bool) -> str:
        from colorway.lab import rehearsal  # noqa: PLC0415 - what only this needs

        name = rehearsal.stack_name(like)
        if stack not in {"lab", name}:
            raise ColorwayError(f"--like {like} is the lab of the stack {name}, and not of {stack}; leave --stack out")
        self._write(like, where=rehearsal.LAB, demo=demo)
        if rehearsal.is_behind(self._root(), like):
            typer.echo(f"its hosts are not those of {like}; take the lab down and the file away, to have them again")
        return name

    def _write(self, like: str, *, where: str, demo: bool) -> None:
        from colorway.lab import rehearsal  # noqa: PLC0415 - what only this needs

        written = rehearsal.write(self._root(), like, where=where, demo=demo)
        for file in written:
            typer.echo(f"wrote {file}")
        file = stack_files.stack_file(rehearsal.stack_name(like, where))
        if file not in written:
            typer.echo(f"{file} is there already, and stays as it is")

    def down(self, stack: Stack = "lab") -> None:
        """End the hosts, and throw their disks away."""
        gone = self._lab(stack).down()
        typer.echo(f"gone, with their disks: {', '.join(gone)}" if gone else "there is no lab of this stack")

    def status(self, stack: Stack = "lab") -> None:
        """Say which hosts run; exit code 1 where one does not."""
        lab = self._lab(stack)
        found = lab.status()
        for name, runs in found.items():
            typer.echo(f"{name:<20} {lab.host(name).spec.address!s:<16} {'runs' if runs else 'does not run'}")
        raise typer.Exit(0 if all(found.values()) else 1)

    def exec(
        self,
        host: Host,
        command: Annotated[list[str], typer.Argument(help="What to run there as root.", show_default=False)],
        stack: Stack = "lab",
    ) -> None:
        """Run a command as root on a host, past SSH and network."""
        raise typer.Exit(self._lab(stack).enter(host, command))

    def fault(
        self,
        kind: Annotated[Fault, typer.Argument(help="What befalls the host.", show_default=False)],
        host: Host,
        what: Annotated[
            str, typer.Argument(help="The path of read-only, the service of kill-task, the bytes of mtu.")
        ] = "",
        *,
        undo: Annotated[bool, typer.Option("--undo", help="Let it be over.")] = False,
        stack: Stack = "lab",
    ) -> None:
        """Let something befall a host, or undo it; `down` undoes all."""
        lab = self._lab(stack)
        faults = Faults(host=lab.host(host), switch=lab.switch)
        (faults.end if undo else faults.begin)(kind, what)
        typer.echo(f"{host}: {kind}{f' {what}' if what else ''}{' is over' if undo else ''}")

    def renew(self, host: Host, stack: Stack = "lab") -> None:
        """Throw a host's disk away and start it bare: another machine under its name."""
        lab = self._lab(stack)
        lab.renew(lab.host(host).spec)
        typer.echo(f"{host}: a bare machine, with an empty disk")

    def _lab(self, stack: str) -> Lab:
        from colorway.lab.lab import Lab  # noqa: PLC0415 - what only these commands need

        root = self._root()
        return Lab(spec=stack_files.from_file(root=root, stack=stack), root=root)


def register(app: typer.Typer, *, root: Callable[[], Path]) -> None:
    """Add `lab` with its commands to a command line.

    Args:
        app: The command line.
        root: Asked for the project's folder.
    """
    commands = Commands(root)
    group = typer.Typer(help="The hosts of a stack as namespaces of this machine.", no_args_is_help=True)
    for command in (commands.up, commands.down, commands.status, commands.fault, commands.renew):
        group.command()(command)
    group.command(context_settings={"ignore_unknown_options": True})(commands.exec)
    app.add_typer(group, name="lab")
    app.command()(commands.rehearse)
