"""`colorway hosts`: the machines of a stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from colorway.errors import ColorwayError
from colorway.spec.platform_spec import PlatformSpec

if TYPE_CHECKING:
    from colorway.hosts.preflight import Facts
    from colorway.hosts.upkeep import Upkeep

Stack = Annotated[str, typer.Argument(help="Name of the stack: Pulumi.<name>.yaml.", show_default=False)]
Host = Annotated[str, typer.Argument(help="Name of the host in the stack's file.", show_default=False)]
ReadSpec = Callable[[str], PlatformSpec]
"""Returns what the files say of a stack."""
MakeUpkeep = Callable[[PlatformSpec], "Upkeep"]
"""Returns who lets a stack's hosts rest."""


_WIDEST = 200
"""Columns of a table, at most."""


class Commands:
    """The commands."""

    def __init__(self, read: ReadSpec, upkeep: MakeUpkeep) -> None:
        self._read, self._make = read, upkeep

    def check(self, stack: Stack) -> None:
        """Ask all hosts at once what they are; change nothing. Exit code 1 where one is not what it should be."""
        from colorway.hosts.bootstrap import check  # noqa: PLC0415 - what only this command needs

        spec = self._read(stack)
        if spec.is_local:
            raise ColorwayError(f"Pulumi.{stack}.yaml: its only host is this machine, which is reached without SSH")
        # A row is a line, also where it is longer than the terminal's, or goes to a program.
        Console(highlight=False, width=_WIDEST).print(_table(check(spec)))

    def drain(self, stack: Stack, host: Host) -> None:
        """Let all tasks of a host move to others; refused where those could not do what it does."""
        self._upkeep(stack).drain(host)

    def activate(self, stack: Stack, host: Host) -> None:
        """Let a host take tasks again."""
        self._upkeep(stack).activate(host)

    def reboot(self, stack: Stack, host: Host) -> None:
        """Drain a host, restart it, and let it work again."""
        self._upkeep(stack).reboot(host)

    def replace(self, stack: Stack, host: Host) -> None:
        """Take a host out of the swarm, drained first where it is alive, so that another machine can have its name."""
        self._upkeep(stack).replace(host)

    def _upkeep(self, stack: str) -> Upkeep:
        spec = self._read(stack)
        if spec.is_local:
            raise ColorwayError(f"Pulumi.{stack}.yaml: its only host is this machine, which cannot rest")
        return self._make(spec)


def _table(facts: list[Facts]) -> Table:
    columns = ("host", "address", "system", "architecture", "memory", "disk free", "MTU", "docker", "swarm")
    table = Table(*columns, box=None, pad_edge=False)
    for one in facts:
        role = "manager" if one.is_manager else "worker"
        table.add_row(
            one.host.name,
            str(one.host.address),
            one.system,
            one.architecture,
            f"{one.memory} MiB",
            f"{one.disk_free} MiB",
            str(one.mtu),
            one.docker_version or ("is not running" if one.docker_installed else "is missing"),
            role if one.swarm_state == "active" else one.swarm_state or "none",
        )
    return table


def register(app: typer.Typer, *, read: ReadSpec, upkeep: MakeUpkeep) -> None:
    """Add `hosts` with its commands to a command line.

    Args:
        app: The command line.
        read: Asked for a stack.
        upkeep: Asked who lets its hosts rest.
    """
    commands = Commands(read, upkeep)
    group = typer.Typer(help="The machines of a stack.", no_args_is_help=True)
    for command in (commands.check, commands.drain, commands.activate, commands.reboot, commands.replace):
        group.command()(command)
    app.add_typer(group, name="hosts")
