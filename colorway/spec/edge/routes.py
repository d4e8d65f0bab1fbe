"""Routes: which requests come to a service, what is asked of them, and what their answers get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, field_validator, model_validator

from colorway.spec.base import Mistake, StrictSpec, refuse, twice
from colorway.spec.edge.headers import AnswerHeaders, CorsSpec
from colorway.spec.fields import (
    AnyNetwork,
    Label,
    Memory,
    PositiveDuration,
    Shape,
    UrlPath,
    parse_duration,
)
from colorway.spec.names import MAIN_DOMAIN

INTERNAL_PATH = "/.colorway"
"""Below it the load balancers keep the routes of each color; no request from outside gets there."""
LONGEST_PATH = 1000
"""nginx takes no word of 4,096 characters or more."""
SMALLEST_BODY, LARGEST_BODY = 2**10, 4 * 2**30
"""Bytes; nginx takes 0 for no limit at all."""
WEBSOCKET_IDLE = timedelta(minutes=5)
"""How long an open WebSocket may be silent where nothing is said; a page that is closed takes its own down."""
MOST_BURST = 10_000
REDIRECT_STATUS = 308
"""What a redirect is answered with: for good, and with the method that it was."""
_AGE = re.compile(r"([1-9]\d{0,3})([yd])", re.ASCII)
_DAYS = {"y": 365, "d": 1}


def _parse_age(value: object) -> object:
    match = _AGE.fullmatch(value) if isinstance(value, str) else None
    return timedelta(days=int(match[1]) * _DAYS[match[2]]) if match else parse_duration(value)


Age = Annotated[
    PositiveDuration,
    BeforeValidator(_parse_age),
    WithJsonSchema({"type": "string", "examples": ["1y", "30d", "12h"]}),
]
"""Length of time above zero, in which years and days may be written, too."""
Rate = Annotated[
    str,
    Shape(r"[1-9][0-9]{0,5}r/[sm]", "is no rate; write requests by second or minute, for example 10r/s or 30r/m"),
]
"""How many requests in which time."""
Target = Annotated[
    str,
    Field(max_length=LONGEST_PATH),
    Shape(
        r"(/[A-Za-z0-9_.~-]+)*/?|([a-z]([a-z0-9-]*[a-z0-9])?\.)?[a-z]([a-z0-9-]*[a-z0-9])?",
        "is no place to send anybody to; write a path such as /new/, a domain of the stack such as main, or a name "
        "under one such as portal.main",
    ),
]
"""A path of the same name, a domain of the stack, or a name under one."""


class LimitKey(StrEnum):
    """Whose requests are counted together."""

    CLIENT = "client"
    """Those of one address; of IPv6 those of one /64."""
    TOKEN = "token"  # noqa: S105 - a kind of client
    """Those with one Authorization header; those without one by address."""


class LimitSpec(StrictSpec):
    """How often one client may ask; more is answered 429 with Retry-After."""

    rate: Rate
    """Requests by second or minute that all load balancers let through together: 10r/s, 30r/m."""
    burst: int = Field(default=0, ge=0, le=MOST_BURST, strict=True)
    """Requests above the rate that each load balancer lets through at once, after a while of fewer."""
    key: LimitKey = LimitKey.CLIENT
    """Whose requests are counted together."""

    @property
    def per_minute(self) -> int:
        """The rate in requests a minute."""
        number, _, unit = self.rate.partition("r/")
        return int(number) * (60 if unit == "s" else 1)


class PlaceSpec(StrictSpec):
    """Where requests arrive."""

    path: UrlPath
    """Beginning of the path, in whole segments: /api takes /api and /api/x, not /apis. The longest one wins."""
    domain: Label = MAIN_DOMAIN
    """Name of one of the stack's domains."""
    host: Label | None = None
    """Name under the domain, for example `portal`; none = every name that has no routes of its own."""
    exact: bool = False
    """Whether only this very path is meant."""

    @field_validator("path", mode="after")
    @classmethod
    def _is_free(cls, value: str) -> str:
        if f"{value}/".startswith(f"{INTERNAL_PATH}/"):
            raise ValueError("is the load balancers' own; choose another path")
        if len(value) > LONGEST_PATH:
            raise ValueError(f"is longer than the {LONGEST_PATH} characters that a path may have; choose a shorter one")
        if "//" in value or {".", ".."}.intersection(value.split("/")):
            raise ValueError("has //, /./ or /../, which nginx takes out of each request; write the path without them")
        return value

    @property
    def trunk(self) -> str:
        """The path without its last slash; nothing for the root."""
        return self.path.rstrip("/")

    @property
    def place(self) -> tuple[str, str | None, str, bool]:
        """Domain, name under it, path, and whether only that. One place, one route."""
        return (self.domain, self.host, self.path if self.exact else self.trunk, self.exact)

    def takes(self, path: str) -> bool:
        """Return whether a path of its name is one of its own."""
        return path == self.path if self.exact else f"{path}/".startswith(f"{self.trunk}/")


Place = TypeVar("Place", bound=PlaceSpec)


def taker(places: Iterable[Place], *, domain: str, host: str | None, path: str) -> Place | None:
    """Return the one that takes a path under a name: the exact one, else the longest."""
    found = [one for one in places if (one.domain, one.host) == (domain, host) and one.takes(path)]
    return max(found, key=lambda one: (one.exact, len(one.trunk)), default=None)


class Keeps(StrEnum):
    """What of an address a redirect keeps besides the query, which it always does."""

    PATH = "path"
    """The whole path: it leads to another name."""
    REST = "rest"
    """What stands behind the route's own path."""
    NOTHING = "nothing"
    """Nothing: it leads from one path to one other."""


class RedirectSpec(PlaceSpec):
    """Requests that are sent elsewhere for good, by 308: the method stays what it was."""

    redirect: Target
    """A path of the same name, to which the rest is added; or a domain of the stack or a name under one, with the
    whole path."""
    path: UrlPath = "/"
    """Beginning of the path, in whole segments."""

    @property
    def leads_to_path(self) -> bool:
        """Whether it stays under its name."""
        return self.redirect.startswith("/")

    @property
    def keeps(self) -> Keeps:
        """What of an address it keeps."""
        if not self.leads_to_path:
            return Keeps.PATH
        return Keeps.NOTHING if self.exact else Keeps.REST

    @property
    def stem(self) -> str:
        """What stands before the rest of a path, in the place of the route's own."""
        return self.redirect.rstrip("/")

    @model_validator(mode="after")
    def _leads_away(self) -> RedirectSpec:
        if self.leads_to_path and self.takes(self.redirect):
            refuse([(("redirect",), "lies under the route's own path, so that it would never end; lead elsewhere")])
        own = self.domain if self.host is None else f"{self.host}.{self.domain}"
        if self.redirect == own:
            refuse([(("redirect",), "is the route's own name, so that it would never end; lead elsewhere")])
        return self


class RouteSpec(PlaceSpec):
    """Requests that a service answers."""

    strip: bool = False
    """Whether the service gets the path without this beginning: /auth/x as /x."""
    limit: LimitSpec | None = None
    """How often one client may ask."""
    allow: tuple[AnyNetwork, ...] = Field(default=(), min_length=1)
    """Networks that may ask; all others get 403. None = everybody."""
    basic_auth: Label | None = None
    """Name of the secret with the names and passwords that open it, `name:password` a line."""
    body: Memory | None = None
    """Largest request body; none = what `longest-body` of the edge says."""
    timeout: PositiveDuration | None = None
    """How long the service may be silent; none = its longest request, of a WebSocket 5m."""
    stream: bool = False
    """Whether bodies and answers go through piece by piece, unbuffered: server-sent events, long polling."""
    websocket: bool = False
    """Whether WebSockets are opened here, which may be silent for longer than a request takes."""
    grpc: bool = False
    """Whether the service speaks gRPC here, without TLS."""
    cacheable: bool = False
    """Whether the CDN may keep the answers; then newcomers get no cookie here."""
    cache: Age | None = None
    """How long whoever got a file may keep it, which must never change: its name has its hash. What this version does
    not have is asked of the other color's, so that open pages find their files through a whole release."""
    headers: AnswerHeaders = Field(default_factory=dict)
    """Headers that each answer gets, instead of the service's and the edge's own of that name."""
    cors: CorsSpec | None = None
    """Which other sites' pages may read the answers."""

    @property
    def is_buffered(self) -> bool:
        """Whether bodies wait on the load balancer's disk until they are whole."""
        return not (self.stream or self.grpc)

    @property
    def is_kept(self) -> bool:
        """Whether somebody between may keep the answers and give them to others."""
        return self.cacheable or self.cache is not None

    @property
    def is_open(self) -> bool:
        """Whether everybody's plain request is answered."""
        return not (self.allow or self.basic_auth or self.grpc or self.websocket)

    def silence(self, longest_request: timedelta) -> timedelta:
        """Return how long the service may be silent."""
        return self.timeout or (WEBSOCKET_IDLE if self.websocket else longest_request)

    @field_validator("body", mode="after")
    @classmethod
    def _is_a_body(cls, value: int | None) -> int | None:
        if value is not None and not SMALLEST_BODY <= value <= LARGEST_BODY:
            raise ValueError("must be between 1Ki and 4Gi, for example 10Mi")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> RouteSpec:
        refuse(
            [
                *self._form_mistakes(),
                *self._kept_mistakes(),
                *self._header_mistakes(),
                *twice("allow", self.allow),
            ]
        )
        return self

    def _form_mistakes(self) -> Iterator[Mistake]:
        if self.strip and (self.exact or not self.trunk):
            yield ("strip",), "would leave every request the path /; leave it out, or give the route another path"
        if self.grpc:
            for key in ("strip", "stream", "websocket", "cors"):
                if getattr(self, key):
                    yield (key,), "is not for grpc, which is always streamed, by the paths of its own; leave one out"
        if self.websocket and self.stream:
            yield ("stream",), "says nothing beside websocket, which goes through piece by piece; leave one out"

    def _kept_mistakes(self) -> Iterator[Mistake]:
        """Yield what would give to everybody what is for some."""
        if not self.is_kept:
            return
        key = "cacheable" if self.cacheable else "cache"
        if self.cacheable and self.cache is not None:
            yield ("cacheable",), "is what cache says already; leave one out"
        for other in ("allow", "basic_auth"):
            if getattr(self, other):
                name = other.replace("_", "-")
                yield (name,), f"beside {key}: what a CDN keeps it gives to everybody; leave one out"
        for other in ("grpc", "websocket", "stream"):
            if getattr(self, other):
                yield (other,), f"beside {key}: nobody can keep what goes through piece by piece; leave one out"
        if self.cors is not None and not self.cors.is_for_all:
            yield ("cors", "origins"), f'must be ["*"] beside {key}: one answer is kept for the pages of all sites'

    def _header_mistakes(self) -> Iterator[Mistake]:
        for name in self.headers:
            if self.cors is not None and name.lower().startswith("access-control-"):
                yield ("headers", name), "is what cors says; leave it out"
            if self.cache is not None and name.lower() == "cache-control":
                yield ("headers", name), "is what cache says; leave it out"


def route_form(said: Any) -> str:  # noqa: ANN401 - what the file says, or a route
    """Return which form a route has: it sends elsewhere, or a service answers."""
    is_redirect = "redirect" in said if isinstance(said, Mapping) else isinstance(said, RedirectSpec)
    return "redirect" if is_redirect else "answer"


AnyRoute = Annotated[
    Annotated[RouteSpec, Tag("answer")] | Annotated[RedirectSpec, Tag("redirect")], Discriminator(route_form)
]
"""One route; with `redirect` it sends elsewhere, and has no other keys than those of its place."""
