"""What a stack file says: the keys under `colorway:` in `Pulumi.<stack>.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from colorway.spec.base import Mistake, ShortSpec, StrictSpec, refuse
from colorway.spec.edge.tls import TlsSettings
from colorway.spec.edge.zones import ZoneSpec, zone_mistakes
from colorway.spec.fields import Domain, Label, Shape
from colorway.spec.hosts import Architecture, BootstrapSettings, HostSpec, Role
from colorway.spec.names import MAIN_DOMAIN
from colorway.spec.networks import NetworkSettings
from colorway.spec.stores.generations import StoreSettings
from colorway.spec.traffic import Color, Traffic, Versions

RegistryHost = Annotated[
    str,
    Shape(
        r"(localhost|([a-z0-9-]+\.)+[a-z0-9-]+|[a-z0-9-]+(?=:))(:[0-9]{1,5})?",
        "is no registry; write what the references of its images begin with, without https:// and without a path, for "
        "example registry.example.com or registry.example.com:5000",
    ),
]
"""Host of a registry, with its port where it has one."""
RegistryUser = Annotated[
    str, Shape(r"[!-9;-~]+", "must be the registry's name of a user: no spaces and no colon, for example deploy")
]
PasswordName = Annotated[
    str,
    Shape(
        r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?",
        "must be the name of a secret, for example registry-password, and never the password itself, which is set with "
        "`pulumi config set --secret secrets:registry-password`",
    ),
]

CertificateNumber = Annotated[int, Field(ge=1, le=1000, strict=True)]
"""Which of the certificates that a stack has had, from the first one on."""

EVERYTHING = "everything"
"""The place of maintenance that is all routes of a stack."""
Place = Annotated[
    str,
    Shape(
        rf"{EVERYTHING}|[a-z0-9.-]+/\S*",
        f"is no place; write what a browser shows of a route, for example example.com/api/, or {EVERYTHING}",
    ),
]
"""A route, by its name and path; see `names.place`."""
Message = Annotated[
    str,
    Shape(
        r"(?=.*\S)[^\x00-\x1f\x7f]{1,300}",
        "must be what visitors read, on one line of at most 300 characters, for example Back at 14:00 UTC.",
    ),
]
"""What the page of maintenance says."""

PUBLISHED_PASSPHRASE = "colorway-example-passphrase"  # noqa: S105 - published on purpose
"""Passphrase of the stacks of this repository; whoever can read it can read what it protects."""
PUBLISHED_SALT = "v1:ooBGauC7QZ0=:v1:YOQN20s34oD3q9Rx:JbWDh83wZOWjfgVExnCbycH1H22OJg=="
"""Pulumi's proof of that passphrase, for files that are written here; the engine would add one at the first `up`."""


def is_published(variables: Mapping[str, str]) -> bool:
    """Return whether an environment's passphrase is the published one."""
    return variables.get("PULUMI_CONFIG_PASSPHRASE") == PUBLISHED_PASSPHRASE


class Environment(StrEnum):
    """What a stack is for; decides what is allowed, protected and published."""

    LOCAL = "local"
    """This machine, one person: no root, no account, missing secrets are made up, the passphrase is published."""
    LAB = "lab"
    """Hosts that may be lost, for rehearsal and tests: as `local`, on other machines."""
    STAGING = "staging"
    """Before the users: everything as in production."""
    PRODUCTION = "production"
    """For the users."""

    @property
    def is_guarded(self) -> bool:
        """Whether it keeps what must not be lost.

        Then stores and networks are protected, every secret must be set, the backend is the user's own, and what
        is for examples and labs (the published passphrase, the offline plugins) may preview and never apply.
        """
        return self in {Environment.STAGING, Environment.PRODUCTION}


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


class LockDown(StrEnum):
    """Whether the load balancers answer who comes past Cloudflare, under names that it proxies."""

    OPEN = "open"
    """They do; Cloudflare shows no certificate of the stack's."""
    READY = "ready"
    """They still do; Cloudflare has been told to show one, which takes minutes until it does so everywhere."""
    CLOSED = "closed"
    """They do not: it takes that certificate, or the preview token; and the firewall lets nobody else come near."""


class LockDownSettings(ShortSpec):
    """What becomes of requests that come past Cloudflare: `ready`, or with the number of its certificate."""

    short: ClassVar[str] = "mode"

    mode: LockDown | None = None
    """open, ready or closed; none = closed where Cloudflare proxies all names of the stack, else open."""
    certificate: CertificateNumber = 1
    """Which certificate Cloudflare shows; one more, and an `up`, makes a new one."""


class RegistrySpec(StrictSpec):
    """How the swarm logs in to a registry."""

    user: RegistryUser
    """The user, for example deploy."""
    password: PasswordName
    """Name of a secret of the stack: registry-password for `secrets:registry-password`."""


class StackSettings(StrictSpec):
    """One installation of a platform.

    The rules between keys stand with the later key, so that each is checked as soon as the keys that it
    compares are well formed: a mistake elsewhere does not hide it.
    """

    environment: Environment
    """What the stack is for: local, lab, staging or production."""
    platform: Label
    """Name of the platform file."""
    domains: dict[Label, Domain]
    """Domains of the stack by name, `main` for one; the load balancers answer for them and their subdomains."""
    versions: Versions
    """The release manifest that each color runs."""
    traffic: Traffic
    """The one line that a release moves."""
    maintenance: dict[Place, Message] = Field(default_factory=dict)
    """What is closed for maintenance, and what its visitors read; none = nothing is."""
    hosts: tuple[HostSpec, ...] = Field(min_length=1)
    """The machines."""
    zones: dict[Label, ZoneSpec] = Field(default_factory=dict)
    """Cloudflare zones that keep the names of domains, by the domain's name."""
    lock_down: LockDownSettings = LockDownSettings()
    """What becomes of requests that come past Cloudflare."""
    tls: TlsSettings = TlsSettings()
    """Who issues the load balancers' certificates."""
    architecture: Architecture | None = None
    """What the hosts' processors are; none = whatever all of them have."""
    bootstrap: BootstrapSettings = BootstrapSettings()
    """What `up` sets on the hosts beside Docker and the swarm."""
    network: NetworkSettings = Field(default=NetworkSettings(), validate_default=True)
    """The stack's overlay networks."""
    registries: dict[RegistryHost, RegistrySpec] = Field(default_factory=dict)
    """Registries that ask for a password, by host."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Changes to the platform file, same keys, for this stack only."""
    stores: dict[Label, StoreSettings] = Field(default_factory=dict)
    """What commands keep of the data stores, by name."""
    certificates: CertificateNumber = 1
    """Which certificates the members of data stores know each other by; one more, and an `up`, makes new ones."""
    release: ReleaseSettings = ReleaseSettings()
    """How releases of this stack are carried out."""

    @property
    def domain(self) -> str:
        """The stack's own domain."""
        return self.domains[MAIN_DOMAIN]

    @property
    def zone(self) -> ZoneSpec | None:
        """The zone of that domain."""
        return self.zones.get(MAIN_DOMAIN)

    @field_validator("domains", mode="after")
    @classmethod
    def _has_a_main_domain(cls, value: dict[str, str]) -> dict[str, str]:
        if MAIN_DOMAIN not in value:
            raise ValueError(f"has no {MAIN_DOMAIN}; write for example {{{MAIN_DOMAIN}: example.com}}")
        seen: dict[str, str] = {}
        for name, domain in value.items():
            first = seen.setdefault(domain, name)
            if first != name:
                refuse([((name,), f"is also the domain {first}; leave one of them out")])
        return value

    @field_validator("lock_down", mode="after")
    @classmethod
    def _has_something_before_it(cls, value: LockDownSettings, info: ValidationInfo) -> LockDownSettings:
        known = info.data.get("zones")
        is_open = known is not None and not any(zone.proxied for zone in known.values())
        if is_open and value.mode in {LockDown.READY, LockDown.CLOSED}:
            cure = "add colorway:zones, or leave it out"
            raise ValueError(f"is {value.mode}, and Cloudflare proxies no name of the stack; {cure}")
        return value

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

    @field_validator("maintenance", mode="after")
    @classmethod
    def _closes_each_once(cls, value: dict[str, str]) -> dict[str, str]:
        if EVERYTHING in value:
            refuse(
                ((one,), f"is closed with {EVERYTHING}; leave one of them out") for one in value if one != EVERYTHING
            )
        return value

    @field_validator("hosts", mode="after")
    @classmethod
    def _work_together(cls, value: tuple[HostSpec, ...], info: ValidationInfo) -> tuple[HostSpec, ...]:
        refuse([*_doubled(value), *_roles(value), *_elsewhere(value, info.data.get("environment"))])
        return value

    @field_validator("zones", mode="after")
    @classmethod
    def _keep_names_of_the_stack(cls, value: dict[str, ZoneSpec], info: ValidationInfo) -> dict[str, ZoneSpec]:
        if "domains" in info.data and "hosts" in info.data:
            balancers = [host for host in info.data["hosts"] if host.has(Role.LOAD_BALANCER)]
            refuse(zone_mistakes(value, domains=info.data["domains"], hosts=balancers))
        return value

    @field_validator("network", mode="after")
    @classmethod
    def _hides_no_host(cls, value: NetworkSettings, info: ValidationInfo) -> NetworkSettings:
        inside = [index for index, host in enumerate(info.data.get("hosts") or ()) if host.address in value.range]
        cure = "which the overlay would hide; choose a range that nothing else uses"
        refuse((("range",), f"contains the address of hosts.{index}, {cure}") for index in inside[:1])
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


def _elsewhere(hosts: Sequence[HostSpec], environment: Environment | None) -> list[Mistake]:
    if environment is not Environment.LOCAL or any(host.is_local for host in hosts):
        return []
    return [((), "are other machines, and the environment local is this one; write colorway:environment: lab")]
