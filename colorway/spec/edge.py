"""How requests from outside come in."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Network

from pydantic import Field, model_validator

from colorway.spec.base import StrictSpec
from colorway.spec.fields import Label, PinnedImage, Port, PositiveDuration
from colorway.spec.services import LimitsSpec


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
    real_ip_from: tuple[IPv4Network, ...] = ()
    """Networks whose CF-Connecting-IP header is believed."""
    preview_token: Label = "preview-token"
    """Name of the secret that chooses a color by header."""
    limits: LimitsSpec = LimitsSpec(cpus=1, memory=256 * 2**20)
    """The most that one load balancer may use."""

    @model_validator(mode="after")
    def _ports_differ(self) -> EdgeSpec:
        if self.http_port == self.https_port:
            raise ValueError("http-port and https-port are the same port; give each its own, for example 80 and 443")
        return self

    @model_validator(mode="after")
    def _headers_are_safe(self) -> EdgeSpec:
        for name, value in self.headers.items():
            if not name.replace("-", "").isalnum() or any(char in value for char in '"\n\r\\$'):
                raise ValueError("has a header that nginx cannot quote; leave out quotes, backslashes, $ and line ends")
        return self
