"""What begins: a platform by `new` or `import compose`, a version by `version new`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from colorway.config import begun, manifests, stack_files
from colorway.config.begun import Begun
from colorway.config.documents import Problem
from colorway.config.new_platform import new_platform
from colorway.config.stack_files import ConfigError, platform_file, release_file, stack_file
from colorway.errors import ColorwayError

Root = Callable[[], Path]
Say = Callable[[str], None]
PlatformName = Annotated[
    str | None, typer.Option("--platform", help="Platform of the version, where several have one of that name.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what is not carried over, and write nothing.")]


def register(app: typer.Typer, *, root: Root, say: Say) -> None:
    """Add the commands to the command line.

    Args:
        app: The command line.
        root: Finds the project.
        say: Prints a line.
    """
    versions = typer.Typer(help="The manifests that say what a version is made of.", no_args_is_help=True)
    app.add_typer(versions, name="version")
    imports = typer.Typer(help="Platforms from what ran before.", no_args_is_help=True)
    app.add_typer(imports, name="import")

    @app.command()
    def new(
        name: Annotated[str, typer.Argument(help="Name of the platform, and of its stack on this machine.")],
        build: Annotated[
            str | None, typer.Option(help="Folder with a Dockerfile; copied to images/NAME unless it is that folder.")
        ] = None,
        image: Annotated[str | None, typer.Option(help="Image instead, as `docker pull` takes it.")] = None,
        port: Annotated[
            int | None,
            typer.Option(min=1, max=65535, help="Port that it listens on; else what the Dockerfile exposes."),
        ] = None,
    ) -> None:
        """Write the smallest platform, version and local stack for an application."""
        project = root()
        made = new_platform(project, name, build=build, image=image, port=port)
        _write(made, project, say)
        try:
            stack_files.from_file(root=project, stack=made.stack)
        except ColorwayError:
            made.undo(project)
            raise
        say(f"\nnext: colorway up {made.stack}")

    @versions.command("new")
    def new_version(
        name: Annotated[str, typer.Argument(help="The new version, for example 2.1.0.")],
        old: Annotated[str, typer.Option("--from", help="Version that it begins as.")],
        platform: PlatformName = None,
    ) -> None:
        """Write a version's manifest from an older one's."""
        for line in manifests.write_new(root(), name, old=old, platform=platform):
            say(line)

    @imports.command("compose")
    def import_compose(
        files: Annotated[
            list[str], typer.Argument(metavar="FILE...", help="Compose or stack files, laid over each other.")
        ],
        platform: Annotated[str, typer.Option(help="Name of the platform that is made of them.")],
        stack: Annotated[str | None, typer.Option(help="Name of the stack; without it the platform's.")] = None,
        env_file: Annotated[str | None, typer.Option(help="File that gives ${VARIABLES} their values.")] = None,
        dry_run: DryRun = False,  # noqa: FBT002 - Typer declares options as defaults
    ) -> None:
        """Write a platform, its first version and a local stack from Compose files; list what is not carried over."""
        from colorway.config.compose.imported import imported  # noqa: PLC0415 - what only this command needs
        from colorway.config.compose.variables import values_of  # noqa: PLC0415

        project = root()
        begun.check_names(platform, stack or platform)
        text = _text(env_file) if env_file is not None else ""
        if text is None:
            raise ConfigError([Problem(file=env_file or "", message="cannot be read; name a file that is there")])
        found = imported(
            files,
            platform=platform,
            stack=stack or platform,
            values=values_of(text),
            read=_text,
            number=begun.free_place(project),
        )
        found.begun.refuse_taken(project)
        for remark in found.remarks:
            say(f"{remark}\n")
        count = f"{len(found.remarks)} remarks: what is not carried over, or not as it was"
        if dry_run:
            say(f"{count}\nnothing was written (--dry-run); it would be {', '.join(found.begun.files)}")
            return
        _write(found.begun, project, say)
        say(count)
        # What is wrong yet is said with the lines of what was written, which is there to be mended.
        stack_files.from_file(root=project, stack=found.begun.stack)
        say(f"\nnext: colorway preview {found.begun.stack}   colorway up {found.begun.stack}")


def _write(made: Begun, project: Path, say: Say) -> None:
    made.write(project)
    for path in (
        platform_file(made.platform),
        release_file(made.platform, begun.FIRST_VERSION),
        stack_file(made.stack),
    ):
        say(f"wrote {path}")
    more = [path for path in (*made.texts, *made.folders) if path.count("/") == 1 or path in made.texts]
    if more:
        say(f"wrote {', '.join(more)}")


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        return None
