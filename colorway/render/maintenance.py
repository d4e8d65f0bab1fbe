"""What the load balancers answer while a stack, or a part of it, is closed for maintenance."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from colorway.render.templates import TEMPLATES
from colorway.spec import names
from colorway.spec.edge import INTERNAL_PATH
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import EVERYTHING

RETRY_AFTER = timedelta(minutes=5)
"""What programs that obey Retry-After wait for."""
COOKIE_AGE = timedelta(hours=12)
"""How long the link leads past the page: a working day."""
COOKIE_FILE, LINK_FILE = "maintenance-cookie.conf", "maintenance-link.conf"
"""Files among a load balancer's secrets: who has been let past, and whom the link lets past."""
LINK_PATH = f"{INTERNAL_PATH}/maintenance"
"""Path of the link; the secret stands behind it."""
MESSAGE = "<!-- message -->"
"""What becomes the message in a page."""
POLICY = "Content-Security-Policy"
OWN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page of ours may do: have its own style."""
LONGEST_PIECE = 3000
"""Bytes of a page in one word of nginx, which takes none of 4,096."""
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "$": "${colorway_dollar}"})


@dataclass(frozen=True, kw_only=True)
class Text:
    """A page in one form."""

    variable: str
    """Beginning of the names of its pieces, without the $."""
    kind: str
    """Who gets it: `html`, or `json`."""
    type: str
    """Its Content-Type."""
    pieces: tuple[str, ...]
    """As nginx quotes it."""
    headers: tuple[tuple[str, str], ...] = ()
    """All that it has instead of the edge's own; none = the edge's."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What visitors of some places get."""

    number: int
    texts: tuple[Text, ...]


@dataclass(frozen=True, kw_only=True)
class Closing:
    """What is closed, and how one gets past it."""

    pages: tuple[Page, ...]
    closed: Mapping[tuple[str, str | None, str], int]
    """Number of the page of each closed place: domain, name under it, path."""
    everything: int = 0
    """Number of the page that stands before all places; 0 = only some are closed."""
    has_link: bool
    """Whether there is a link that leads past the page."""
    cookie: str
    """Name of the cookie that it sets."""
    cookie_age: int = whole_seconds(COOKIE_AGE)
    retry_after: int = whole_seconds(RETRY_AFTER)
    cookie_file: str = COOKIE_FILE
    link_file: str = LINK_FILE

    def number_of(self, place: tuple[str, str | None, str]) -> int:
        """Return the number of a place's page, 0 where it is open."""
        return self.closed.get(place, 0)


def maintenance(spec: PlatformSpec) -> Closing | None:
    """Return what of a stack is closed, None where nothing is."""
    said = spec.settings.maintenance
    if not said:
        return None
    numbers = {message: number for number, message in enumerate(sorted(set(said.values())), start=1)}
    places = spec.open_places
    return Closing(
        pages=tuple(
            Page(number=number, texts=tuple(_texts(spec, message, number))) for message, number in numbers.items()
        ),
        # A place that only the manifest of a version that is off has is nowhere.
        closed={places[place]: numbers[message] for place, message in said.items() if place in places},
        everything=numbers[said[EVERYTHING]] if EVERYTHING in said else 0,
        has_link=spec.platform.edge.maintenance_secret is not None,
        cookie=names.pass_cookie(spec.stack),
    )


def _texts(spec: PlatformSpec, message: str, number: int) -> Iterator[Text]:
    edge = spec.platform.edge
    own = spec.config_files[edge.maintenance_page] if edge.maintenance_page else None
    page = own or (TEMPLATES / "nginx" / "maintenance.html").read_text(encoding="utf-8")
    has_policy = any(header.lower() == POLICY.lower() for header in edge.headers)
    kept = sorted((header, text) for header, text in edge.headers.items() if header.lower() != POLICY.lower())
    # RFC 9457.
    problem = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": message}
    yield Text(
        variable=f"colorway_html_{number}",
        kind="html",
        type="text/html; charset=utf-8",
        pieces=tuple(_pieces(page.replace(MESSAGE, html.escape(message)))),
        headers=((POLICY, OWN_POLICY), *kept) if has_policy and own is None else (),
    )
    yield Text(
        variable=f"colorway_json_{number}",
        kind="json",
        type="application/problem+json",
        pieces=tuple(_pieces(f"{json.dumps(problem)}\n")),
    )


def _pieces(text: str) -> Iterator[str]:
    """Yield a text in words of nginx; none ends inside what it escapes."""
    piece, size = "", 0
    for character in text:
        word = character.translate(_ESCAPED)
        length = len(word.encode())
        if size + length > LONGEST_PIECE:
            yield piece
            piece, size = "", 0
        piece, size = piece + word, size + length
    yield piece
