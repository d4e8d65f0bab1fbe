"""Files and directories inside a task: secrets, configuration, volumes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from colorway.spec.base import Mistake, ShortSpec, StrictSpec
from colorway.spec.fields import Label, Shape
from colorway.spec.task.environment import EnvValue

SECRETS_FOLDER = "/run/secrets/"
"""Where a task finds its secrets."""
LARGEST_CONFIG = 500 * 1024
"""Swarm takes no larger config."""
SECRET_NAME_LIMIT = 48
"""Swarm's names have 64 characters; `secret-` and the engine's own ending need 15 of them."""
_MODE = re.compile(r"0?[0-7]{3}", re.ASCII)
_DOTS = r"(?!.*(^|/)\.{1,2}(/|$))"
_PART = r"[A-Za-z0-9_.@+,=~-]+"


def _parse_mode(value: object) -> int:
    if not isinstance(value, str) or not _MODE.fullmatch(value):
        raise ValueError('must be four octal digits in quotes, for example "0440": YAML reads others out of 0440')
    return int(value, 8)


def _parse_owner(value: object) -> Any:  # noqa: ANN401 - plain data
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


def _check_secret_name(value: str) -> str:
    if len(value) > SECRET_NAME_LIMIT:
        raise ValueError(f"has too many characters; at most {SECRET_NAME_LIMIT}")
    return value


SecretName = Annotated[
    str,
    Shape(
        r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?",
        "must be letters, digits and . _ -, beginning and ending with a letter or digit, for example database-password",
    ),
    AfterValidator(_check_secret_name),
]
"""Name of a secret, as Swarm allows it."""
AbsolutePath = Annotated[
    str,
    Field(max_length=255),
    Shape(rf"{_DOTS}(/{_PART})+", "must be an absolute path without .. and spaces, for example /etc/app/app.conf"),
]
"""Path inside a container."""
SecretTarget = Annotated[
    str,
    Field(max_length=255),
    Shape(
        rf"{_DOTS}/?{_PART}(/{_PART})*",
        "must be a file name below /run/secrets or an absolute path, without .. and spaces, for example password",
    ),
]
"""File of a secret."""
ProjectPath = Annotated[
    str,
    Field(max_length=255),
    Shape(
        rf"{_DOTS}{_PART}(/{_PART})*",
        "must be a path in the project, without .. and spaces and not beginning with /, for example config/app.conf",
    ),
]
"""Path of a file below the project's folder."""
FileMode = Annotated[
    int,
    BeforeValidator(_parse_mode),
    PlainSerializer(lambda value: f"{value:04o}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^0?[0-7]{3}$", "examples": ["0440"]}),
]
"""Permissions of a file, octal."""
OwnerId = Annotated[
    int,
    BeforeValidator(_parse_owner),
    Field(ge=0, le=2**32 - 2, strict=True),
    WithJsonSchema({"type": ["integer", "string"]}),
]
"""Number of a user or group."""


class SecretFile(ShortSpec):
    """A secret as a file inside a task."""

    short: ClassVar[str] = "name"

    name: SecretName
    """Name of the secret, from the platform's `secrets`."""
    file: SecretTarget | None = None
    """File name below /run/secrets, or an absolute path; none = the secret's name."""
    mode: FileMode = 0o444
    """Permissions; any user of the container may read it by default."""
    uid: OwnerId = 0
    """Owner."""
    gid: OwnerId = 0
    """Group."""

    @property
    def target(self) -> str:
        """The file as Swarm is told it."""
        return self.file or self.name

    @property
    def path(self) -> str:
        """Where a task finds it."""
        return self.target if self.target.startswith("/") else f"{SECRETS_FOLDER}{self.target}"


def secret_mistakes(secrets: Sequence[SecretFile]) -> list[Mistake]:
    """Return the secrets of a service that are listed twice, or that one task cannot have in that way."""
    found: list[Mistake] = []
    paths: dict[str, str] = {}
    owners: dict[str, tuple[str, tuple[int, int, int]]] = {}
    for index, secret in enumerate(secrets):
        here, owner = f"secrets.{index}", (secret.mode, secret.uid, secret.gid)
        first = paths.setdefault(secret.path, here)
        same, said = owners.setdefault(secret.name, (here, owner))
        if secret in secrets[:index]:
            found.append((("secrets", str(index)), "is listed twice; leave one out"))
        elif first != here:
            found.append((("secrets", str(index)), f"has the same file as {first}; give it a file of its own"))
        elif said != owner:
            # Docker keeps a secret as one file, and the last mode that a service says is that of all its names.
            message = f"has another mode or owner than {same}, and a task has one file of each secret, under whichever "
            found.append((("secrets", str(index)), f"{message}names; say the same in both"))
    return found


def unlisted_mistakes(env: Mapping[str, EnvValue], secrets: Sequence[SecretFile], *, owner: str) -> list[Mistake]:
    """Return the variables that name the file of a secret that the task does not get.

    Args:
        env: The environment of the task.
        secrets: The secrets that it gets.
        owner: Whose they are, in the words of the message.
    """
    paths = {secret.path for secret in secrets}
    return [
        (("env", name), f"names a secret's file, and `secrets` of this {owner} does not list that secret; add it")
        for name, entry in env.items()
        if entry.value.startswith(SECRETS_FOLDER) and entry.value not in paths
    ]


class ConfigFile(StrictSpec):
    """A text file of the project as a file inside a task."""

    source: ProjectPath
    """Path in the project; UTF-8, at most 500 KiB; nothing secret."""
    target: AbsolutePath
    """Where a task finds it."""
    mode: FileMode = 0o444
    """Permissions; any user of the container may read it by default."""
    uid: OwnerId = 0
    """Owner."""
    gid: OwnerId = 0
    """Group."""


class NfsSpec(StrictSpec):
    """A directory of a file server; the hosts mount it where a task runs."""

    server: Annotated[
        str,
        Field(max_length=253),
        Shape(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", "must be a host name or address, for example 10.0.0.51"),
    ]
    """Name or address of the server, as the hosts know it."""
    path: AbsolutePath
    """Directory that the server exports."""
    options: Annotated[
        str, Shape(r"[a-z0-9=._,-]+", "must be options of mount with commas between them, for example nfsvers=4,rw")
    ] = "nfsvers=4,rw"
    """Options of mount."""

    @property
    def driver_options(self) -> dict[str, str]:
        """What Docker's local volume driver is told."""
        return {"type": "nfs", "o": f"addr={self.server},{self.options}", "device": f":{self.path}"}


class VolumeSpec(StrictSpec):
    """A volume as a directory inside a task; `down` keeps it, `down --data` does not."""

    name: Label
    """Name of the volume; services that name the same one have the same data."""
    target: AbsolutePath
    """Where a task finds it."""
    read_only: bool = False
    """Whether the task may only read it."""
    shared: bool | None = None
    """Whether both colors have the same data; else each color keeps its own. Only a shared service need not say it."""
    nfs: NfsSpec | None = None
    """File server that keeps the data; none = the one host that the service runs on."""
