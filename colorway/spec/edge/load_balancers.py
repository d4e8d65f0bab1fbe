"""The load balancers: what counts for all that comes in through them."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field, ValidationInfo, field_validator, model_validator

from colorway.spec.base import StrictSpec, refuse
from colorway.spec.edge.headers import AnswerHeaders
from colorway.spec.fields import (
    AnyNetwork,
    Duration,
    Label,
    Memory,
    PinnedImage,
    Port,
    PositiveDuration,
    memory_text,
    whole_seconds,
)
from colorway.spec.task.policies import LimitsSpec

FEWEST_BODIES = 8
"""Longest bodies that must have room side by side: with fewer, a few people who upload keep all others from it."""
HTTPS = 443
"""Port that browsers take for https."""
PRELOAD_AGE = timedelta(days=365)
"""Shortest `max-age` that the browsers' preload list takes."""


class Draw(StrEnum):
    """What a client without the cookie is drawn by."""

    CLIENT = "client"
    """Its address and user agent: it meets the same color while both stay, with the cookie or without."""
    VISIT = "visit"
    """Each visit anew: finer shares where whole offices have one address; then only the cookie holds."""


class HstsSpec(StrictSpec):
    """How long browsers are told to use nothing but HTTPS."""

    max_age: Duration = timedelta(days=730)
    """How long a browser keeps to it; 0s tells it to forget."""
    include_subdomains: bool = False
    """Whether it counts for all names below the one that was asked, those of other machines, too."""
    preload: bool = False
    """Whether browsers may ship the name in their list; it takes months to leave it."""

    @property
    def header(self) -> str:
        """The value of Strict-Transport-Security."""
        parts = (
            f"max-age={whole_seconds(self.max_age)}",
            self.include_subdomains and "includeSubDomains",
            self.preload and "preload",
        )
        return "; ".join(part for part in parts if part)

    @model_validator(mode="after")
    def _fits_the_list(self) -> HstsSpec:
        if self.preload and not (self.include_subdomains and self.max_age >= PRELOAD_AGE):
            refuse(
                [
                    (
                        ("preload",),
                        (
                            "needs include-subdomains: true and a max-age of at least 8760h; the browsers' list takes "
                            "nothing less"
                        ),
                    )
                ]
            )
        return self


class EdgeSpec(StrictSpec):
    """The load balancers: one nginx per load-balancer host, ports on the host itself."""

    build: Label | None = None
    """Folder under images/, for a platform with `images: local`."""
    image: PinnedImage | None = None
    """nginx ≥ 1.30.6 with its digest, for a platform with `images: registry`."""
    certbot_build: Label | None = None
    """Folder of certbot under images/, for stacks whose certificates an authority issues."""
    certbot_image: PinnedImage | None = None
    """certbot with certbot-dns-cloudflare and its digest, for the same."""
    http_port: Port = 80
    """Port that redirects to HTTPS."""
    https_port: Port = 443
    """Port that serves."""
    keepalive_min_timeout: PositiveDuration = timedelta(seconds=10)
    """How long an idle connection may still send one request to a load balancer that was told to reload."""
    draw: Draw = Draw.CLIENT
    """What a client without the cookie is drawn by."""
    body_space: Memory = 4 * 2**30
    """Disk of each load balancer that the bodies of requests under way may take together."""
    longest_body: int = Field(default=20, ge=1, le=4096, strict=True)
    """Largest request body, MiB."""
    hsts: HstsSpec = HstsSpec()
    """How long browsers are told to use nothing but HTTPS."""
    headers: AnswerHeaders = Field(default_factory=dict)
    """Headers that every answer gets."""
    real_ip_from: tuple[AnyNetwork, ...] = ()
    """Networks whose CF-Connecting-IP header is believed: the proxies in front of the load balancers."""
    preview_token: Label = "preview-token"  # noqa: S105 - the secret's name
    """Name of the secret that chooses a color by header."""
    maintenance_page: str | None = None
    """HTML file of the project that visitors get during maintenance; `<!-- message -->` in it becomes the message."""
    maintenance_secret: Label | None = None
    """Name of the secret in the link that leads past that page; none = there is no such link."""
    limits: LimitsSpec = LimitsSpec(cpus=1, memory=256 * 2**20)
    """The most that one load balancer may use."""

    @property
    def https_suffix(self) -> str:
        """What stands behind a name in the URLs of this edge: the port, where browsers do not take it by themselves."""
        return "" if self.https_port == HTTPS else f":{self.https_port}"

    @property
    def body(self) -> int:
        """Largest request body of a route that says nothing of it, bytes."""
        return self.longest_body * 2**20

    def bodies(self, largest: int) -> int:
        """Return how many bodies of so many bytes have room side by side."""
        return self.body_space // largest

    @field_validator("longest_body", mode="after")
    @classmethod
    def _has_room(cls, value: int, info: ValidationInfo) -> int:
        space = info.data.get("body_space")
        if space is not None and space < FEWEST_BODIES * value * 2**20:
            raise ValueError(
                f"leaves room for fewer than {FEWEST_BODIES} bodies side by side; "
                f"write body-space: {memory_text(FEWEST_BODIES * value * 2**20)}, or less here"
            )
        return value

    @field_validator("maintenance_secret", mode="after")
    @classmethod
    def _opens_nothing_else(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and value == info.data.get("preview_token"):
            raise ValueError("is also the preview-token; whoever gets the link could choose colors, so give it its own")
        return value

    @model_validator(mode="after")
    def _ports_differ(self) -> EdgeSpec:
        if self.http_port == self.https_port:
            refuse([(("https-port",), "is also the http-port; give each its own, for example 80 and 443")])
        return self
