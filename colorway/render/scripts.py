"""The shell scripts that run on hosts: real files, so that they can be linted and read."""

from __future__ import annotations

from pathlib import Path

from colorway.render.templates import TEMPLATES


def script(name: str) -> str:
    """Return the text of `templates/scripts/<name>.sh`, without its comment lines.

    Comments are left out so that a better comment changes no resource.
    """
    return _without_comments(TEMPLATES / "scripts" / f"{name}.sh")


def entry(program: str) -> str:
    """Return the entry script of a program: `templates/entry/<program>.sh`, without its comment lines."""
    return _without_comments(TEMPLATES / "entry" / f"{program}.sh")


def _without_comments(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(kept) + "\n"
