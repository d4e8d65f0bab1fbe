"""Variables of services: what may be seen, and what becomes a secret by its name or its looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from colorway.config.compose.merged import Read
from colorway.config.compose.said import Place, Remarks, Said
from colorway.config.compose.variables import Variables, values_of, without_unset
from colorway.spec.task.environment import EnvName, EnvValue, has_url_with_password, looks_secret
from colorway.spec.task.mounts import SECRET_NAME_LIMIT, SECRETS_FOLDER

_SECRET_NAME = re.compile(
    r".*(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|SALT|PEPPER|DSN"
    r"|(API|APP|AUTH|ACCESS|PRIVATE|SECRET|ENCRYPTION|SIGNING|MASTER|LICENSE|JWT)_?KEY|_PASS|_PWD|_PW)(_BASE)?",
    re.IGNORECASE,
)
_IN_PARTS = re.compile(r"(password|pwd)\s*=\s*[^;\s]", re.IGNORECASE)
"""A password in a list of parts, as drivers of .NET and ODBC have it."""
_OPENS_NOTHING = re.compile(r"|true|false|yes|no|on|off|null|none", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{\s*[.i]")
_FILE = "_FILE"
_ENV_NAME: TypeAdapter[str] = TypeAdapter(EnvName)


def is_secret(name: str, value: str) -> bool:
    """Return whether a variable opens something: by its value, or by its name, unless that switches something."""
    if has_url_with_password(value) or looks_secret(value) or _IN_PARTS.search(value):
        return True
    return bool(_SECRET_NAME.fullmatch(name)) and not _OPENS_NOTHING.fullmatch(value)


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The secrets of a platform: one for each value, whatever the services call it; no value is written anywhere."""

    stack: str
    remarks: Remarks
    names: dict[str, str] = field(default_factory=dict)
    """Names by the value that they stand for."""
    described: dict[str, str] = field(default_factory=dict)
    """What each opens, by name."""

    def declare(self, name: str, description: str) -> str:
        """Add a secret that is called so in the Compose file."""
        self.described.setdefault(name, description)
        return name

    def of_value(self, value: str, *, wanted: str, owner: str, description: str) -> str:
        """Return the name of the secret that has a value; a new one is called as wanted, or by its owner, too."""
        if value and value in self.names:
            return self.names[value]
        tried = (wanted, f"{owner}-{wanted}", *(f"{owner}-{wanted}-{number}" for number in range(2, 100)))
        name = next(one[-SECRET_NAME_LIMIT:].lstrip("-._") for one in tried if one not in self.described)
        self.described[name] = description
        if value:
            self.names[value] = name
        return name

    def cure(self, name: str) -> str:
        """Return the command that sets a secret."""
        return f"`pulumi config set --secret secrets:{name} --stack {self.stack}`"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A service's variables as the platform file has them."""

    env: dict[str, Any]
    secrets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Environments:
    """Reads the variables of services."""

    read: Read
    variables: Variables
    secrets: Secrets
    remarks: Remarks
    renamed: Mapping[str, str]
    """Services and stores that are called otherwise here, by their names in Compose."""

    def plain(self, service: Said, *, path: str) -> dict[str, Said]:
        """Return all variables of a service with their values: of its `env_file`, and over them of `environment`."""
        found: dict[str, Said] = {}
        for entry in service.items_at("env_file"):
            found |= self._file(entry, path=path)
        for name, said in service.entries_at("environment").items():
            if said.value is None:
                value = self.variables.given(name, said.place, f"{path}.environment.{name}")
                found[name] = Said(value=value, place=said.place)
            elif said.text is not None:
                found[name] = Said(value=said.text, place=said.place)
        return found

    def converted(self, plain: Mapping[str, Said], *, owner: str, path: str) -> Environment:
        """Return the variables of a service without what is secret, which it gets as files.

        Args:
            plain: All of its variables.
            owner: The service.
            path: Where it is in the Compose file.
        """
        env: dict[str, Any] = {}
        secrets: list[str] = []
        for name, said in plain.items():
            value, here = str(said.value), f"{path}.environment.{name}"
            if not self._is_name(name, said.place, here):
                continue
            if not name.endswith(_FILE) and is_secret(name, value):
                secret = self.secrets.of_value(
                    value, wanted=_kebab(name), owner=owner, description=f"{name} of {owner}"
                )
                self.variables.answer(said)
                self._remark_secret(name, value, secret, said.place, here)
                env.setdefault(f"{name}{_FILE}", f"{SECRETS_FOLDER}{secret}")
                secrets.append(secret)
                continue
            env[name] = _env_value(self.rehosted(without_unset(value)))
        return Environment(env=env, secrets=tuple(dict.fromkeys(secrets)))

    def rehosted(self, text: str) -> str:
        """Return a text that calls services by their names here."""
        for old, new in self.renamed.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(old)}(?=[:/,]|$)", new, text)
        return text

    def _file(self, entry: Said, *, path: str) -> dict[str, Said]:
        name = entry.text or entry.text_at("path") or ""
        text = self.read(entry.place.beside(name))
        if text is None:
            cure = "write its variables under env and secrets of the service"
            self.remarks.add(entry.place, f"{path}.env_file", "names a file that cannot be read", cure)
            return {}
        filled = self.variables
        return {
            key: Said(value=filled.fill(value, entry.place, f"{path}.env_file"), place=entry.place)
            for key, value in values_of(text).items()
        }

    def _is_name(self, name: str, place: Place, path: str) -> bool:
        try:
            _ENV_NAME.validate_python(name)
        except ValidationError:
            reason, cure = (
                "has a name that no variable has here",
                "give it letters, digits and _, and not COLORWAY_ first",
            )
            self.remarks.add(place, path, reason, cure)
            return False
        return True

    def _remark_secret(self, name: str, value: str, secret: str, place: Place, path: str) -> None:
        what = "is a secret, and those reach programs as files, not as variables"
        cure = f"let the program read the file that {name}{_FILE} names, and set it: {self.secrets.cure(secret)}"
        if has_url_with_password(value) or _IN_PARTS.search(value):
            what = "has a password in it, and those reach programs as files, not as variables"
            cure = (
                f"let the program put it together from its parts, or read all of it from the file that {name}{_FILE} "
            )
            cure += f"names, set by {self.secrets.cure(secret)}"
        self.remarks.add(place, path, what, cure)


def _kebab(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _env_value(text: str) -> Any:  # noqa: ANN401 - plain data
    """Return a value as the platform file has it; braces that Swarm fills in are asked for."""
    if _TEMPLATE.search(text):
        try:
            EnvValue(value=text, template=True)
        except ValidationError:
            return text
        return {"value": text, "template": True}
    return text
