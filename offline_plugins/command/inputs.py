"""The inputs of a command: which there are, of what kind, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from offline_plugins.values import UNKNOWN, Changes, Path, Properties, PropertyChange, Secret, Value, path_text

LOCAL: Final = "command:local:Command"
REMOTE: Final = "command:remote:Command"
_SCRIPTS: Final = ("create", "update", "delete")
# What the official provider assumes of a connection, written into the inputs as it does.
_CONNECTION_DEFAULTS: Final[Mapping[str, Value]] = MappingProxyType(
    {"user": "root", "port": 22, "dialErrorLimit": 10, "perDialTimeout": 15},
)

Complaint = Callable[[Value], str | None]


def _text(value: Value) -> str | None:
    return None if isinstance(value, str) else "must be text"


def _flag(value: Value) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _number(value: Value) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) else "must be a whole number"


def _list(value: Value) -> str | None:
    return None if isinstance(value, list) else "must be a list"


def _texts(value: Value) -> str | None:
    words = isinstance(value, list) and all(isinstance(_open(item), str) or item is UNKNOWN for item in value)
    return None if words else "must be a list of texts"


def _text_map(value: Value) -> str | None:
    right = isinstance(value, dict) and all(
        isinstance(_open(item), str) or _open(item) is UNKNOWN for item in value.values()
    )
    return None if right else "must be texts by name"


def _host_key(value: Value) -> str | None:
    right = isinstance(value, str) and len(value.split()) >= 2 and "\n" not in value.strip()  # noqa: PLR2004 - kind and key
    return None if right else "must be one line such as ssh-ed25519 AAAA…, as ssh-keyscan prints it after the host"


_COMMON: Final[Mapping[str, Complaint]] = MappingProxyType(
    {
        **dict.fromkeys(_SCRIPTS, _text),
        "stdin": _text,
        "triggers": _list,
        "addPreviousOutputInEnv": _flag,
    },
)
FIELDS: Final[Mapping[str, Mapping[str, Complaint]]] = MappingProxyType(
    {
        LOCAL: {**_COMMON, "environment": _text_map, "interpreter": _texts, "dir": _text},
        REMOTE: {**_COMMON, "connection": lambda _: None},
    },
)
_CONNECTION: Final[Mapping[str, Complaint]] = MappingProxyType(
    {
        "host": _text,
        "user": _text,
        "port": _number,
        "dialErrorLimit": _number,
        "perDialTimeout": _number,
        "hostKey": _host_key,
    },
)


def check(token: str, news: Properties) -> tuple[Properties, dict[str, str]]:
    """The complete inputs of a command, and what is wrong by path.

    Args:
        token: `LOCAL` or `REMOTE`.
        news: the inputs of the program.
    """
    inputs: Properties = {name: value for name, value in news.items() if value is not None}
    problems = dict(_problems(FIELDS[token], inputs, prefix=""))
    if token == REMOTE:
        problems.update(_visible_secrets(inputs))
        connection = _open(inputs.get("connection"))
        if isinstance(connection, dict):
            given: Properties = {name: value for name, value in connection.items() if value is not None}
            problems.update(_problems(_CONNECTION, given, prefix="connection."))
            problems.update(_missing(given))
            connection = {**_CONNECTION_DEFAULTS, **given}
        elif connection is not UNKNOWN:
            problems["connection"] = "connection: must be an object with host and hostKey"
        inputs["connection"] = Secret(connection)
    return inputs, problems


def _open(value: Value) -> Value:
    return value.value if isinstance(value, Secret) else value


def _problems(
    fields: Mapping[str, Complaint],
    given: Properties,
    *,
    prefix: str,
) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        path = f"{prefix}{name}"
        if name not in fields:
            yield path, f"{path}: the offline command plugin takes no such field; leave it out"
        elif _open(value) is not UNKNOWN and (problem := fields[name](_open(value))):
            yield path, f"{path}: {problem}"


def _missing(connection: Properties) -> Iterator[tuple[str, str]]:
    if "host" not in connection:
        yield "connection.host", "connection.host: is missing; give the address of the host"
    if "hostKey" not in connection:
        yield (
            "connection.hostKey",
            "connection.hostKey: is missing; without it nobody knows which machine answers",
        )


def _visible_secrets(inputs: Properties) -> Iterator[tuple[str, str]]:
    for name in _SCRIPTS:
        if isinstance(inputs.get(name), Secret):
            yield name, f"{name}: is secret but would show in the list of processes; give the secret as stdin"


# A command that comes to have triggers, or loses them, is made anew; so is one whose triggers change, but
# that the SDK asks of the engine.
_REPLACING = "triggers"


def differences(olds: Properties, news: Properties) -> Changes:
    """The changes from the old inputs to the new ones; nothing and absent are the same."""
    changes = {path_text(path): change for path, change in _compared((), olds, news)}
    return {path: change.replacing if path == _REPLACING else change for path, change in changes.items()}


def _compared(path: Path, old: Value, new: Value) -> Iterator[tuple[Path, PropertyChange]]:
    if old is None or new is None:
        if old is not new:
            yield path, PropertyChange.ADD if old is None else PropertyChange.DELETE
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _compared((*path, name), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _compared((*path, index), _at(old, index), _at(new, index))
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, PropertyChange.UPDATE


def _at(values: Sequence[Value], index: int) -> Value:
    return values[index] if index < len(values) else None
