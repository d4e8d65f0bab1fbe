"""Volumes, configs and secrets of services: what is carried, under which name, and which files come along."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from colorway.config.compose.environment import Secrets
from colorway.config.compose.merged import Read
from colorway.config.compose.said import Place, Remarks, Said
from colorway.config.compose.values import label
from colorway.config.compose.variables import without_unset
from colorway.spec.task.environment import looks_secret
from colorway.spec.task.mounts import LARGEST_CONFIG, AbsolutePath, SecretFile

_TARGET: TypeAdapter[str] = TypeAdapter(AbsolutePath)
_IN_IMAGE = "copy it into the image, or give the service a volume"


@dataclass(frozen=True, kw_only=True)
class Mounted:
    """What a service mounts."""

    volumes: tuple[dict[str, Any], ...] = ()
    config_files: tuple[dict[str, Any], ...] = ()
    secrets: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mounts:
    """Reads what services mount."""

    read: Read
    whole: Said
    """All of the Compose files."""
    platform: str
    secrets: Secrets
    remarks: Remarks
    texts: dict[str, str] = field(default_factory=dict)
    """Files that come along, by their paths in the project."""
    avoided: frozenset[str] = frozenset()
    """Names that no volume can have, since data stores' volumes have them."""

    def of(self, service: Said, *, owner: str, path: str) -> Mounted:
        """Return what a service mounts; two things at one place are the later one."""
        volumes: dict[str, dict[str, Any]] = {}
        files: dict[str, dict[str, Any]] = {}
        for said in service.items_at("volumes"):
            kind, found = self._volume(said, owner=owner, path=f"{path}.volumes")
            if found is not None:
                volumes.pop(found["target"], None)
                files.pop(found["target"], None)
                (volumes if kind == "volume" else files)[found["target"]] = found
        for said in service.items_at("configs"):
            if (found := self._config(said, owner=owner, path=f"{path}.configs")) is not None:
                files[found["target"]] = found
        secrets = [one for said in service.items_at("secrets") for one in self._secret(said, path=f"{path}.secrets")]
        return Mounted(volumes=tuple(volumes.values()), config_files=tuple(files.values()), secrets=tuple(secrets))

    def named(self, service: Said) -> list[str]:
        """Return the targets of the named volumes of a service, and nothing else; remarks nothing."""
        parts = (_parts(said) for said in service.items_at("volumes"))
        return [target for source, target, _ in parts if source and not _is_path(source)]

    def _volume(self, said: Said, *, owner: str, path: str) -> tuple[str, dict[str, Any] | None]:
        source, target, is_read_only = _parts(said)
        kind = said.text_at("type") or ("bind" if _is_path(source) else "volume")
        if kind == "tmpfs":
            if target not in {"/tmp", "/dev/shm"}:  # noqa: S108 - paths in a container
                self.remarks.add(said.place, path, "is in memory, as only /tmp is here", "let the program use /tmp")
            return kind, None
        if not self._is_target(target, said.place, path):
            return kind, None
        if kind == "bind":
            return kind, self._bind(source, target, said.place, owner=owner, path=path)
        if kind != "volume" or not source:
            reason = "has no name, so its data would be gone with its task" if not source else "is no volume of Swarm's"
            self.remarks.add(said.place, path, reason, "give the volume a name, if the data matters")
            return kind, None
        found: dict[str, Any] = {"name": self._volume_name(source), "target": target}
        found |= {"read-only": True} if is_read_only else {}
        return kind, found | self._nfs(source)

    def _volume_name(self, source: str) -> str:
        name = label(source)
        return f"{name[:35]}-data" if name in self.avoided else name

    def _nfs(self, source: str) -> dict[str, Any]:
        volume = self.whole.at("volumes", source)
        if volume is None:
            return {}
        options = {key: one.text or "" for key, one in volume.entries_at("driver_opts").items()}
        device = options.get("device", "").lstrip(":")
        given = dict(part.partition("=")[::2] for part in options.get("o", "").split(","))
        address = given.pop("addr", "")
        if options.get("type", "").startswith("nfs") and address and device.startswith("/"):
            rest = ",".join(f"{key}={value}" if value else key for key, value in given.items() if key)
            return {"nfs": {"server": address, "path": device, **({"options": rest} if rest else {})}}
        reason = None
        if options or (volume.text_at("driver") or "local") != "local":
            reason = "has a driver or options that are not carried: a volume is on its host, or of an NFS server"
        elif volume.at("external") is not None or volume.at("name") is not None:
            reason = "is one that exists; here a volume is the stack's own, and begins empty"
        if reason:
            cure = "write nfs at the volume, or copy the data into it after the first `up`"
            self.remarks.add(volume.place, f"volumes.{source}", reason, cure)
        return {}

    def _bind(self, source: str, target: str, place: Place, *, owner: str, path: str) -> dict[str, Any] | None:
        if source.endswith("docker.sock"):
            self.remarks.add(place, path, "is Docker's socket, which lets a program do everything", "leave it out")
            return None
        is_here = not source.startswith(("/", "~"))
        text = self.read(place.beside(source)) if is_here else None
        if text is None:
            reason = "is a directory, or a file that cannot be read, of one machine, and a task may be on any"
            self.remarks.add(place, path, reason, _IN_IMAGE)
            return None
        return self._file(posixpath.basename(source), text, target, place, owner=owner, path=path)

    def _config(self, said: Said, *, owner: str, path: str) -> dict[str, Any] | None:
        name = said.text or said.text_at("source") or ""
        target = said.text_at("target") or f"/{name}"
        top = self.whole.at("configs", name)
        file, content = (top.text_at("file"), top.text_at("content")) if top is not None else (None, None)
        if content is None and file is not None and top is not None:
            content = self.read((top.at("file") or top).place.beside(file))
        if content is None:
            cure = "write the file into the project, and name it under config-files"
            self.remarks.add(said.place, path, "has no content here: it is no file that can be read", cure)
            return None
        if not self._is_target(target, said.place, path):
            return None
        base = posixpath.basename(file) if file else name
        found = self._file(base, content, target, said.place, owner=owner, path=path)
        return None if found is None else found | _owner(said)

    def _file(  # noqa: PLR0913 - a file, and where it is said
        self, name: str, text: str, target: str, place: Place, *, owner: str, path: str
    ) -> dict[str, Any] | None:
        text = without_unset(text)
        if looks_secret(text):
            cure = "declare it under secrets of the platform, and give the service that"
            self.remarks.add(place, path, "is a file with something in it that looks like a secret", cure)
            return None
        if not text or len(text.encode()) > LARGEST_CONFIG:
            self.remarks.add(place, path, f"is an empty file, or one above {LARGEST_CONFIG} bytes", _IN_IMAGE)
            return None
        safe = re.sub(r"[^A-Za-z0-9_.@+,=~-]", "-", name)
        wanted = f"config/{self.platform}/{safe}"
        if self.texts.get(wanted, text) != text:
            wanted = f"config/{self.platform}/{owner}-{safe}"
        self.texts[wanted] = text
        return {"source": wanted, "target": target}

    def _secret(self, said: Said, *, path: str) -> Iterator[Any]:
        name = said.text or said.text_at("source") or ""
        top = self.whole.at("secrets", name)
        found: dict[str, Any] = {"name": name, **_owner(said)}
        target = said.text_at("target")
        if target and target != name:
            found["file"] = target
        try:
            SecretFile.model_validate(found)
        except ValidationError:
            cure = "declare it under secrets with a name of letters, digits and . _ -"
            self.remarks.add(said.place, path, "is a secret that cannot have this name, file or mode here", cure)
            return
        self.secrets.declare(name, "as in the Compose file")
        place = top.place if top is not None else said.place
        reason = "is declared, and its value is not read"
        self.remarks.add(place, f"secrets.{name}", reason, f"set it with {self.secrets.cure(name)}")
        yield found if len(found) > 1 else name

    def _is_target(self, target: str, place: Place, path: str) -> bool:
        try:
            _TARGET.validate_python(target)
        except ValidationError:
            self.remarks.add(place, path, "has a path in the container that cannot be read here", "write it plainly")
            return False
        return True


def _parts(said: Said) -> tuple[str, str, bool]:
    """Return source, target and whether a mount is for reading only."""
    if said.entries:
        source, target = said.text_at("source") or "", said.text_at("target") or ""
        return without_unset(source), without_unset(target).rstrip("/") or "/", said.text_at("read_only") == "true"
    parts = without_unset(said.text or "").split(":")
    if len(parts) == 1:
        return "", parts[0].rstrip("/"), False
    options = parts[2].split(",") if len(parts) > 2 else []  # noqa: PLR2004 - source, target, options
    return parts[0], parts[1].rstrip("/") or "/", "ro" in options


def _is_path(source: str) -> bool:
    return source.startswith((".", "/", "~"))


def _owner(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = {}
    mode = said.at("mode")
    if mode is not None:
        # 0440 is a number to YAML: 440 in version 1.2, 288 in version 1.1 and as 0o440.
        text = mode.text or ""
        is_octal = text.isdigit() and set(text) <= set("01234567") and 3 <= len(text.lstrip("0")) <= 3  # noqa: PLR2004
        if is_octal:
            found["mode"] = f"{int(text, 8):04o}"
        elif text.isdigit():
            found["mode"] = f"{int(text):04o}"
    for key in ("uid", "gid"):
        if (number := said.text_at(key)) is not None and number.isdigit():
            found[key] = int(number)
    return found
