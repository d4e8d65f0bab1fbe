"""The part of Cloudflare's rules language that is used here: read strictly, and asked what becomes of a request.

Read from its public reference: fields, `eq`, `contains`, `in`, `and`, `or`, `not`, and the functions below. What a
redirect rule may say is what the API's own types have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.support.cloudflare.answers import RefusedError

LONGEST = 4096
"""Characters of an expression."""
FREE_REDIRECTS = 10
"""Redirect rules that a zone of the Free plan has."""
STATUSES = frozenset({301, 302, 303, 307, 308})
_WORD = re.compile(r'\s*(?:("(?:[^"\\]|\\["\\])*")|(\d+)|([a-z][a-z0-9_.]*)|([(){},]))')
_FIELDS = frozenset({"http.host", "http.request.uri.path", "raw.http.request.uri", "raw.http.request.uri.path"})
_NUMBERS = frozenset({"cf.edge.server_port"})

Fields = Mapping[str, Any]
Expression = Callable[[Fields], Any]


def fields(url: str) -> dict[str, Any]:
    """Return what Cloudflare knows of a request by its address, of which nothing is decoded."""
    parts = urlsplit(url)
    uri = url.removeprefix(f"{parts.scheme}://{parts.netloc}") or "/"
    path = uri.partition("?")[0]
    return {
        "http.host": parts.hostname,
        "http.request.uri.path": re.sub("/+", "/", path),
        "raw.http.request.uri": uri,
        "raw.http.request.uri.path": path,
        "cf.edge.server_port": parts.port or (443 if parts.scheme == "https" else 80),
    }


def answer(rules: Iterable[Mapping[str, Any]], url: str) -> tuple[int, str] | None:
    """Return status and target of the first redirect rule that is for a request; None where none is."""
    known = fields(url)
    for rule in rules:
        if rule.get("enabled", True) and condition(rule["expression"])(known):
            said = rule["action_parameters"]["from_value"]
            static = said["target_url"].get("value")
            to = static if static is not None else target(said["target_url"]["expression"])(known)
            query = known["raw.http.request.uri"].partition("?")[2]
            kept = f"?{query}" if query and said.get("preserve_query_string") else ""
            return said.get("status_code", 301), f"{to}{kept}"
    return None


def condition(text: str) -> Expression:
    """Read which requests a rule is for.

    Raises:
        RefusedError: that is no such expression.
    """
    reader = _Reader(text)
    read = reader.either()
    reader.end()
    return read


def target(text: str) -> Expression:
    """Read where a rule sends them.

    Raises:
        RefusedError: that is no such expression.
    """
    reader = _Reader(text)
    read = reader.value()
    reader.end()
    return read


def refuse_redirect(rule: Mapping[str, Any]) -> None:
    """Refuse what the API takes in no redirect rule."""
    if rule["action"] != "redirect":
        raise _wrong("action", rule["action"])
    said = rule.get("action_parameters")
    if not isinstance(said, Mapping) or set(said) != {"from_value"}:
        raise _wrong("action_parameters", said)
    one = said["from_value"]
    if set(one) - {"target_url", "status_code", "preserve_query_string"}:
        raise _wrong("from_value", sorted(one))
    if one.get("status_code", 301) not in STATUSES:
        raise _wrong("status_code", one["status_code"])
    if not isinstance(one.get("preserve_query_string", False), bool):
        raise _wrong("preserve_query_string", one["preserve_query_string"])
    to = one.get("target_url")
    if not isinstance(to, Mapping) or len(to) != 1 or set(to) - {"value", "expression"}:
        raise _wrong("target_url", to)
    if "expression" in to:
        target(to["expression"])
    elif "?" in to["value"] and one.get("preserve_query_string"):
        raise _wrong("preserve_query_string", one["preserve_query_string"])


def _wrong(key: str, value: object) -> RefusedError:
    return RefusedError(400, 20018, f"'{value}' is not a valid value for {key}")


@dataclass
class _Reader:
    """Reads an expression word by word."""

    text: str
    at: int = 0

    def __post_init__(self) -> None:
        if len(self.text) > LONGEST:
            raise RefusedError(400, 20127, f"expression is longer than {LONGEST} characters")

    def _next(self, *, take: bool = True) -> str:
        found = _WORD.match(self.text, self.at)
        if found is None:
            if self.text[self.at :].strip():
                raise self._mistake()
            return ""
        if take:
            self.at = found.end()
        return found[0].strip()

    def _take(self, *wanted: str) -> str:
        """Take the next word if it is one of these."""
        return self._next() if self._next(take=False) in wanted else ""

    def _must(self, *wanted: str) -> str:
        if not (found := self._take(*wanted)):
            raise self._mistake()
        return found

    def _mistake(self) -> RefusedError:
        return RefusedError(400, 20127, f"filter parsing error at {self.at}: {self.text[self.at : self.at + 40]}")

    def end(self) -> None:
        if self._next(take=False):
            raise self._mistake()

    def either(self) -> Expression:
        left = self._both()
        while self._take("or"):
            left = _or(left, self._both())
        return left

    def _both(self) -> Expression:
        left = self._one()
        while self._take("and"):
            left = _and(left, self._one())
        return left

    def _one(self) -> Expression:
        if self._take("not"):
            inner = self._one()
            return lambda known: not inner(known)
        if self._take("("):
            inner = self.either()
            self._must(")")
            return inner
        if word := self._take("true", "false"):
            return lambda _known: word == "true"
        if self._next(take=False) == "starts_with":
            return self._starts_with()
        return self._comparison()

    def _starts_with(self) -> Expression:
        self._must("starts_with")
        self._must("(")
        name = self._must(*_FIELDS)
        self._must(",")
        beginning = self._literal()
        self._must(")")
        return lambda known: known[name].startswith(beginning)

    def _comparison(self) -> Expression:
        name = self._must(*_FIELDS, *_NUMBERS)
        operator = self._must(*(("eq", "in") if name in _NUMBERS else ("eq", "contains", "in")))
        if operator == "in":
            self._must("{")
            values = []
            while not self._take("}"):
                values.append(self._number() if name in _NUMBERS else self._literal())
            return lambda known: known[name] in values
        value = self._number() if name in _NUMBERS else self._literal()
        if operator == "eq":
            return lambda known: known[name] == value
        return lambda known: str(value) in known[name]

    def value(self) -> Expression:
        """Read a text that is made of the request."""
        if self._take("concat"):
            self._must("(")
            parts = [self.value()]
            while self._take(","):
                parts.append(self.value())
            self._must(")")
            return lambda known: "".join(part(known) for part in parts)
        if self._take("substring"):
            self._must("(")
            name = self._must(*_FIELDS)
            self._must(",")
            start = self._number()
            self._must(")")
            return lambda known: known[name][start:]
        if name := self._take(*_FIELDS):
            return lambda known: known[name]
        literal = self._literal()
        return lambda _known: literal

    def _literal(self) -> str:
        word = self._next()
        if not word.startswith('"'):
            raise self._mistake()
        return re.sub(r"\\(.)", r"\1", word[1:-1])

    def _number(self) -> int:
        word = self._next()
        if not word.isdigit():
            raise self._mistake()
        return int(word)


def _or(left: Expression, right: Expression) -> Expression:
    return lambda known: left(known) or right(known)


def _and(left: Expression, right: Expression) -> Expression:
    return lambda known: left(known) and right(known)
