"""Services that keep data, as data stores: known by their image, or by their volume."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from colorway.config.compose import tasks
from colorway.config.compose.environment import Environments, Secrets
from colorway.config.compose.mounts import Mounts
from colorway.config.compose.ports import repository
from colorway.config.compose.said import Remarks, Said
from colorway.config.compose.values import words_of
from colorway.config.compose.variables import without_unset
from colorway.spec.stores import DataStoreSpec
from colorway.spec.stores.database import MARIADB, POSTGRESQL, ServerFacts, SqlName
from colorway.spec.task.mounts import SECRETS_FOLDER

_KINDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(docker\.io/)?(library/)?postgres|(.*/)?(pgvector|postgis|timescaledb)"), "postgresql"),
    (re.compile(r"(.*/)?(mysql|mysql-server|mariadb|percona|percona-server)"), "mariadb"),
    (re.compile(r"(docker\.io/)?(library/)?redis"), "redis"),
    (re.compile(r"(.*/)?valkey"), "valkey"),
)
_FOREIGN = re.compile(r"(.*/)?bitnami(legacy)?/.*|(.*/)?(mysql|mysql-server|percona|percona-server)")
"""Images whose server is not begun as the official ones are: the store has colorway's own image instead."""
_PARAMETER = re.compile(r"--([a-z][a-z0-9_-]*)=(.*)|([a-z][a-z0-9_.]*)=(.*)")
_INIT = "/docker-entrypoint-initdb.d"
OWN_FOLDERS: Mapping[str, str] = MappingProxyType({"postgresql": "postgres", "mariadb": "mariadb"})
"""Folders of colorway's own images."""
_SQL_NAME: TypeAdapter[str] = TypeAdapter(SqlName)
_STORE: TypeAdapter[Any] = TypeAdapter(DataStoreSpec)


def kind_of(service: Said) -> str | None:
    """Return the kind of data store that a service is by its image; None where it is no known one."""
    if service.at("build") is not None:
        return None
    name = repository(service)
    if re.fullmatch(r"(.*/)?bitnami(legacy)?/(postgresql|mysql|mariadb|redis|valkey)", name):
        last = name.rpartition("/")[2]
        return {"mysql": "mariadb"}.get(last, last)
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(name)), None)


def has_own_image(service: Said) -> bool:
    """Return whether a store is begun from the image of its Compose file, and not from colorway's own."""
    return not _FOREIGN.fullmatch(repository(service))


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Reads services as data stores."""

    environments: Environments
    mounts: Mounts
    secrets: Secrets
    remarks: Remarks

    def server(self, service: Said, kind: str, *, name: str, build: str, path: str) -> dict[str, Any]:
        """Return a database, queue or cache whose program is known.

        Args:
            service: The service.
            kind: The kind of store.
            name: The store's.
            build: Folder of its image.
            path: Where the service is in the Compose file.
        """
        plain = self.environments.plain(service, path=path)
        found: dict[str, Any] = {"kind": kind, "build": build}
        if kind in {"postgresql", "mariadb"}:
            found |= self._database(plain, POSTGRESQL if kind == "postgresql" else MARIADB, service, path=path)
        password = self._password(plain, service, kind, name=name, path=path)
        found["password"] = password
        found |= self._settings(service, kind, path=path)
        found["limits"] = tasks.limits(service, path=path, remarks=self.remarks)
        found |= tasks.stop_grace(service)
        self._remark(service, kind, path=path)
        return found

    def custom(self, service: Said, port: int, *, name: str, build: str, path: str) -> dict[str, Any]:
        """Return any other program that keeps data in one volume."""
        converted = self.environments.converted(self.environments.plain(service, path=path), owner=name, path=path)
        mounted = self.mounts.of(service, owner=name, path=path)
        [volume] = mounted.volumes
        found: dict[str, Any] = {
            "kind": "custom",
            "build": build,
            "port": port,
            "volume": volume["target"],
            "health": tasks.health(service, path=path, remarks=self.remarks),
            **tasks.process(service, path=path, remarks=self.remarks),
            "env": converted.env,
            "secrets": list(dict.fromkeys([*map(_text, mounted.secrets), *converted.secrets])),
            "limits": tasks.limits(service, path=path, remarks=self.remarks),
            **tasks.stop_grace(service),
        }
        self._remark_data(service, path=path)
        return {key: value for key, value in found.items() if value not in ({}, [])}

    def _database(self, plain: Mapping[str, Said], facts: ServerFacts, service: Said, *, path: str) -> dict[str, Any]:
        prefixes = ("POSTGRES", "POSTGRESQL") if facts is POSTGRESQL else ("MARIADB", "MYSQL")
        keys = {"user": ("USER", "USERNAME"), "database": ("DB", "DATABASE")}
        found: dict[str, Any] = {}
        for key, endings in keys.items():
            names = [f"{prefix}_{ending}" for prefix in prefixes for ending in endings]
            said = next((plain[name] for name in names if name in plain), None)
            value = without_unset(str(said.value)) if said is not None else ""
            taken = facts.superusers if key == "user" else facts.databases
            if not value and key == "database":
                value = found["user"]
            if _is_sql_name(value) and value not in taken:
                found[key] = value
                continue
            found[key] = "app"
            what = f"{facts.name}'s own" if value in taken or not value else "no name that is carried"
            place = said.place if said is not None else service.place
            cure = f"let the application's variables name the {key} app, or choose another in the platform file"
            self.remarks.add(place, f"{path}.environment", f"names a {key} that is {what}, and here it is app", cure)
        return {"database": found["database"], "user": found["user"]}

    def _password(self, plain: Mapping[str, Said], service: Said, kind: str, *, name: str, path: str) -> str:
        names = {
            "postgresql": ("POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"),
            "mariadb": ("MARIADB_PASSWORD", "MYSQL_PASSWORD", "MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"),
        }.get(kind, ("REDIS_PASSWORD", "VALKEY_PASSWORD"))
        for one in names:
            file = plain.get(f"{one}_FILE")
            if file is not None and str(file.value).startswith(SECRETS_FOLDER):
                return self.secrets.declare(str(file.value).removeprefix(SECRETS_FOLDER), f"password of {name}")
        said = next((plain[one] for one in names if one in plain), None)
        value = str(said.value) if said is not None else _required(service)
        secret = self.secrets.of_value(
            value or "", wanted=f"{name}-password", owner=name, description=f"password of {name}"
        )
        if said is not None:
            self.environments.variables.answer(said)
        if not value:
            reason = "has no password, and here every store has one"
            cure = f"let services read it from {SECRETS_FOLDER}{secret}, and list {secret} under their secrets"
            self.remarks.add(service.place, path, reason, cure)
            return secret
        place = said.place if said is not None else service.place
        cure = f"set it with {self.secrets.cure(secret)}"
        self.remarks.add(place, f"{path}.environment", "has the password, whose value is not read", cure)
        return secret

    def _settings(self, service: Said, kind: str, *, path: str) -> dict[str, Any]:
        said = service.at("command")
        words = words_of(said) if said is not None else []
        if said is None or not words:
            return {}
        if kind in {"redis", "valkey"}:
            policy = next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "--maxmemory-policy"), "")
            cure = "say what it is for with use: queue or cache; docs/data-stores.md"
            self.remarks.add(said.place, f"{path}.command", "is settled by what the store is for", cure)
            return {"use": "cache"} if policy.startswith("allkeys") else {}
        if not has_own_image(service):
            cure = "see parameters in docs/data-stores.md"
            self.remarks.add(said.place, f"{path}.command", "is another program's", cure)
            return {}
        parameters: dict[str, str] = {}
        for word in words:
            if match := _PARAMETER.fullmatch(word):
                name, value = (match[1] or match[3] or "").replace("-", "_"), match[2] or match[4] or ""
                if self._is_taken(kind, name, value):
                    parameters[name] = value
                    continue
            elif word in {"-c", "postgres", "mysqld", "mariadbd", "docker-entrypoint.sh"}:
                continue
            cure = "see parameters in docs/data-stores.md for what a server can be told"
            self.remarks.add(said.place, f"{path}.command", "has a word that is no parameter of the server here", cure)
        return {"parameters": parameters} if parameters else {}

    def _is_taken(self, kind: str, name: str, value: str) -> bool:
        """Return whether a parameter is one that a store takes."""
        trial = {"kind": kind, "build": "x", "database": "app", "user": "app", "password": "x"}
        limits = {"cpus": 1, "memory": "1024Gi"}
        try:
            _STORE.validate_python({**trial, "limits": limits, "parameters": {name: value}})
        except ValidationError:
            return False
        return True

    def _remark(self, service: Said, kind: str, *, path: str) -> None:
        if not has_own_image(service):
            said = service.at("image") or service
            what = "MariaDB" if kind == "mariadb" else kind
            cure = "bring its data along with `colorway data load`; docs/data-stores.md"
            self.remarks.add(said.place, f"{path}.image", f"is another program's, and becomes colorway's {what}", cure)
        for said in service.items_at("volumes"):
            if _INIT in (said.text or said.text_at("target") or ""):
                cure = "let a migration do it, or `colorway data load`"
                self.remarks.add(
                    said.place, f"{path}.volumes", "has scripts for an empty database, which are not run", cure
                )
        self._remark_data(service, path=path)

    def _remark_data(self, service: Said, *, path: str) -> None:
        for said in service.items_at("volumes"):
            if _INIT not in (said.text or said.text_at("target") or ""):
                cure = "see bringing data along in docs/data-stores.md"
                self.remarks.add(said.place, f"{path}.volumes", "has data, and the store here begins empty", cure)
                return


def _is_sql_name(value: str) -> bool:
    try:
        _SQL_NAME.validate_python(value)
    except ValidationError:
        return False
    return True


def _required(service: Said) -> str | None:
    """Return the password in the command of a Redis."""
    said = service.at("command")
    words = words_of(said) if said is not None else []
    return next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "--requirepass"), None)


def _text(secret: Any) -> str:  # noqa: ANN401 - plain data
    return secret if isinstance(secret, str) else str(secret["name"])
