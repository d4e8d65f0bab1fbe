"""Check: turns what the program says into complete inputs, or says which field is wrong.

Every object in the result lists under `__defaults` which of its properties were filled in; the official
provider keeps that in state, and decides by it whether a name was given or made up.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from offline_plugins.docker.fields import Field, Fields, Kind
from offline_plugins.docker.resource_types import ResourceType
from offline_plugins.values import UNKNOWN, Properties, Secret, Value, revealed

DEFAULTS: Final = "__defaults"
_SUFFIX_DIGITS: Final = 7


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """A field that is not accepted, and why, in one sentence that does not repeat its value."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Where the physical name comes from when the program gives none."""

    logical_name: str
    seed: bytes = b""

    def name(self, *, old: Value) -> str:
        """The old name if there is one, else logical name, dash, seven digits."""
        if isinstance(old, str):
            return old
        seed = self.seed or secrets.token_bytes()
        return f"{self.logical_name}-{hashlib.sha256(seed).hexdigest()[:_SUFFIX_DIGITS]}"


def check(
    kind: ResourceType,
    *,
    news: Properties,
    olds: Properties | None,
    naming: Naming,
) -> tuple[Properties, list[CheckFailure]]:
    """The complete inputs of a resource, and what is wrong with them.

    Args:
        kind: the type of the resource.
        news: the inputs of the program.
        olds: the checked inputs of the last update; None for a new resource.
        naming: how an absent `name` is made.

    Returns:
        The inputs with defaults, and the failures; with failures the inputs are of no use.
    """
    plain = {name: revealed(value) for name, value in news.items() if value is not None}
    failures: list[CheckFailure] = []
    result = _object(kind.fields, plain, path="", failures=failures)
    if "name" not in result:
        failures = [failure for failure in failures if failure.path != "name"]
        result["name"] = naming.name(old=(olds or {}).get("name"))
        result[DEFAULTS] = sorted(["name", *_listed(result[DEFAULTS])], key=str)
    failures.extend(_conflicts(result))
    for name, field in kind.fields.items():
        if field.secret and name in result:
            result[name] = Secret(result[name])
    return result, failures


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _object(fields: Fields, given: Properties, *, path: str, failures: list[CheckFailure]) -> Properties:
    result: Properties = {}
    for name, value in given.items():
        if name.startswith("__") or value is None:
            continue
        field = fields.get(name)
        if field is None or field.refused:
            failures.append(_unknown_field(f"{path}{name}"))
            continue
        result[name] = _value(field, value, path=f"{path}{name}", failures=failures)
    defaulted = [name for name, field in fields.items() if name not in result and field.default]
    for name in defaulted:
        result[name] = fields[name].default
    missing = [name for name, field in fields.items() if field.required and name not in result]
    failures.extend(CheckFailure(f"{path}{name}", f"{path}{name}: is missing; give it a value") for name in missing)
    result[DEFAULTS] = [*sorted(defaulted)]
    return result


def _unknown_field(path: str) -> CheckFailure:
    return CheckFailure(
        path,
        f"{path}: the offline docker plugin takes no such field; leave it out or use the official plugin",
    )


def _value(field: Field, value: Value, *, path: str, failures: list[CheckFailure]) -> Value:
    if value is UNKNOWN:
        return value
    if field.kind is Kind.BLOCK and isinstance(value, dict):
        return _object(field.content, value, path=f"{path}.", failures=failures)
    if field.kind in {Kind.BLOCKS, Kind.BLOCK_SET} and isinstance(value, list):
        return [
            _element(field, element, path=f"{path}[{index}]", failures=failures) for index, element in enumerate(value)
        ]
    if field.kind in {Kind.TEXTS, Kind.TEXT_SET} and isinstance(value, list):
        return [
            _leaf(Kind.TEXT, element, path=f"{path}[{index}]", failures=failures) for index, element in enumerate(value)
        ]
    if field.kind is Kind.TEXT_MAP and isinstance(value, dict):
        return {
            key: _leaf(Kind.TEXT, element, path=f"{path}.{key}", failures=failures)
            for key, element in value.items()
            if element is not None
        }
    leaf = _leaf(field.kind, value, path=path, failures=failures)
    problem = field.problem(leaf) if field.problem and leaf is not UNKNOWN else None
    if problem and not any(failure.path == path for failure in failures):
        failures.append(CheckFailure(path, f"{path}: {problem}"))
    return leaf


def _element(field: Field, value: Value, *, path: str, failures: list[CheckFailure]) -> Value:
    if isinstance(value, dict):
        return _object(field.content, value, path=f"{path}.", failures=failures)
    if value is not UNKNOWN:
        failures.append(CheckFailure(path, f"{path}: must be an object"))
    return value


def _leaf(kind: Kind, value: Value, *, path: str, failures: list[CheckFailure]) -> Value:
    """The value in the kind that the provider stores: numbers and text are taken for each other."""
    if value is UNKNOWN or (kind is Kind.FLAG and isinstance(value, bool)):
        return value
    if kind is Kind.TEXT and isinstance(value, str | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind is Kind.WHOLE and isinstance(value, str | int) and not isinstance(value, bool):
        if isinstance(value, int):
            return value
        if value.lstrip("-").isdigit():
            return int(value)
    expected = {Kind.TEXT: "text", Kind.FLAG: "true or false", Kind.WHOLE: "a whole number"}
    shape = "an object" if kind in {Kind.BLOCK, Kind.TEXT_MAP} else "a list"
    failures.append(CheckFailure(path, f"{path}: must be {expected.get(kind, shape)}"))
    return value


def _conflicts(inputs: Properties) -> Iterator[CheckFailure]:
    mode = inputs.get("mode")
    if isinstance(mode, dict) and "global" in mode:
        if "replicated" in mode:
            yield CheckFailure("mode", "mode: a service is either replicated or global; give one of the two")
        if "convergeConfig" in inputs:
            yield CheckFailure("convergeConfig", "convergeConfig: works with a replicated service only; leave it out")
