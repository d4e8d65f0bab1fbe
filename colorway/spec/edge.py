"""How requests from outside come in."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import Field, field_validator, model_validator

from colorway.spec.base import Mistake, StrictSpec, refuse
from colorway.spec.fields import Label, Network, PinnedImage, Port, PositiveDuration
from colorway.spec.services import LimitsSpec

OWN_HEADERS = frozenset(
    {"connection", "content-length", "content-type", "server", "set-cookie", "strict-transport-security"}
)
"""Headers that nginx sends already; a second one would contradict the first."""
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_HEADER_VALUE = re.compile(r"[ !#%-\[\]-~]*")
"""Printable ASCII without what nginx reads inside quotes: the quote, the backslash and $."""


class EdgeSpec(StrictSpec):
    """The load balancers: one nginx per load-balancer host, ports on the host itself."""

    build: Label | None = None
    """Folder under images/, for a platform with `images: local`."""
    image: PinnedImage | None = None
    """nginx ≥ 1.30.6 with its digest, for a platform with `images: registry`."""
    http_port: Port = 80
    """Port that redirects to HTTPS."""
    https_port: Port = 443
    """Port that serves."""
    keepalive_min_timeout: PositiveDuration = timedelta(seconds=10)
    """How long an idle connection may still send one request to a load balancer that was told to reload."""
    longest_body: int = Field(default=20, ge=1, le=4096, strict=True)
    """Largest request body, MiB."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers that every answer gets."""
    real_ip_from: tuple[Network, ...] = ()
    """Networks whose CF-Connecting-IP header is believed."""
    preview_token: Label = "preview-token"  # noqa: S105 - the secret's name
    """Name of the secret that chooses a color by header."""
    limits: LimitsSpec = LimitsSpec(cpus=1, memory=256 * 2**20)
    """The most that one load balancer may use."""

    @field_validator("headers", mode="after")
    @classmethod
    def _are_safe(cls, value: dict[str, str]) -> dict[str, str]:
        refuse(found for name, text in value.items() for found in _header_mistakes(name, text))
        seen: dict[str, str] = {}
        for name in value:
            first = seen.setdefault(name.lower(), name)
            if first != name:
                refuse([((name,), f"is the same header as {first}; capitals make no difference, so leave one out")])
        return value

    @model_validator(mode="after")
    def _ports_differ(self) -> EdgeSpec:
        if self.http_port == self.https_port:
            refuse([(("https-port",), "is also the http-port; give each its own, for example 80 and 443")])
        return self


def _header_mistakes(name: str, text: str) -> list[Mistake]:
    if not _HEADER_NAME.fullmatch(name):
        return [((name,), "is no name of a header; use letters, digits and -, for example X-Frame-Options")]
    if name.lower() in OWN_HEADERS:
        return [((name,), "is a header that the load balancers send themselves; leave it out")]
    if not _HEADER_VALUE.fullmatch(text):
        return [((name,), 'has a character that nginx cannot quote; leave out ", \\, $, line ends and accents')]
    return []
