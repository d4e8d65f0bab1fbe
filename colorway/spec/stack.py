"""What a stack file says: the keys under `colorway:` in `Pulumi.<stack>.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from colorway.spec.base import Mistake, StrictSpec, refuse
from colorway.spec.fields import Domain, Label, Network, Shape
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.traffic import Color, Traffic, Versions

SMALLEST_PREFIX = 22
"""A stack needs four /24 networks, which is a /22."""
LARGEST_PREFIX = 8
"""The largest private network is a /8."""

ZoneId = Annotated[
    str,
    Shape(r"[0-9a-f]{32}", "is no Cloudflare zone id; copy the 32 hex digits from the zone's overview, in quotes"),
]


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
    """One installation of a platform.

    The rules between keys stand with the later key, so that each is checked as soon as the keys that it
    compares are well formed: a mistake elsewhere does not hide it.
    """

    platform: Label
    """Name of the platform file."""
    domain: Domain
    """Domain of the stack; the load balancers answer for it and its subdomains."""
    zone: ZoneId | None = None
    """Cloudflare zone id; a stack that has one is public."""
    versions: Versions
    """The release manifest that each color runs."""
    traffic: Traffic
    """The one line that a release moves."""
    hosts: tuple[HostSpec, ...] = Field(min_length=1)
    """The machines."""
    network: Network = Field(default=IPv4Network("10.90.0.0/16"), validate_default=True)
    """Addresses of the stack's overlay networks; must not be in use elsewhere."""
    generate_secrets: bool = False
    """Whether missing secrets are made up once; for stacks that only you can reach."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Changes to the platform file, same keys, for this stack only."""
    release: ReleaseSettings = ReleaseSettings()
    """How releases of this stack are carried out."""

    @field_validator("traffic", mode="after")
    @classmethod
    def _only_colors_that_are_on(cls, value: Traffic, info: ValidationInfo) -> Traffic:
        versions = info.data.get("versions")
        if isinstance(versions, Versions):
            refuse(
                (
                    (color.value,),
                    f"is {value.of(color)}, and {color.value} is off; give it a version first, or set it to 0",
                )
                for color in Color
                if versions.of(color) is None and value.of(color) > 0
            )
        return value

    @field_validator("hosts", mode="after")
    @classmethod
    def _work_together(cls, value: tuple[HostSpec, ...]) -> tuple[HostSpec, ...]:
        refuse([*_doubled(value), *_roles(value)])
        return value

    @field_validator("network", mode="after")
    @classmethod
    def _room_for_four(cls, value: IPv4Network, info: ValidationInfo) -> IPv4Network:
        if value.prefixlen > SMALLEST_PREFIX:
            raise ValueError(
                f"is too small for four networks; write at least a /{SMALLEST_PREFIX}, for example 10.90.0.0/16"
            )
        if value.prefixlen < LARGEST_PREFIX or not value.is_private:
            raise ValueError("is not private, and would hide a part of the internet; write for example 10.90.0.0/16")
        inside = [str(index) for index, host in enumerate(info.data.get("hosts") or ()) if host.address in value]
        if inside:
            raise ValueError(
                f"contains the address of hosts.{inside[0]}, which the overlay would hide; "
                "choose a range that nothing else uses"
            )
        return value

    @field_validator("generate_secrets", mode="after")
    @classmethod
    def _public_secrets_are_set(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        if value and info.data.get("zone"):
            raise ValueError("is on for a public stack; set its secrets with `pulumi config set --secret` instead")
        return value


def _doubled(hosts: Sequence[HostSpec]) -> list[Mistake]:
    found: list[Mistake] = []
    for index, host in enumerate(hosts):
        for other, earlier in enumerate(hosts[:index]):
            if host.name == earlier.name:
                found.append(((str(index), "name"), f"is also the name of hosts.{other}; give each its own"))
            if host.address == earlier.address:
                found.append(((str(index), "address"), f"is also the address of hosts.{other}; give each its own"))
    return found


def _roles(hosts: Sequence[HostSpec]) -> list[Mistake]:
    found: list[Mistake] = [
        ((), f"no host has the role {role.value}; add it to one of them")
        for role in Role
        if not any(host.has(role) for host in hosts)
    ]
    managers = sum(host.has(Role.MANAGER) for host in hosts)
    if managers and managers % 2 == 0:
        found.append(((), f"{managers} managers tolerate no more failures than {managers - 1}; use 1, 3 or 5"))
    if any(host.is_local for host in hosts) and len(hosts) > 1:
        found.append(((), "mix this machine with others; give every host its address in the private network"))
    return found
