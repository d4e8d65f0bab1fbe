"""The typed contract between the program and everything that reads a deployed stack."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from colorway.spec import names
from colorway.spec.base import StrictSpec
from colorway.spec.edge.tls import Issuer
from colorway.spec.edge.zones import Encryption, encryption, set_zones
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.networks import FIRST_HOST_PORT, store_slot
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import ServiceKind
from colorway.spec.stack import LockDown
from colorway.spec.stores import CustomSpec, RedisSpec, ValkeySpec
from colorway.spec.stores.generations import FIRST, BeginsFrom
from colorway.spec.task.environment import in_swarm, named_host
from colorway.spec.task.policies import Order
from colorway.spec.traffic import Color, Installed, Traffic, Versions
from colorway.spec.wanted import WantedService

OUTPUT = "platform"
"""Name of the stack output that holds `PlatformOutputs`."""
TOKEN_OUTPUT = "preview-token"  # noqa: S105 - the output's name
"""Name of the secret stack output that opens the idle color."""
DIGEST_LENGTH = 8
BESIDE_A_QUEUE = frozenset({"backup", "verify"})
"""Keys of a queue that none of its members is told."""
PREVIEW_HEADER = "X-Colorway-Preview"
"""Header that chooses a color: `<token>.<color>`."""
LINK_OUTPUT = "maintenance-secret"  # the output's name
"""Name of the secret stack output that the link past the page of maintenance ends with."""


class _Outputs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServiceOutputs(_Outputs):
    """One Swarm service of the stack."""

    service: str
    """Name in the swarm."""
    logical: str
    """Name in the platform file."""
    color: Color | None
    """Color; none = shared."""
    kind: ServiceKind | None
    """What moves it between the colors, or that it is shared; none = data store, load balancer or monitoring."""
    version: str | None
    """Release manifest; of a shared service the beginning of its image's digest; none = of no version."""
    replicas: int
    """Tasks wanted."""
    store: str | None = None
    """Data store that it is a task of, by name; none = of none, or an older program said it."""
    store_host: str | None = None
    """Host that a data store's volume is on; none = no data store."""
    pauses: bool = False
    """Whether nothing of it runs while its task is replaced: a shared service of one task that stops first."""
    definition: dict[str, str] = Field(default_factory=dict)
    """8 hex digits over each key of the platform file that is not its default: what an edit changed can be named."""
    told: str | None = None
    """8 hex digits over what of a data store's keys its members' tasks are told.

    None = it is no data store, or an older program said it.
    """
    calls: tuple[str, ...] = ()
    """Shared services that its environment names."""

    def restarts_since(self, before: ServiceOutputs) -> bool:
        """Return whether a data store's members are told anything else than before, or nobody knows."""
        return before.told is None or before.told != self.told

    def changed_since(self, before: ServiceOutputs) -> list[str]:
        """Return the keys that differ from what it was; of one that an older program described, nothing is known."""
        if not before.definition:
            return []
        keys = sorted(before.definition.keys() | self.definition.keys())
        return [key for key in keys if before.definition.get(key) != self.definition.get(key)]


class LoadBalancerOutputs(_Outputs):
    """One load balancer."""

    host: str
    """Host in the stack file."""
    address: str
    """Address of the host."""
    service: str
    """Name in the swarm."""


class HostOutputs(_Outputs):
    """One host, as it can be reached also once it has left the stack's file."""

    name: str
    address: str
    user: str
    ssh_port: int
    host_key: str | None
    roles: tuple[Role, ...]

    @property
    def spec(self) -> HostSpec:
        """The same as the stack's file said it."""
        return HostSpec.model_validate({key.replace("_", "-"): value for key, value in self.model_dump().items()})


class NetworkOutputs(_Outputs):
    """What was settled when the stack's networks were made."""

    range: str
    """Addresses of all its networks."""
    host_ports: int = FIRST_HOST_PORT
    """First of the ports of hosts that stores with several members have."""
    encrypted: bool
    """Whether what goes between hosts is encrypted."""
    mtu: int | None
    """MTU of the network between the hosts; none = the usual 1500."""
    slots: dict[str, int] = Field(default_factory=dict)
    """Which slot of the range each data store's network has."""


class GenerationOutputs(_Outputs):
    """Which generation a data store is."""

    number: int = FIRST
    begins_from: BeginsFrom | None = None
    """What it began as; none = it is the first one."""


class PurgeOutputs(_Outputs):
    """Whose answers a CDN in front of the stack may have; versions of colors, as the tags that they are purged by."""

    serving: tuple[str, ...]
    """Those with users."""
    on: tuple[str, ...]
    """Those that run."""
    waiting: dict[str, str] = Field(default_factory=dict)
    """Those that should have been purged and could not be, each with the reason."""


class PlatformOutputs(_Outputs):
    """What a deployed stack says about itself."""

    schema_version: int
    """1; raised when the meaning of a field changes."""
    stack: str
    platform: str
    domain: str
    versions: Versions
    traffic: Traffic
    maintenance: dict[str, str] = Field(default_factory=dict)
    """What is closed for maintenance, and what its visitors read."""
    generation: str
    """Hash of the load balancers' text that the stack was told to apply."""
    url: str
    """Where users come in."""
    prometheus_url: str
    """Where figures can be asked."""
    drain: timedelta
    """How long a color that was taken from the load balancers may still serve somebody."""
    network: NetworkOutputs | None = None
    """How its networks were made; none = by a program from before they were made for good."""
    load_balancers: tuple[LoadBalancerOutputs, ...]
    services: tuple[ServiceOutputs, ...]
    generations: dict[str, GenerationOutputs] = Field(default_factory=dict)
    """Of each PostgreSQL with several members; none = an older program did not say, and it is the first one."""
    lock_down: LockDown = LockDown.OPEN
    """What becomes of requests that come past Cloudflare."""
    origin_certificate: int = 1
    """Which certificate Cloudflare shows to the load balancers."""
    issuer: Issuer = Issuer.SELF_SIGNED
    """Who issues the load balancers' certificates."""
    strict_zones: tuple[str, ...] = ()
    """Domains in whose zones Cloudflare accepts only certificates of public authorities."""
    certificates: int = 1
    """Which certificates the members of its data stores know each other by."""
    logins: dict[str, int] = Field(default_factory=dict)
    """Which login the services of each PostgreSQL have."""
    hosts: tuple[HostOutputs, ...] = ()
    """Its hosts; none = it was applied by a program that did not say."""
    held: dict[str, str] = Field(default_factory=dict)
    """Migrations that wait until the other color is off, each with the version that brings it."""
    purge: PurgeOutputs | None = None
    """What a CDN may have; none = the stack has no zone."""

    def of(self, color: Color | None) -> dict[str, ServiceOutputs]:
        """Return the services of a color, or of none, by the name that files give them."""
        return {service.logical: service for service in self.services if service.color is color}

    @property
    def installed(self) -> Installed:
        """Versions and traffic as they were last applied."""
        return Installed(versions=self.versions, traffic=self.traffic)


def purge_outputs(spec: PlatformSpec) -> PurgeOutputs:
    """Return whose answers a CDN may have once all that leaves is purged."""
    versions, traffic = spec.settings.versions, spec.settings.traffic
    tags = {color: names.cache_tag(spec.stack, color, versions.of(color)) for color in versions.on}
    return PurgeOutputs(
        serving=tuple(tag for color, tag in tags.items() if traffic.of(color) > 0), on=tuple(tags.values())
    )


def platform_outputs(spec: PlatformSpec, *, generation: str, purged: str = "") -> dict[str, Any]:
    """Return the output `platform` as plain JSON data; validated, so that a drift fails the program's tests.

    Args:
        spec: The stack.
        generation: Hash of the load balancers' text.
        purged: What the purge printed; nothing where there is none.
    """
    settings, edge = spec.settings, spec.platform.edge
    entry = spec.load_balancers[0]
    host = settings.domain if settings.zone else str(entry.address)
    monitoring, shared = spec.monitoring_host, frozenset(spec.shared)
    return PlatformOutputs(
        schema_version=1,
        stack=spec.stack,
        platform=settings.platform,
        domain=settings.domain,
        versions=settings.versions,
        traffic=settings.traffic,
        maintenance=settings.maintenance,
        generation=generation,
        url=f"https://{host}{edge.https_suffix}/",
        prometheus_url=f"http://{monitoring.address}:{spec.platform.monitoring.port}",
        drain=spec.drain,
        network=NetworkOutputs(
            range=str(settings.network.range),
            encrypted=spec.is_encrypted,
            host_ports=settings.network.host_ports,
            mtu=settings.network.mtu,
            slots={name: store_slot(name, wanted=store.slot) for name, store in spec.platform.data_stores.items()},
        ),
        lock_down=spec.lock_down,
        origin_certificate=settings.lock_down.certificate,
        issuer=settings.tls.issuer,
        strict_zones=tuple(
            name for name, zone in set_zones(spec).items() if encryption(spec, zone) is Encryption.STRICT
        ),
        certificates=settings.certificates,
        load_balancers=tuple(
            LoadBalancerOutputs(
                host=lb.name,
                address=str(lb.address),
                service=names.service(spec.stack, names.load_balancer(lb.name)),
            )
            for lb in spec.load_balancers
        ),
        services=tuple(_service(spec, service, shared=shared) for service in spec.inventory().services),
        generations={
            name: GenerationOutputs(number=kept.generation, begins_from=kept.begins_from)
            for name, kept in ((name, spec.kept(name)) for name in spec.stores_of_generations)
        },
        logins={name: login.number for name, login in spec.logins.items()},
        hosts=tuple(
            HostOutputs(
                name=host.name,
                address=str(host.address),
                user=host.user,
                ssh_port=host.ssh_port,
                host_key=host.host_key,
                roles=host.roles,
            )
            for host in settings.hosts
        ),
        held=spec.held_migrations,
        purge=PurgeOutputs.model_validate_json(purged) if purged else None,
    ).model_dump(mode="json", by_alias=False)


def outputs_of(spec: PlatformSpec, *, generation: str = "") -> PlatformOutputs:
    """Return what an `up` would leave of a stack, as whoever reads its state finds it.

    Args:
        spec: The stack.
        generation: Hash of the load balancers' text; none = nobody asks for it.
    """
    return PlatformOutputs.model_validate(platform_outputs(spec, generation=generation))


def _service(spec: PlatformSpec, service: WantedService, *, shared: frozenset[str]) -> ServiceOutputs:
    # What stands before its members has one key more.
    is_store = service.path[:1] == ("data-stores",) and not service.path[2:] and service.host is not None
    definition: dict[str, str] = {}
    told: str | None = None
    calls: tuple[str, ...] = ()
    pauses = False
    if is_store:
        store = spec.platform.data_stores[service.path[1]]
        texts = in_swarm(store.env) if isinstance(store, CustomSpec) else {}
        definition = _digests(store) | {f"env.{name}": _digest(text) for name, text in texts.items()}
        beside = store.beside(is_later=spec.kept(service.path[1]).is_later)
        told = _digest(store.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=beside))
        if isinstance(store, RedisSpec | ValkeySpec):
            definition = {key: digest for key, digest in definition.items() if key not in BESIDE_A_QUEUE}
    elif service.kind is not None:
        wanted = spec.service(service.logical, service.color)
        pauses = wanted.is_shared and wanted.replicas == 1 and wanted.order is Order.STOP_FIRST
        definition = _digests(wanted)
        env = {**wanted.env, **(spec.manifest(service.color).flags if service.color else {})}
        calls = tuple(sorted(shared & {named_host(key, value.value) for key, value in env.items()}))
        said = {f"env.{name}": text for name, text in in_swarm(env).items()}
        said |= {f"config-files.{file.target}": spec.config_files[file.source] for file in wanted.config_files}
        # What is built here has no digest that a manifest could pin: an edit of images/ is one of the program.
        if service.image.folder is None or service.color is None:
            said["image"] = service.image.reference
        definition |= {key: _digest(value) for key, value in said.items()}
    return ServiceOutputs(
        service=service.name,
        logical=service.logical,
        color=service.color,
        kind=service.kind,
        version=service.version if service.kind is not ServiceKind.SHARED else service.image.short_digest,
        replicas=service.replicas,
        store=service.path[1] if is_store else None,
        store_host=service.host if is_store else None,
        pauses=pauses,
        definition=definition,
        told=told,
        calls=calls,
    )


def _digests(spec: StrictSpec) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in spec.model_dump(mode="json", by_alias=True, exclude_defaults=True).items():
        if key != "env":
            found[key] = _digest(value)
    return found


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
