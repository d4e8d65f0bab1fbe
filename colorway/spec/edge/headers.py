"""The headers of answers: what a file may say of them, and which other sites may read an answer."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from colorway.spec.base import Mistake, StrictSpec, refuse, twice
from colorway.spec.fields import Duration, Shape

OWN_HEADERS = frozenset(
    {"connection", "content-length", "content-type", "server", "set-cookie", "strict-transport-security"}
)
"""Headers that nginx sends already; a second one would contradict the first."""
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_HEADER_VALUE = re.compile(r"[ !#%-\[\]-~]*")
"""Printable ASCII without what nginx reads inside quotes: the quote, the backslash and $."""
LONGEST_HEADER = 4000
"""nginx takes no word of 4,096 characters or more."""
ANYBODY = "*"
"""The origin that stands for all."""
LONGEST_MAX_AGE = timedelta(hours=24)
"""Browsers keep the answer to a preflight no longer, whatever they are told."""


def _header_mistakes(name: str, text: str) -> list[Mistake]:
    if not _HEADER_NAME.fullmatch(name):
        return [((name,), "is no name of a header; use letters, digits and -, for example X-Frame-Options")]
    if name.lower() in OWN_HEADERS:
        return [((name,), "is a header that the load balancers send themselves; leave it out")]
    if not _HEADER_VALUE.fullmatch(text):
        return [((name,), 'has a character that nginx cannot quote; leave out ", \\, $, line ends and accents')]
    if max(len(name), len(text)) > LONGEST_HEADER:
        return [((name,), f"is longer than the {LONGEST_HEADER} characters that nginx takes; make it shorter")]
    return []


def _are_safe(value: dict[str, str]) -> dict[str, str]:
    refuse(found for name, text in value.items() for found in _header_mistakes(name, text))
    seen: dict[str, str] = {}
    for name in value:
        first = seen.setdefault(name.lower(), name)
        if first != name:
            refuse([((name,), f"is the same header as {first}; capitals make no difference, so leave one out")])
    return value


AnswerHeaders = Annotated[dict[str, str], AfterValidator(_are_safe)]
"""Headers by name, each with its text."""
HeaderName = Annotated[
    str,
    Field(max_length=100),
    Shape(
        r"[A-Za-z][A-Za-z0-9-]*",
        "is no name of a header; use letters, digits and -, for example X-Request-Id",
    ),
]
"""Name of a header."""
Origin = Annotated[
    str,
    Field(max_length=300),
    Shape(
        r"\*|https?://[a-z0-9][a-z0-9.-]*(:[1-9][0-9]{0,4})?|([a-z]([a-z0-9-]*[a-z0-9])?\.)?[a-z]([a-z0-9-]*[a-z0-9])?",
        "is no origin; write https://app.example.com, a name of the stack such as main or portal.main, or * for all",
    ),
]
"""Another site: scheme, name and port as a browser sends them, a domain of the stack, a name under one, or all."""


class Method(StrEnum):
    """What a request asks for."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"


class CorsSpec(StrictSpec):
    """Which other sites' pages may read the answers of a route; the load balancers answer their preflights."""

    origins: tuple[Origin, ...] = Field(min_length=1)
    """The sites: https://app.example.com, a domain of the stack (main), a name under one (portal.main), * for all."""
    methods: tuple[Method, ...] = Field(default=(Method.GET, Method.HEAD, Method.POST), min_length=1)
    """What they may ask for."""
    headers: tuple[HeaderName, ...] = ()
    """Headers that their requests may have, besides those that every page may send."""
    expose: tuple[HeaderName, ...] = ()
    """Headers of the answers that they may read, besides those that every page may."""
    credentials: bool = False
    """Whether their requests may carry cookies and logins."""
    max_age: Duration = timedelta(minutes=10)
    """How long a browser keeps the answer to a preflight."""

    @property
    def is_for_all(self) -> bool:
        """Whether every site may read the answers."""
        return ANYBODY in self.origins

    @model_validator(mode="after")
    def _fits_together(self) -> CorsSpec:
        found = [
            mistake for key in ("origins", "methods", "headers", "expose") for mistake in twice(key, getattr(self, key))
        ]
        if self.is_for_all and len(self.origins) > 1:
            found.append((("origins",), "say * for all, so the others say nothing; leave one or the other out"))
        if self.is_for_all and self.credentials:
            found.append(
                (("credentials",), "cannot be true where origins say * for all: browsers refuse that; name the sites")
            )
        if self.max_age > LONGEST_MAX_AGE:
            found.append((("max-age",), "is more than the 24h that any browser keeps it; write at most 24h"))
        refuse(found)
        return self
