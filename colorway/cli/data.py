"""`colorway data`: the data stores of a stack."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from colorway.cli.invocation import runnable
from colorway.errors import ColorwayError
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import Connection
from colorway.swarm.inside import Inside
from colorway.swarm.ssh import COME_IN, kept

Stack = Annotated[str, typer.Argument(help="Name of the stack: Pulumi.<name>.yaml.", show_default=False)]
Store = Annotated[str, typer.Argument(help="Name of the data store in the platform file.", show_default=False)]
if TYPE_CHECKING:
    from colorway.data.entries import Entries
    from colorway.data.gate import Gate
    from colorway.data.generations import Generations
    from colorway.data.switchover import Switchover

ENTRY = "/colorway-entry.sh"
"""Where a task has its entry script."""
AsJson = Annotated[bool, typer.Option("--json", help="The same for programs.")]
To = Annotated[
    str | None,
    typer.Option(help="Host of the member that is to lead; none = one that has all.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and what it costs; change nothing.")]
Promoted = Annotated[str, typer.Option("--to", help="Host of the member that becomes the primary.", show_default=False)]
Dump = Annotated[Path, typer.Option(help="File of this machine.", show_default=False)]
AcceptLoss = Annotated[bool, typer.Option("--accept-loss", help="Do it though commits that were acknowledged may go.")]
Point = Annotated[
    str,
    typer.Option(
        "--to", help='A time, as "2026-11-28 14:00:00+00"; a restore point, or a GTID of MariaDB.', show_default=False
    ),
]
Loss = Annotated[
    int | None,
    typer.Option("--accept-loss", help="Commits after the point that are lost: exactly so many.", show_default=False),
]
Generation = Annotated[
    int, typer.Option("--generation", help="Which generation; see `data status`.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
ReadSpec = Callable[[str], PlatformSpec]
"""Returns what the files say of a stack."""
HoldOf = Callable[[PlatformSpec, str], AbstractContextManager[object]]
"""Holds a stack's lock, for a reason in words."""
Say = Callable[[str], None]
ManagerOf = Callable[[PlatformSpec], Connection]
"""Returns how a manager is asked, with the logins of the stack's registries."""


class Commands:
    """The commands."""

    def __init__(self, read: ReadSpec, hold: HoldOf, say: Say, manager: ManagerOf, root: Callable[[], Path]) -> None:
        self._read, self._hold, self._say, self._manager, self._root = read, hold, say, manager, root

    def status(self, stack: Stack, *, as_json: AsJson = False) -> None:
        """Say what each member of the data stores does, and how far behind it is. Exit code 1 if one is not well."""
        from colorway.data.status import status  # noqa: PLC0415 - what only this command needs
        from colorway.swarm.services import Swarm  # noqa: PLC0415

        spec = self._read(stack)
        found = status(
            spec,
            ask=_ask,
            tasks=lambda: Swarm(spec.manager).tasks(stack),
            others=lambda store: _generations(spec, store).others(),
        )
        if as_json:
            typer.echo(json.dumps(asdict(found), indent=2))
        else:
            table = Table("store", "host", "part", "state", "behind", box=None, pad_edge=False)
            for row in found.rows:
                table.add_row(row.store, row.host, row.part, row.state, row.behind)
            Console(highlight=False).print(table)
            for line in found.beside:
                self._say(runnable(line))
            for number, one in enumerate(found.wrong):
                self._say(f"{'also ' if number else ''}wrong: {one.what}")
                self._say(runnable(f"helps: {one.helps}"))
            for note in found.notes:
                self._say(note)
        if found.wrong:
            raise typer.Exit(1)

    def switchover(
        self,
        stack: Stack,
        store: Store,
        *,
        to: To = None,
        dry_run: DryRun = False,
    ) -> None:
        """Give the lead of a data store to another member; its clients wait some seconds."""
        spec = self._read(stack)
        # Clients wait for each answer of a host.
        with kept(*spec.settings.hosts, within=COME_IN):
            self._switchover(spec, store).run(to=to, dry=dry_run)

    def restart(self, stack: Stack, store: Store, *, dry_run: DryRun = False) -> None:
        """Restart the members whose settings wait for it, one after the other; clients wait some seconds."""
        from colorway.data.rolling import Rolling  # noqa: PLC0415 - what only this command needs

        spec = self._read(stack)
        with kept(*spec.settings.hosts, within=COME_IN):
            Rolling(switchover=self._switchover(spec, store)).restart(dry=dry_run)

    def _switchover(self, spec: PlatformSpec, store: str) -> Switchover:
        from colorway.data.switchover import switchover  # noqa: PLC0415 - what only some commands need

        return switchover(spec, store, hold=lambda reason: self._hold(spec, reason), say=self._say)

    def verify_backup(self, stack: Stack, store: Store, *, dry_run: DryRun = False) -> None:
        """Prove a store's newest backup now: it is restored on the monitoring host. Exit code 1 if it is not proven."""
        from colorway.render.backups import verify_arguments  # noqa: PLC0415 - what only this command needs
        from colorway.spec import names  # noqa: PLC0415
        from colorway.spec.stores import DatabaseSpec  # noqa: PLC0415
        from colorway.swarm.one_off import run_once  # noqa: PLC0415

        spec = self._read(stack)
        found = spec.backed_up.get(store)
        if found is None or found.verify is None:
            known = ", ".join(spec.backed_up) or "none"
            raise ColorwayError(f"{stack}: {store} is no data store that is backed up; those that are: {known}")
        if dry_run:
            where = spec.monitoring_host.name
            asks = "ask it for its newest row" if isinstance(found, DatabaseSpec) else "load it, count its keys"
            self._say(f"{store}: would restore its newest backup on {where}, {asks}, and remove it")
            return
        _, *rest = verify_arguments(found, found.verify)
        code = run_once(
            self._manager(spec),
            service=names.service(stack, names.verify(store)),
            stack=stack,
            command=("/bin/sh", ENTRY, "0", *rest),
            write=lambda printed: typer.echo(printed, nl=False),
        )
        if code:
            raise typer.Exit(1)

    def load(self, stack: Stack, store: Store, *, dump: Dump, dry_run: DryRun = False) -> None:
        """Load a dump into the empty database of a data store, as its user: SQL, or what `pg_dump -Fc` wrote."""
        from colorway.data.load import Load  # noqa: PLC0415 - what only this command needs

        spec = self._read(stack)
        Load(
            spec=spec,
            store=store,
            ask=_ask,
            feed=lambda host, *words, **file: _inside(host).fed(*words, **file),
            hold=lambda reason: self._hold(spec, reason),
            say=self._say,
        ).run(dump, dry=dry_run)

    def promote(
        self, stack: Stack, store: Store, *, to: Promoted, accept_loss: AcceptLoss = False, dry_run: DryRun = False
    ) -> None:
        """Make the other member of a MariaDB its primary, fence the one that was, and commit that to the stack's file.

        Refuses where a commit that was acknowledged could be lost.
        """
        from colorway.data.mariadb.pair import pair  # noqa: PLC0415 - what only this command needs
        from colorway.data.mariadb.promotion import Promotion  # noqa: PLC0415
        from colorway.data.store_line import prepared  # noqa: PLC0415
        from colorway.release.plan.trailers import Note  # noqa: PLC0415
        from colorway.release.ports.git import Git  # noqa: PLC0415

        spec = self._read(stack)
        why = (
            "`colorway data promote` has made its member the one that takes writes; the next `up` has the entry ask it."
        )

        def write(host: str) -> Callable[[], None]:
            note = Note(subject=f"Let {host} be the primary of {store}", body=(why,))
            file = f"Pulumi.{stack}.yaml"
            return prepared(Git(self._root()), file, store=store, kept={"primary": host}, message=note)

        promotion = Promotion(
            pair=pair(spec, store, ask=_ask),
            lead_to=_entries(spec, store).move_to,
            write=write,
            hold=lambda reason: self._hold(spec, reason),
            say=lambda line: self._say(runnable(line)),
        )
        with kept(*spec.settings.hosts, within=COME_IN):
            promotion.run(to=to, accept_loss=accept_loss, dry=dry_run)

    def rejoin(self, stack: Stack, store: Store, *, dry_run: DryRun = False) -> None:
        """Have the member of a MariaDB that went another way than the primary begin anew with a copy; its data stay."""
        from colorway.data.mariadb.pair import pair  # noqa: PLC0415 - what only this command needs
        from colorway.data.mariadb.rejoin import Rejoin  # noqa: PLC0415

        spec = self._read(stack)
        rejoin = Rejoin(
            pair=pair(spec, store, ask=_ask),
            hold=lambda reason: self._hold(spec, reason),
            say=lambda line: self._say(runnable(line)),
        )
        with kept(*spec.settings.hosts, within=COME_IN):
            rejoin.run(dry=dry_run)

    def restore(
        self, stack: Stack, store: Store, *, to: Point, accept_loss: Loss = None, dry_run: DryRun = False
    ) -> None:
        """Take a database with several members back to a point, as a new generation beside the old one, which stays.

        Counts what was committed after the point, and refuses unless exactly that many may be lost.
        """
        from colorway.data.mariadb.pair import pair  # noqa: PLC0415 - what only this command needs
        from colorway.data.mariadb.restore import PairRestore  # noqa: PLC0415
        from colorway.data.restore import Restore, Services, restorable, runs  # noqa: PLC0415
        from colorway.data.store_line import prepared  # noqa: PLC0415
        from colorway.release.plan.trailers import Note  # noqa: PLC0415
        from colorway.release.ports.git import Git  # noqa: PLC0415
        from colorway.spec import names  # noqa: PLC0415
        from colorway.swarm.one_off import run_once  # noqa: PLC0415
        from colorway.swarm.services import Swarm  # noqa: PLC0415

        spec = self._read(stack)
        swarm = Swarm(spec.manager)

        def beside(logical: str, command: Sequence[str]) -> str:
            printed: list[bytes] = []
            service = names.service(stack, logical)
            run_once(self._manager(spec), service=service, stack=stack, command=command, write=printed.append)
            return b"".join(printed).decode(errors="replace")

        def write(kept: Mapping[str, Any]) -> Callable[[], None]:
            why = (
                "`colorway data restore` has stopped the generation before; the next `up` makes this one.",
                "Reverting this commit, and `up`, goes back to that with all that it has.",
            )
            note = Note(subject=f"Take {store} back to {to}, as generation {kept['generation']}", body=why)
            return prepared(Git(self._root()), f"Pulumi.{stack}.yaml", store=store, kept=kept, message=note)

        generations = _generations(spec, store)
        services = Services(scale=swarm.scale, runs=lambda host, service: runs(_ask, host, service))

        def hold(reason: str) -> AbstractContextManager[object]:
            return self._hold(spec, reason)

        def say(line: str) -> None:
            self._say(runnable(line))

        restore: Restore | PairRestore
        if store in spec.primaries:
            restore = PairRestore(
                pair=pair(spec, store, ask=_ask),
                generations=generations,
                services=services,
                beside=beside,
                write=write,
                hold=hold,
                say=say,
            )
        else:
            restore = Restore(
                cluster=restorable(spec, store, ask=_ask),
                entries=_entries(spec, store),
                generations=generations,
                services=services,
                beside=beside,
                write=write,
                hold=hold,
                say=say,
            )
        with kept(*spec.settings.hosts, within=COME_IN):
            restore.run(to=to, accept_loss=accept_loss, dry=dry_run)

    def forget(
        self, stack: Stack, store: Store, *, generation: Generation, yes: Yes = False, dry_run: DryRun = False
    ) -> None:
        """Remove the data of a generation that a restore has left beside the live one; the only thing that does."""
        from colorway.data.generations import running  # noqa: PLC0415 - what only this command needs

        spec = self._read(stack)
        generations = _generations(spec, store)
        generations.refuse_running(generation, running(spec, store, ask=_ask))

        def sure(question: str) -> None:
            if not yes:
                typer.confirm(question, abort=True)

        generations.forget(
            generation,
            hold=lambda reason: self._hold(spec, reason),
            say=lambda line: self._say(runnable(line)),
            sure=sure,
            dry=dry_run,
        )


def gate(spec: PlatformSpec) -> Gate | None:
    """Return who is asked before migrations; none where no database has several members, or is backed up."""
    if not spec.replicated_databases and not spec.primaries and not spec.backed_up:
        return None
    from colorway.data.gate import Gate  # noqa: PLC0415 - what only such a stack needs

    return Gate(spec=spec, ask=_ask)


def _entries(spec: PlatformSpec, store: str) -> Entries:
    from colorway.data.entries import Entries  # noqa: PLC0415 - what only few commands need

    return Entries(spec=spec, store=store, ask=lambda host, *words: _inside(host).each(*words))


def _generations(spec: PlatformSpec, store: str) -> Generations:
    from colorway.data.generations import Generations, volumes_of  # noqa: PLC0415 - what only few commands need

    return Generations(spec=spec, store=store, volumes=volumes_of)


def _ask(host: HostSpec, service: str, command: Sequence[str]) -> str:
    return _inside(host).said(service, command)


def _inside(host: HostSpec) -> Inside:
    return Inside(Connection(host))


def register(  # noqa: PLR0913 - what its commands need
    app: typer.Typer, *, read: ReadSpec, hold: HoldOf, say: Say, manager: ManagerOf, root: Callable[[], Path]
) -> None:
    """Add `data` with its commands to a command line.

    Args:
        app: The command line.
        read: Asked for a stack.
        hold: Holds a stack's lock.
        say: Prints a line.
        manager: Asked how a manager is asked.
        root: Finds the project's folder.
    """
    commands = Commands(read, hold, say, manager, root)
    group = typer.Typer(help="The data stores of a stack.", no_args_is_help=True)
    for command in (
        commands.status,
        commands.switchover,
        commands.restart,
        commands.promote,
        commands.rejoin,
        commands.verify_backup,
        commands.restore,
        commands.forget,
        commands.load,
    ):
        group.command()(command)
    app.add_typer(group, name="data")
