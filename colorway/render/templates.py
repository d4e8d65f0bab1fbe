"""Where the Jinja files are, and how they are filled in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
"""Folder of the templates."""
RULES = TEMPLATES.parent / "monitoring" / "rules"
"""Folder of the rules by which Prometheus raises alerts; they are no templates, so that its own tools read them."""


def fill_in(template: str, **values: Any) -> str:  # noqa: ANN401 - whatever the template prints
    """Return the text of a template; a value that the template wants and does not get is an error."""
    return _environment().get_template(template).render(**values)


def compile_all() -> None:
    """Compile what `fill_in` would compile at its first use: 0.2 s, for who has nothing to do at this moment."""
    for name in _environment().list_templates(extensions=["j2"]):
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    """Return what knows the compiled templates; compiling nginx's takes 100 ms each time."""
    # Most commands fill in nothing.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - nginx and YAML, no HTML; spec's types allow no syntax in values
    )


def script(name: str) -> str:
    """Return the text of `templates/scripts/<name>.sh`, without its comment lines.

    Comments are left out so that a better comment changes no resource.
    """
    return _without_comments(TEMPLATES / "scripts" / f"{name}.sh")


def store_script(name: str, /, **choices: Any) -> str:  # noqa: ANN401 - whatever the template asks
    """Return the text of `templates/stores/<name>.sh`, or `.sh.j2`, which runs inside a member of a data store."""
    return _chosen("stores", name, choices)


def nginx_script(name: str) -> str:
    """Return the text of `templates/nginx/<name>.sh`, which runs inside a load balancer."""
    return _without_comments(TEMPLATES / "nginx" / f"{name}.sh")


def host_script(name: str) -> str:
    """Return the text of `templates/hosts/<name>.sh`, which runs as root on a host before there is a swarm."""
    return _without_comments(TEMPLATES / "hosts" / f"{name}.sh")


def host_file(name: str) -> str:
    """Return the text of `templates/hosts/<name>`, which becomes a file of a host, with its comments."""
    return (TEMPLATES / "hosts" / name).read_text(encoding="utf-8")


def entry(program: str, /, **choices: Any) -> str:  # noqa: ANN401 - whatever the template asks
    """Return the entry script of a program, without its comment lines.

    Args:
        program: It is `templates/entry/<program>.sh`, or `.sh.j2` where its text has choices, or parts of other files.
        choices: What the template wants to know.
    """
    return _chosen("entry", program, choices)


def rules(name: str) -> str:
    """Return the text of `monitoring/rules/<name>.yaml`, without its comment lines."""
    return _without_comments(RULES / f"{name}.yaml")


def _chosen(folder: str, name: str, choices: Mapping[str, Any]) -> str:
    plain = TEMPLATES / folder / f"{name}.sh"
    if choices or not plain.is_file():
        return _commentless(fill_in(f"{folder}/{name}.sh.j2", **choices))
    return _without_comments(plain)


def _without_comments(path: Path) -> str:
    return _commentless(path.read_text(encoding="utf-8"))


def _commentless(text: str) -> str:
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(kept) + "\n"
