"""The command line: parse, call, print; no logic."""

from __future__ import annotations

import difflib
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from colorway.cli import begin as begin_commands
from colorway.cli import data as data_commands
from colorway.cli import hosts as hosts_commands
from colorway.cli import lab as lab_commands
from colorway.cli import purge as purge_commands
from colorway.cli.begin import PlatformName
from colorway.cli.invocation import project_root, runnable
from colorway.cli.release import register
from colorway.cli.status import as_json, counted, show, sign
from colorway.config import manifests, stack_files
from colorway.engine.claim import changed_by, claimed
from colorway.engine.status import read_status
from colorway.errors import ColorwayError
from colorway.hosts.leftovers import Leftovers
from colorway.machine import daemon
from colorway.machine.progress import Progress, TerminalProgress
from colorway.machine.teardown import refuse_orphans_elsewhere
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import Apply, Environment
from colorway.spec.traffic import Color
from colorway.swarm.connections import Connection, Logins, no_logins
from colorway.swarm.services import Swarm
from colorway.swarm.ssh import COME_IN, kept

if TYPE_CHECKING:
    from colorway.engine.operations import Engine
    from colorway.hosts.upkeep import Upkeep
    from colorway.release.ports.lock import StackLock
    from colorway.release.run.wiring import Backing

app = typer.Typer(
    help="Blue-green Docker Swarm platforms as one Pulumi program.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(highlight=False, soft_wrap=True, emoji=False)
StackName = Annotated[str, typer.Argument(help="Name of the stack: local for Pulumi.local.yaml.")]
Reason = Annotated[str | None, typer.Option(help="Apply a change that should be several commits; say why.")]

Without = Annotated[
    list[str] | None,
    typer.Option(help="Fence the load balancer of a host that cannot be told; once it can, the next `up` lets it in."),
]


def _say(line: str) -> None:
    console.print(runnable(line), markup=False)


def _engine(spec: PlatformSpec, progress: Progress) -> Engine:
    from colorway.engine.session import engine_for  # noqa: PLC0415 - with Pulumi, 0.2 s

    engine = engine_for(spec, root=project_root(), say=_say, progress=progress)
    progress(engine.plugins.sentence, lasting=True)
    return engine


def _quiet_engine(spec: PlatformSpec, progress: Progress | None = None) -> Engine:
    from colorway.engine.session import engine_for  # noqa: PLC0415 - with Pulumi, 0.2 s

    return engine_for(spec, root=project_root(), say=_say, progress=progress or TerminalProgress())


def _spec(stack: str) -> PlatformSpec:
    spec = stack_files.from_file(root=project_root(), stack=stack)
    _use_lab(spec)
    return spec


def _answering(spec: PlatformSpec) -> PlatformSpec:
    """Return a stack whose commands go to the first manager that answers; so do those of all that this starts."""
    managers = spec.hosts(Role.MANAGER)
    if len(managers) == 1 or stack_files.MANAGER_VARIABLE in os.environ:
        return spec
    from colorway.hosts.reach import first_manager  # noqa: PLC0415 - what only several managers need

    found = first_manager(managers)
    if found in {None, managers[0]}:
        return spec
    # Beside what a program reads.
    typer.echo(f"{managers[0].name} does not answer; commands to the swarm go to {found.name}", err=True)
    os.environ[stack_files.MANAGER_VARIABLE] = found.name
    return stack_files.from_file(root=project_root(), stack=spec.stack)


def _use_lab(spec: PlatformSpec) -> None:
    if spec.settings.environment is Environment.LAB:
        from colorway.lab.lab import Lab  # noqa: PLC0415 - what only a lab needs

        Lab(spec=spec, root=project_root()).use_agent()


@app.command()
def setup(stack: StackName) -> None:
    """Make this machine ready for a local stack: Docker, swarm, images, CLI."""
    from colorway.engine.session import set_up  # noqa: PLC0415 - with Pulumi, 0.2 s

    spec = _spec(stack)
    with TerminalProgress() as progress:
        set_up(spec, root=project_root(), progress=progress)
        engine = _quiet_engine(spec, progress)
    _say(f"ready: {engine.plugins.sentence}")


@app.command()
def up(stack: StackName, in_place: Reason = None, without: Without = None) -> None:
    """Make the swarm what the stack's files say."""
    from colorway.engine.session import load_program_beside  # noqa: PLC0415 - with Pulumi, 0.2 s

    started = time.monotonic()
    load_program_beside()
    spec, left_out = _spec(stack), without or ()
    with kept(*(host for host in spec.settings.hosts if host.name not in left_out), within=COME_IN):
        _up(_answering(spec), started=started, in_place=in_place, left_out=left_out)


def _up(spec: PlatformSpec, *, started: float, in_place: str | None, left_out: Sequence[str]) -> None:
    from colorway.engine.session import refuse_taken, set_up, set_up_hosts  # noqa: PLC0415 - with Pulumi, 0.2 s

    with TerminalProgress() as progress:
        set_up(spec, root=project_root(), progress=progress)
        engine = _engine(spec, progress)
    engine.refuse_examples()
    engine.edge.refuse_without(left_out)
    if not spec.is_local:
        with TerminalProgress() as progress:
            set_up_hosts(spec, root=project_root(), progress=progress, say=_say, without=left_out)
    refuse_taken(spec, engine.swarm)
    if spec.settings.release.apply is Apply.HERE:
        # Where CI applies, a release waits for exactly this run.
        _lock(spec, engine.swarm).refuse_beside_a_release()
    done = engine.up(in_place=in_place, without=left_out)
    _say(f"{counted(done.changes)} in {time.monotonic() - started:.1f} s")
    found = read_status(spec, outputs=done.outputs, swarm=engine.swarm)
    show(console, found, None)
    if short_lived := found.short_lived(done.failing):
        lines = [line for task in short_lived for line in task.lines()]
        text = "\n".join([f"{spec.stack}: applied, and not everything goes on running", *lines])
        raise ColorwayError(f"{text}\nMend it and run `colorway up {spec.stack}` again.")
    if done.outputs:
        following = "   ".join(f"colorway {command} {spec.stack}" for command in ("status", "preview", "down"))
        _say(f"\nopen {done.outputs.url}\nnext: {following}")


@app.command()
def preview(stack: StackName) -> None:
    """Say what `up` would change; change nothing."""
    from colorway.engine.session import load_program_beside  # noqa: PLC0415 - with Pulumi, 0.2 s

    load_program_beside()
    spec = _spec(stack)
    with TerminalProgress() as progress:
        engine = _engine(spec, progress)
    found = engine.preview()
    changes = found.changes
    _say(found.sentence)
    for change in changes:
        keys = f" [{', '.join(change.keys)}]" if change.keys else ""
        _say(f"  {sign(change)} {change.name}{keys}")
    texts = {(change.old_text, change.new_text) for change in changes if change.op == "update" and change.new_text}
    for old, new in texts:
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
        for line in list(lines)[2:]:
            _say(f"      {line}")
    _say(counted(changes))


@app.command()
def status(
    stack: StackName,
    as_data: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Say what is live, what is wrong, and which one command helps.

    Exit codes: 0 healthy, 1 not.
    """
    from colorway.release.tell.status import read_release  # noqa: PLC0415 - what only this command needs

    spec = _spec(stack)
    with kept(spec.manager, *spec.load_balancers, within=COME_IN):
        spec = _answering(spec)
        with TerminalProgress() as progress:
            engine = _quiet_engine(spec, progress)
        _, deployed = engine.open()
        found = read_status(
            spec, outputs=deployed.outputs, swarm=engine.swarm, is_known=not deployed.is_empty or bool(deployed.pending)
        )
        lock = None
        if not found.silence:
            lock = _lock(spec, engine.swarm)
            found = replace(found, changed_by=changed_by(stack, root=project_root(), swarm=engine.swarm))
        release = read_release(root=project_root(), stack=stack, lock=lock, now=datetime.now(tz=UTC))
    if as_data:
        typer.echo(as_json(found, release))
    else:
        show(console, found, release)
    if found.problems:
        raise typer.Exit(1)


@app.command()
def down(
    stack: StackName,
    data: Annotated[bool, typer.Option("--data", help="Remove the data stores' volumes, too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Remove what another checkout made, too, whose state is not here.")
    ] = False,
) -> None:
    """Remove everything that `up` made; data only with --data."""
    spec = _answering(_spec(stack))
    if orphans:
        refuse_orphans_elsewhere(spec)
    if not yes and sys.stdin.isatty():
        if data and not spec.is_local:
            Leftovers(spec=spec, say=_say).warn()
        typer.confirm(f"Remove the stack {stack}{' and its data' if data else ''}?", abort=True)
    with TerminalProgress() as progress:
        engine = _engine(spec, progress)
    engine.refuse_examples()
    lock = _lock(spec, engine.swarm)
    lock.refuse_beside_a_release()
    lock.take(reason="down", take_over=None)
    try:
        changes = engine.down(orphans=orphans, data=data)
    finally:
        lock.release()
    if changes or not orphans:
        _say(counted(changes))


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    stack: StackName,
    service: Annotated[str, typer.Argument(help="Service whose image, secrets and networks are used.")],
    command: Annotated[list[str], typer.Argument(help="Program and arguments, after --.")],
    color: Annotated[Color | None, typer.Option(help="Color of the service; without it the active one.")] = None,
) -> None:
    """Run one command beside a service, to its end; its exit code becomes this command's."""
    from colorway.swarm.one_off import run_once  # noqa: PLC0415 - what only this command needs

    spec = _answering(_spec(stack))
    code = run_once(
        _manager(spec),
        service=spec.service_name(service, color=color),
        stack=stack,
        command=command,
        write=_raw,
    )
    raise typer.Exit(code)


def _manager(spec: PlatformSpec) -> Connection:
    return Connection(spec.manager, logins=_logins(spec))


def _logins(spec: PlatformSpec) -> Logins:
    """Return who reads the passwords of a stack's registries; only then the engine's CLI is looked for."""
    if not spec.settings.registries:
        return no_logins
    return lambda: _quiet_engine(spec).logins()


def _raw(printed: bytes) -> None:
    sys.stdout.buffer.write(printed)
    sys.stdout.buffer.flush()


@app.command()
def pin(
    name: Annotated[str, typer.Argument(help="Version whose manifest names images by tags.")],
    platform: PlatformName = None,
    stack: Annotated[
        str | None,
        typer.Option(help="Stack whose colorway:registries are used; without it what `docker login` left here."),
    ] = None,
) -> None:
    """Write the digest behind each tag of a version's images into its manifest."""
    here = HostSpec.model_validate({"name": "localhost", "address": "127.0.0.1", "roles": [Role.MANAGER]})
    logins = no_logins if stack is None else _logins(_spec(stack))
    registries = Swarm(here, connection=Connection(here, logins=logins))
    for line in manifests.write_pinned(project_root(), name, platform=platform, digest_of=registries.digest):
        _say(line)


@app.command()
def env(stack: StackName) -> None:
    """Print the variables that plain `pulumi` needs for a stack: eval "$(colorway env local)"."""
    from colorway.engine.stack import backend_environment  # noqa: PLC0415 - with Pulumi, 0.2 s

    spec = _spec(stack)
    for name, value in backend_environment(spec, root=project_root(), given=os.environ).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def teardown() -> None:
    """Stop the Docker engine, if it is one that colorway started."""
    stopped = daemon.stop_docker_started_by_us()
    _say(
        "the Docker engine that colorway had started is stopped" if stopped else "colorway had started no Docker engine"
    )


def _lock(spec: PlatformSpec, swarm: Swarm) -> StackLock:
    from colorway.release.ports.lock import release_lock  # noqa: PLC0415 - not every command looks at the lock

    return release_lock(spec.stack, root=project_root(), manager=swarm.client())


def _connect(spec: PlatformSpec) -> Backing:
    # Only releases come here; all that they need would cost every other command half a second.
    from colorway.engine.release_port import ReleasePort  # noqa: PLC0415
    from colorway.release.run.wiring import Backing  # noqa: PLC0415

    _use_lab(spec)
    spec = _answering(spec)
    if spec.settings.release.apply is Apply.HERE:
        # Before the first commit: `up` would refuse it when the line has moved already. A missing token is left to
        # that `up`, for it must not keep a rollback from beginning.
        _quiet_engine(spec).refuse_examples(is_way_back=True)
    port = ReleasePort(root=project_root(), stack=spec.stack, say=_say, progress=TerminalProgress())
    return Backing(
        engine=port,
        manager=Connection(spec.manager),
        nodes=port.nodes,
        notify_urls=port.notify_urls,
        backups=data_commands.gate(spec),
        cdn=purge_commands.cdn_of(spec, lambda: _quiet_engine(spec)) if spec.is_behind_cloudflare else None,
    )


def _upkeep(spec: PlatformSpec) -> Upkeep:
    from colorway.hosts.upkeep import Upkeep  # noqa: PLC0415 - what only `hosts` needs

    restart = None
    if spec.settings.environment is Environment.LAB:
        from colorway.lab.lab import Lab  # noqa: PLC0415 - what only a lab needs

        restart = Lab(spec=spec, root=project_root()).restart

    return Upkeep(spec=spec, say=_say, hold=lambda swarm, reason: _hold(spec, reason, swarm=swarm), restart=restart)


@contextmanager
def _hold(spec: PlatformSpec, reason: str, *, swarm: Swarm | None = None) -> Iterator[None]:
    through = swarm or Swarm(spec.manager)
    _lock(spec, through).refuse_beside_a_release()
    with claimed(spec.stack, root=project_root(), swarm=through, reason=reason):
        yield


register(app, root=project_root, connect=_connect)
hosts_commands.register(app, read=lambda stack: _answering(_spec(stack)), upkeep=_upkeep)
data_commands.register(
    app,
    read=lambda stack: _answering(_spec(stack)),
    hold=_hold,
    say=_say,
    manager=_manager,
    root=project_root,
)
lab_commands.register(app, root=project_root)
purge_commands.register(app, root=project_root, engine=_quiet_engine, say=_say)
begin_commands.register(app, root=project_root, say=_say)


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit code 1, never a traceback."""
    try:
        app()
    except ColorwayError as error:
        told = [str(error), *([error.hint] if error.hint else [])]
        Console(stderr=True, highlight=False, soft_wrap=True, emoji=False).print(
            runnable("\n".join(told)), markup=False
        )
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
