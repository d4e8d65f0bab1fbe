"""How the command line was called: in which project, and by which words a reader can call it again."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from colorway.errors import ColorwayError

ROOT_VARIABLE = "COLORWAY_ROOT"
"""Environment variable that names the project's folder; it wins over everything else."""
CODE = Path(__file__).resolve().parents[2]
"""The checkout that this code is of."""
_COMMAND = re.compile(
    r"(?<![\w./-])colorway (?=(?:data|down|env|finish|history|hosts|import|lab|maintenance|new|pin|preview|release|"
    r"rollback|run|setup|status|teardown|up|version)\b)"
)


def project_root(start: Path | None = None, *, given: Mapping[str, str] = os.environ) -> Path:
    """Return the project's folder: the nearest one above that holds the program, as git finds its repository.

    Outside of any project it is the checkout that this code is of.

    Args:
        start: Where the search begins; None = the working directory.
        given: The environment.

    Raises:
        ColorwayError: the folder is another checkout's, with code of its own.
    """
    if ROOT_VARIABLE in given:
        return Path(given[ROOT_VARIABLE])
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file() and (folder / "__main__.py").is_file():
            if (folder / "colorway").is_dir() and folder != CODE:
                raise ColorwayError(
                    f"this colorway is of {CODE}, and {folder} is another checkout with code of its own; "
                    f"run {folder / '.venv/bin/colorway'} (`make set-up` makes it), or set {ROOT_VARIABLE}"
                )
            return folder
    return CODE


def runnable(text: str) -> str:
    """Return a text whose `colorway …` commands work where they are read.

    A virtual environment that nobody activated is not on PATH; then its command is named by its path.
    """
    return _COMMAND.sub(lambda _: f"{_program()} ", text)


def _program() -> str:
    script = Path(sys.executable).parent / "colorway"
    on_path = shutil.which("colorway")
    if on_path is not None and (not script.is_file() or Path(on_path).samefile(script)):
        return "colorway"
    if not script.is_file():
        return f"{sys.executable} -m colorway"
    here = Path.cwd()
    return str(script.relative_to(here) if script.is_relative_to(here) else script)
