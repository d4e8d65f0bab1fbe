"""What every SQL database says: its names, and the settings of its server."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from colorway.spec.base import Mistake, refuse
from colorway.spec.fields import Shape, memory_text
from colorway.spec.stores.backups import BackedUpSpec, VerifySpec
from colorway.spec.task.environment import has_url_with_password, looks_secret


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """What has to be known of a database server to check what a file says of it."""

    name: str
    """The program, as people call it."""
    superusers: frozenset[str]
    """Users that exist before the application's."""
    databases: frozenset[str]
    """Databases that exist before the application's."""
    taken: Mapping[str, str]
    """Parameters that colorway sets itself, each with the reason."""
    memory: Mapping[str, int]
    """Parameters that ask for memory, each with the bytes that a number without a unit counts."""
    units: Mapping[str, int]
    """Bytes of each unit as the server reads it."""
    amount: str
    """An amount of memory as the server reads it, for example."""


def _text_of_scalar(value: Any) -> Any:  # noqa: ANN401 - whatever YAML made of it
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("is no value that a server can be told; it must be a text, a number, true or false")
    return str(value) if isinstance(value, int | float) else value


def _check_value(value: str) -> str:
    if not value.isprintable():
        raise ValueError("has a line break or another character that cannot be seen; write it as one line of text")
    if has_url_with_password(value) or looks_secret(value):
        raise ValueError("looks like a secret, and every `docker inspect` would show it; leave it out")
    return value


SqlName = Annotated[
    str, Shape(r"[a-z_][a-z0-9_]{0,62}", "is no SQL name; use small letters, digits and _, for example app")
]
ParameterName = Annotated[
    str,
    Field(max_length=100),
    Shape(
        r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?",
        "is no name of a parameter; write it as the server's documentation does, in small letters with _, "
        "for example max_connections",
    ),
]
"""Name of a setting of a database server; in one spelling only, so that one that is taken has no other."""
ParameterValue = Annotated[
    str,
    BeforeValidator(_text_of_scalar, json_schema_input_type=str | int | float | bool),
    AfterValidator(_check_value),
]
"""Value of a setting; a number is its text, a truth value is on or off."""


class DatabaseSpec(BackedUpSpec):
    """What every SQL database says."""

    facts: ClassVar[ServerFacts]
    """What is known of its server."""
    proof: ClassVar[str] = "{newest: select max(created_at) from events}"

    database: SqlName
    """Name of the database."""
    user: SqlName
    """User that owns the database."""
    parameters: dict[ParameterName, ParameterValue] = Field(default_factory=dict)
    """Settings of the server by their names in its documentation; changed ones restart it."""
    verify: VerifySpec | None = None
    """How its backups are proven."""

    @property
    def taken(self) -> Mapping[str, str]:
        """The parameters that colorway sets itself, each with the reason."""
        return self.facts.taken

    @model_validator(mode="after")
    def _fits_its_server(self) -> DatabaseSpec:
        facts, taken = self.facts, self.taken
        found: list[Mistake] = []
        if self.user in facts.superusers:
            found.append(
                (("user",), f"is {facts.name}'s own superuser; name a user of the application, for example app")
            )
        if self.database in facts.databases:
            found.append((("database",), f"is one of {facts.name}'s own; name one of the application, for example app"))
        found += [
            (("parameters", name), f"is set by colorway itself: {taken[name]}; leave it out")
            for name in self.parameters
            if name in taken
        ]
        refuse([*found, *self._memory_mistakes(), *self._backup_mistakes()])
        return self

    def _memory_mistakes(self) -> list[Mistake]:
        """Return what asks for more memory than the task may use: the kernel would kill the server under load.

        A sum above the limit is too much, one below it may still be: a server takes more for each connection.
        """
        asked: dict[str, int] = {}
        found: list[Mistake] = []
        for name in self.parameters.keys() & self.facts.memory.keys():
            amount = self._bytes(name)
            if amount is None:
                text = f"is no amount of memory as {self.facts.name} reads it; write for example {self.facts.amount}"
                found.append((("parameters", name), text))
            else:
                asked[name] = amount
        limit = self.limits.memory
        cure = f"and limits.memory is {memory_text(limit)} for all of the task; ask for less, or raise the limit"
        alone = {name: amount for name, amount in asked.items() if amount >= limit}
        found += [
            (("parameters", name), f"asks for {memory_text(amount)}, {cure}") for name, amount in sorted(alone.items())
        ]
        total = sum(asked.values())
        if not alone and total >= limit:
            names = ", ".join(sorted(asked))
            found.append((("parameters",), f"ask for {memory_text(total)} together ({names}), {cure}"))
        return found

    def _bytes(self, name: str) -> int | None:
        """Return how much memory a parameter asks for; none = the server would not understand it."""
        units = "|".join(map(re.escape, self.facts.units))
        match = re.fullmatch(rf"\s*(-?\d{{1,15}}(?:\.\d{{1,6}})?)\s*({units})?\s*", self.parameters[name], re.ASCII)
        if match is None:
            return None
        unit = self.facts.units[match[2]] if match[2] else self.facts.memory[name]
        # Negative ones mean "as much as another parameter says" or "as you see fit".
        return max(0, math.ceil(float(match[1]) * unit))


def _powers(*suffixes: str) -> Mapping[str, int]:
    """Return the bytes of units that are 1024 times the one before, from the first one's on."""
    return MappingProxyType({suffix: 2 ** (10 * power) for power, suffix in enumerate(suffixes)})


POSTGRESQL = ServerFacts(
    name="PostgreSQL",
    superusers=frozenset({"postgres"}),
    databases=frozenset({"postgres", "template0", "template1"}),
    taken=MappingProxyType(
        {
            "config_file": "it is the one of the data on the volume",
            "data_directory": "it is on the store's volume",
            "hba_file": "it is the one of the data on the volume",
            "ident_file": "it is the one of the data on the volume",
            "listen_addresses": "only the store's own network reaches it, at all of its addresses",
            "port": "services find it at 5432",
            "unix_socket_directories": "the entry script tells by it which server is its own",
        }
    ),
    # https://www.postgresql.org/docs/18/runtime-config-resource.html; blocks have 8 KiB.
    memory=MappingProxyType(
        {
            "autovacuum_work_mem": 2**10,
            "logical_decoding_work_mem": 2**10,
            "maintenance_work_mem": 2**10,
            "min_dynamic_shared_memory": 2**20,
            "shared_buffers": 2**13,
            "temp_buffers": 2**13,
            "wal_buffers": 2**13,
            "work_mem": 2**10,
        }
    ),
    units=_powers("B", "kB", "MB", "GB", "TB"),
    amount="256MB",
)
MARIADB = ServerFacts(
    name="MariaDB",
    superusers=frozenset({"root", "mysql"}),
    databases=frozenset({"information_schema", "mysql", "performance_schema", "sys"}),
    taken=MappingProxyType(
        {
            "basedir": "it is the image's",
            "bind_address": "only the store's own network reaches it, at all of its addresses",
            "bootstrap": "the entry script does that where it has to",
            "datadir": "it is on the store's volume",
            "init_file": "the entry script says what there is to say at a start",
            "log_error": "Docker keeps what the server prints",
            "pid_file": "it must go with the container",
            "port": "services find it at 3306",
            "skip_grant_tables": "everybody would be everything",
            "skip_networking": "no service would reach it",
            "socket": "the entry script has it where the container may write",
            "user": "the entry script becomes the image's user mysql",
        }
    ),
    # https://mariadb.com/docs/server/ha-and-performance/optimization-and-tuning: memory allocation; all in bytes.
    memory=MappingProxyType(
        dict.fromkeys(
            (
                "aria_pagecache_buffer_size",
                "innodb_buffer_pool_size",
                "innodb_log_buffer_size",
                "join_buffer_size",
                "key_buffer_size",
                "max_heap_table_size",
                "query_cache_size",
                "read_buffer_size",
                "read_rnd_buffer_size",
                "sort_buffer_size",
                "tmp_table_size",
            ),
            1,
        )
    ),
    units=MappingProxyType(
        {key: 2 ** (10 * (1 + power)) for power, pair in enumerate(("kK", "mM", "gG", "tT")) for key in pair}
    ),
    amount="256M",
)
