"""Rules of Traefik, version 1 to 3, as the names and paths that they let in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"\s*(&&|\|\||!|\(|\)|[A-Za-z]+\s*\((?:`[^`]*`|\"[^\"]*\"|'[^']*'|[\s,])*\))")
_CALL = re.compile(r"([A-Za-z]+)\s*\((.*)\)", re.DOTALL)
_TEXT = re.compile(r"`([^`]*)`|\"([^\"]*)\"|'([^']*)'")
Term = tuple[str, tuple[str, ...]]
"""A function of a rule in small letters, and what it is given."""
CARRIED = frozenset({"host", "path", "pathprefix", "pathprefixstrip"})


@dataclass(frozen=True, kw_only=True)
class Let:
    """Requests that a rule lets in: under one name (none = any), below one path."""

    host: str | None
    path: str
    is_stripped: bool = False


class UnreadableRuleError(ValueError):
    """A rule that says more than names and paths."""


def let_in(rule: str) -> list[Let]:
    """Return what a rule of version 2 or 3 lets in.

    Raises:
        UnreadableRuleError: it asks for more than host and path, or is none.
    """
    tokens, position = [], 0
    while rule[position:].strip():
        match = _TOKEN.match(rule, position)
        if match is None:
            raise UnreadableRuleError
        tokens.append(match[1])
        position = match.end()
    ways, rest = _any(tokens)
    if rest or not ways:
        raise UnreadableRuleError
    return list(dict.fromkeys(one for way in ways for one in _lets(way)))


def let_in_before(rule: str) -> list[Let]:
    """Return what a rule of version 1 lets in: `Host:a.example.com,b.example.com;PathPrefix:/api`.

    Raises:
        UnreadableRuleError: it asks for more than host and path.
    """
    terms: list[Term] = []
    for part in filter(None, (one.strip() for one in rule.split(";"))):
        name, colon, values = part.partition(":")
        if not colon:
            raise UnreadableRuleError
        terms.append((name.strip().lower(), tuple(one.strip() for one in values.split(","))))
    return list(_lets(tuple(terms)))


def _lets(terms: tuple[Term, ...]) -> Iterator[Let]:
    if any(name not in CARRIED for name, _ in terms):
        raise UnreadableRuleError
    hosts = [value for name, values in terms if name == "host" for value in values]
    paths = [(value, name == "pathprefixstrip") for name, values in terms if name != "host" for value in values]
    for host in hosts or [""]:
        for path, is_stripped in paths or [("/", False)]:
            yield Let(host=host.lower() or None, path=path, is_stripped=is_stripped)


def _any(tokens: list[str]) -> tuple[list[tuple[Term, ...]], list[str]]:
    ways, rest = _all(tokens)
    while rest[:1] == ["||"]:
        more, rest = _all(rest[1:])
        ways = [*ways, *more]
    return ways, rest


def _all(tokens: list[str]) -> tuple[list[tuple[Term, ...]], list[str]]:
    ways, rest = _one(tokens)
    while rest[:1] == ["&&"]:
        more, rest = _one(rest[1:])
        ways = [(*one, *other) for one in ways for other in more]
    return ways, rest


def _one(tokens: list[str]) -> tuple[list[tuple[Term, ...]], list[str]]:
    if not tokens:
        raise UnreadableRuleError
    first, *rest = tokens
    if first == "(":
        ways, rest = _any(rest)
        if rest[:1] != [")"]:
            raise UnreadableRuleError
        return ways, rest[1:]
    call = _CALL.fullmatch(first)
    if call is None:
        raise UnreadableRuleError
    given = tuple(next(filter(None, match.groups()), "") for match in _TEXT.finditer(call[2]))
    return [((call[1].lower(), given),)], rest
