"""What a stack file says: the keys under `colorway:` in `Pulumi.<stack>.yaml`."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Any

from pydantic import Field, field_validator

from colorway.spec.base import StrictSpec
from colorway.spec.fields import Domain, Label
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.traffic import Traffic, Versions

SMALLEST_PREFIX = 22
"""A stack needs four /24 networks, which is a /22."""


class Apply(StrEnum):
    """Who runs `up` after a release's commit."""

    HERE = "here"
    """The release tool itself."""
    CI = "ci"
    """CI; the tool pushes and waits."""


class ReleaseSettings(StrictSpec):
    """How releases of this stack are carried out."""

    apply: Apply = Apply.HERE
    """Who runs `up` after a release's commit."""


class StackSettings(StrictSpec):
    """One installation of a platform."""

    platform: Label
    """Name of the platform file."""
    domain: Domain
    """Domain of the stack; the load balancers answer for it and its subdomains."""
    zone: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    """Cloudflare zone id; a stack that has one is public."""
    versions: Versions
    """The release manifest that each color runs."""
    traffic: Traffic
    """The one line that a release moves."""
    hosts: tuple[HostSpec, ...] = Field(min_length=1)
    """The machines."""
    network: IPv4Network = IPv4Network("10.90.0.0/16")
    """Addresses of the stack's overlay networks; must not be in use elsewhere."""
    generate_secrets: bool = False
    """Whether missing secrets are made up once; for stacks that only you can reach."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Changes to the platform file, same keys, for this stack only."""
    release: ReleaseSettings = ReleaseSettings()
    """How releases of this stack are carried out."""

    @field_validator("network", mode="after")
    @classmethod
    def _room_for_four(cls, value: IPv4Network) -> IPv4Network:
        if value.prefixlen > SMALLEST_PREFIX:
            raise ValueError(
                f"is too small for four networks; write at least a /{SMALLEST_PREFIX}, for example 10.90.0.0/16"
            )
        return value

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """Return what is wrong between the keys, each with its path."""
        return [*self._hosts(), *self._versions(), *self._public()]

    def _hosts(self) -> list[tuple[tuple[str, ...], str]]:
        found: list[tuple[tuple[str, ...], str]] = [
            (("hosts",), f"two hosts have the {what} {value}; give each its own")
            for what, values in (
                ("name", [host.name for host in self.hosts]),
                ("address", [str(host.address) for host in self.hosts]),
            )
            for value, times in Counter(values).items()
            if times > 1
        ]
        for role in Role:
            if not any(host.has(role) for host in self.hosts):
                found.append((("hosts",), f"no host has the role {role.value}; add it to one of them"))
        managers = sum(host.has(Role.MANAGER) for host in self.hosts)
        if managers and managers % 2 == 0:
            found.append(
                (
                    ("hosts",),
                    f"{managers} managers tolerate no more failures than {managers - 1}; use 1, 3 or 5",
                )
            )
        if any(host.is_local for host in self.hosts) and len(self.hosts) > 1:
            found.append(
                (
                    ("hosts",),
                    "mixes this machine with others; give every host its address in the private network",
                )
            )
        return found

    def _versions(self) -> list[tuple[tuple[str, ...], str]]:
        found: list[tuple[tuple[str, ...], str]] = []
        for color in ("blue", "green"):
            share = getattr(self.traffic, color)
            if getattr(self.versions, color) is None and share > 0:
                found.append(
                    (
                        ("traffic", color),
                        f"is {share}, and {color} is off; give it a version first, or set it to 0",
                    )
                )
        if not self.versions.on:
            found.append((("versions",), "both colors are off; give one of them a version"))
        return found

    def _public(self) -> list[tuple[tuple[str, ...], str]]:
        if self.zone and self.generate_secrets:
            return [
                (
                    ("generate-secrets",),
                    "is on for a public stack; set its secrets with `pulumi config set --secret` instead",
                )
            ]
        return []
