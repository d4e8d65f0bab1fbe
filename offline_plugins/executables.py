"""The files by which the engine finds the offline plugins: executables for the PATH of the child."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path
from typing import Final

PLUGINS: Final = ("docker", "command", "cloudflare")
_ROOT: Final = Path(__file__).resolve().parents[1]
_EXECUTABLE: Final = 0o755


def write_executables(directory: Path, *, python: Path) -> Path:
    """Write `pulumi-resource-docker` and its like.

    Repeated and concurrent calls are fine: a file that is right stays, another is replaced at once as a whole.

    Args:
        directory: where to write them; made if it is not there.
        python: the interpreter that has the requirements installed.

    Returns:
        The directory, to be put first on the PATH of the engine.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in PLUGINS:
        path = directory / f"pulumi-resource-{name}"
        text = _script(name, python=python)
        if not (path.is_file() and path.read_text() == text and os.access(path, os.X_OK)):
            _replace(path, text)
    return directory


def _script(name: str, *, python: Path) -> str:
    # The path is set inside the interpreter and not in the environment, because the commands that the
    # command plugin runs inherit that; -P keeps modules of the working directory out.
    program = (
        f"import runpy, sys; sys.path.insert(0, {str(_ROOT)!r}); "
        "from offline_plugins.slim_sdk import install; install(); "
        f"runpy.run_module('offline_plugins.{name}', run_name='__main__')"
    )
    return (
        "#!/bin/sh\n"
        "# Written by offline_plugins.executables; changes are overwritten.\n"
        f'exec {shlex.quote(str(python))} -P -c {shlex.quote(program)} "$@"\n'
    )


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), _EXECUTABLE)
    Path(temporary).replace(path)
