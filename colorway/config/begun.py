"""A platform that begins: its file, its first version and a stack on this machine, written together over nothing."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from colorway.config import stack_files
from colorway.config.documents import read_document
from colorway.config.stack_files import platform_file, release_file, stack_file
from colorway.errors import ColorwayError
from colorway.spec.fields import Label
from colorway.spec.stack import PUBLISHED_SALT

FIRST_VERSION = "1.0.0"
NOT_COPIED = (".git", ".env", ".env.*", ".venv", "node_modules", "__pycache__")
"""What no image is built from, and no repository should keep."""
_NOT_COPIED = shutil.ignore_patterns(*NOT_COPIED)
MOST_FILES = 5000
LINE = 120
_LABEL: TypeAdapter[str] = TypeAdapter(Label)
_EXPOSE = re.compile(r"^\s*EXPOSE\s+(\d+)(?:/tcp)?\s*$", re.MULTILINE | re.IGNORECASE)
_PLACES = range(1, 100)
_RANGE = re.compile(r"10\.(\d{1,3})\.0\.0/16")


@dataclass(frozen=True, kw_only=True)
class Begun:
    """The files of a platform that begins."""

    platform: str
    stack: str
    platform_text: str
    stack_text: str
    manifest_text: str = (
        "# yaml-language-server: $schema=../../schema/release.schema.json\n"
        "# What this version has unlike the platform file; its images are built here.\n"
    )
    texts: Mapping[str, str] = field(default_factory=dict)
    """Further files, by their paths in the project."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """Folders and files that are copied into the project, each with the path of what it is a copy of."""

    @property
    def files(self) -> dict[str, str]:
        """Every file that is written, with its text."""
        return {
            platform_file(self.platform): self.platform_text,
            release_file(self.platform, FIRST_VERSION): self.manifest_text,
            stack_file(self.stack): self.stack_text,
            **self.texts,
        }

    def refuse_taken(self, root: Path) -> None:
        """Refuse to write over anything.

        Raises:
            ColorwayError: the first file or folder that is there already, or a folder that cannot be copied.
        """
        folders = [path for path in self.folders if not path.endswith("/Dockerfile")]
        for path in (*self.files, *folders):
            if (root / path).exists():
                raise ColorwayError(f"{path} is there already, and nothing is written over; choose another name")
        for source in self.folders.values():
            if not Path(source).exists():
                raise ColorwayError(f"{source} is not there, and an image is to be built from it; name what is there")
            if Path(source).is_dir() and (root / "images").is_relative_to(Path(source).resolve()):
                raise ColorwayError(
                    f"{source} has this project in it, so it cannot be copied into it; move it elsewhere"
                )

    def write(self, root: Path) -> list[str]:
        """Write all of it, or nothing; return the paths of what was written.

        Raises:
            ColorwayError: something is there already, or cannot be written.
        """
        self.refuse_taken(root)
        made: list[Path] = []
        try:
            for path, source in self.folders.items():
                _copy(Path(source), root / path, made)
            for path, text in self.files.items():
                target = root / path
                _make_folder(target.parent, made)
                with target.open("x", encoding="utf-8") as written:
                    made.append(target)
                    written.write(text)
        except OSError as error:
            _remove(made)
            raise ColorwayError(f"{error.filename or root}: cannot be written ({error.strerror})") from None
        except ColorwayError:
            _remove(made)
            raise
        return [*self.files, *self.folders]

    def undo(self, root: Path) -> None:
        """Remove what `write` has just written."""
        _remove(
            [(root / release_file(self.platform, "*")).parent, *(root / one for one in (*self.files, *self.folders))]
        )


def _copy(source: Path, target: Path, made: list[Path]) -> None:
    if source.is_dir():
        number = _count(source)
        if number > MOST_FILES:
            cure = "copy what its Dockerfile needs there by hand"
            raise ColorwayError(f"{source} has {number} files, too many to copy into {target}; {cure}")
        made.append(target)
        shutil.copytree(source, target, ignore=_NOT_COPIED, symlinks=True)
    else:
        shutil.copy(source, target)


def _count(folder: Path) -> int:
    """Return how many files of a folder are copied."""
    number = 0
    for path, folders, files in os.walk(folder):
        left_out = _NOT_COPIED(path, [*folders, *files])
        folders[:] = [one for one in folders if one not in left_out]
        number += sum(one not in left_out for one in files)
    return number


def _make_folder(folder: Path, made: list[Path]) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent, made)
        folder.mkdir()
        made.append(folder)


def _remove(made: list[Path]) -> None:
    """Remove what this run made, the last first; a folder that is not empty then is somebody else's, too."""
    for path in reversed(made):
        if path.is_dir() and path.parent.name == "images":
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink(missing_ok=True)


def check_names(platform: str, stack: str) -> None:
    """Refuse names that no file can have.

    Raises:
        ColorwayError: one of them is no label.
    """
    for what, name in (("platform", platform), ("stack", stack)):
        try:
            _LABEL.validate_python(name)
        except ValidationError:
            cure = "small letters, digits and -, beginning with a letter, at most 40, for example shop"
            raise ColorwayError(f"the {what}'s name must be {cure}") from None


def exposed(dockerfile: str) -> int | None:
    """Return the one port that a Dockerfile exposes; None where it exposes none, or several."""
    found = {int(one) for one in _EXPOSE.findall(dockerfile)}
    return found.pop() if len(found) == 1 else None


def free_place(root: Path) -> int:
    """Return which ports and addresses no other stack of the project has; see `stack_text`."""
    taken: set[int] = set()
    for name in stack_files.known_names(root, "Pulumi.*.yaml"):
        document, _ = read_document(root / f"{name}.yaml", name=name)
        settings = document.section("config").keys_with_prefix(stack_files.NAMESPACE)
        match = _RANGE.fullmatch(str(settings.section("network").value("range")))
        taken.add(int(match[1]) if match else 90)
    return next(number for number in _PLACES if 90 + number not in taken)


def addresses(number: int) -> str:
    """Return the range of a place's networks."""
    return f"10.{90 + number}.0.0/16"


def ports(number: int) -> dict[str, dict[str, int]]:
    """Return what a place's overrides say of ports."""
    return {
        "edge": {"http-port": 8080 + 100 * number, "https-port": 8443 + 100 * number},
        "monitoring": {"port": 9090 + 100 * number},
    }


def stack_text(*, platform: str, domains: Mapping[str, str], number: int, by: str) -> str:
    """Return a stack's file: this machine, one version on blue, ports and addresses of its own.

    Args:
        platform: Name of its platform.
        domains: Its domains by name.
        number: Which place it has: ports are 100 apart, ranges 10.91.0.0/16, 10.92.0.0/16 and so on.
        by: The command that writes it.
    """
    said = ", ".join(f"{name}: {domain}" for name, domain in domains.items())
    return f"""\
# {platform} on this machine, every role on one host. `{by}` wrote it, once.
# Nothing here is secret: the passphrase of `local` stacks is a published constant, and missing secrets are made up.
encryptionsalt: {PUBLISHED_SALT}
config:
  colorway:environment: local
  colorway:platform: {platform}
  colorway:domains: {{{said}}}
  colorway:versions: {{blue: "{FIRST_VERSION}", green: null}}
  colorway:traffic: {{blue: 100, green: 0, active: blue}}
  colorway:hosts:
    - name: localhost
      address: 127.0.0.1
      roles: [manager, web, database, load-balancer, monitoring]
  colorway:network: {{range: {addresses(number)}}}
  # Ports that no other stack of this project has, and stages that are short enough to watch; elsewhere leave these out.
  colorway:overrides:
{_ports(number)}    release: {{stages: [{{percent: 10, bake: 1m}}, {{percent: 50, bake: 1m}}], hot: 5m}}
"""


def _ports(number: int) -> str:
    return "".join(f"    {key}: {_flow(said)}\n" for key, said in ports(number).items())


def manifest_text(data: Mapping[str, Any]) -> str:
    """Return a manifest of a version."""
    sections = "".join(f"{line}\n" for key, section in data.items() for line in _block(key, section, ""))
    return f"# yaml-language-server: $schema=../../schema/release.schema.json\n{sections}"


def platform_text(data: Mapping[str, Any], *, says: str) -> str:
    """Return a platform file: its first lines, and its sections with an empty line between them."""
    sections = ["\n".join(_block(key, section, "")) for key, section in data.items()]
    return f"# yaml-language-server: $schema=../schema/platform.schema.json\n# {says}\n" + "\n\n".join(sections) + "\n"


def _block(key: str, value: Any, indent: str) -> list[str]:  # noqa: ANN401 - plain data
    """Return a key and its value: on one line where that is short and flat, else each entry on lines of its own."""
    line = f"{indent}{_flow(key)}: {_flow(value)}"
    is_flat = not isinstance(value, Mapping) or not any(isinstance(one, Mapping) for one in value.values())
    if not isinstance(value, Mapping | list) or (len(line) <= LINE and is_flat):
        return [line]
    if isinstance(value, list):
        return [f"{indent}{_flow(key)}:", *(f"{indent}  - {_flow(one)}" for one in value)]
    return [f"{indent}{_flow(key)}:", *(row for name, one in value.items() for row in _block(name, one, f"{indent}  "))]


def _flow(value: Any) -> str:  # noqa: ANN401 - plain data
    """Return a value on one line, quoted where YAML would read it as something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    written = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = True
    yaml.width = 10**6
    # In a list, so that it is quoted as it has to be within one.
    yaml.dump([value], written)
    return written.getvalue().strip()[1:-1]
