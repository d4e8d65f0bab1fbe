"""What exists: everything that a stack has in the swarm and on its hosts, each once.

Outputs, checks of names, builds, teardown and protection are loops over this. A new kind of thing is one function
here, in `KINDS`, and one component that makes it; the program's tests compare the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, TypeVar

from colorway.spec import names, networks
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.networks import NetworkName
from colorway.spec.services import ServiceKind, ServiceSpec
from colorway.spec.task.process import PublishedPort, PublishMode
from colorway.spec.traffic import Color

if TYPE_CHECKING:
    from colorway.spec.platform_spec import PlatformSpec

Path = tuple[str, ...]
"""Keys of the platform file, from its top."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a service runs: an image that the hosts pull, or a folder of images/ that is built here."""

    pinned: str | None = None
    """Reference with its digest, for a platform with `images: registry`."""
    folder: str | None = None
    """Folder under images/, for a platform with `images: local`."""
    digest: str | None = None
    """Digest of that folder; none = there is no such folder, which the checks refuse."""
    version: str | None = None
    """Version that a built image shows; none = shared by both colors."""
    path: Path = ()
    """Where the platform file names the folder."""

    @property
    def reference(self) -> str:
        """What the swarm is told to run.

        Raises:
            ValueError: the spec is not one that the checks let through.
        """
        if self.folder is not None and self.digest is not None:
            return names.local_image(self.folder, self.digest, version=self.version)
        if self.pinned is None:
            raise ValueError("neither a build folder nor an image")
        return self.pinned

    @property
    def short_digest(self) -> str:
        """What tells it from others of its name, 12 hex digits."""
        return self.reference.rpartition(":")[2].rpartition("-")[2][:12]


@dataclass(frozen=True, kw_only=True)
class WantedService:
    """A Swarm service."""

    stack: str
    logical: str
    """Name in the platform file, or the formula's."""
    owner: str
    """Whose it is, in words for people."""
    path: Path = ()
    """Where the platform file names it; empty = it does not."""
    color: Color | None = None
    """Color; none = shared."""
    kind: ServiceKind | None = None
    """Of a service of the platform file: what moves it between the colors, or that it is shared."""
    version: str | None = None
    """Release manifest of a color that is on; none = of no version."""
    replicas: int = 1
    most: int = 1
    """Tasks that it may have once its color is on and active; a migration's address is among those that are kept."""
    networks: tuple[str, ...] = ()
    """The networks that its tasks join, without the stack's name."""
    image: Image
    ports: tuple[PublishedPort, ...] = ()
    role: Role
    """Hosts that it may run on, where `host` is none."""
    host: str | None = None
    """The one host that it runs on."""
    is_protected: bool = False
    """Whether the engine refuses to delete it."""
    runs: bool = True
    """Whether it is there after an `up`: no service of a color that is off is, and no migration."""

    @property
    def label(self) -> str:
        """Its name without the stack's: what no other service of the stack may be called."""
        return self.logical if self.color is None else names.colored_alias(self.logical, self.color)

    @property
    def name(self) -> str:
        """Name in the swarm.

        Raises:
            ValueError: it is longer than a DNS label may be, which the checks refuse.
        """
        return names.service(self.stack, self.logical, self.color)


@dataclass(frozen=True, kw_only=True)
class WantedNetwork:
    """An overlay network."""

    label: str
    """Name without the stack's: of a `NetworkName`, or of a data store's network."""
    owner: str
    """Whose it is, in words for people."""
    name: str
    """Name in the swarm."""
    subnet: IPv4Network
    gateway: str
    is_protected: bool
    """Whether the engine refuses to delete it."""


@dataclass(frozen=True, kw_only=True)
class WantedVolume:
    """A volume; it outlives its service, and only `down --data` removes it."""

    name: str
    """Name on the host."""
    host: HostSpec


@dataclass(frozen=True, kw_only=True)
class WantedDirectory:
    """A directory of a host; `down` removes it."""

    path: str
    host: HostSpec


@dataclass(frozen=True, kw_only=True)
class WantedSecret:
    """A secret; its name in the swarm is the engine's own."""

    name: str
    """Name in the platform file."""
    is_mounted: bool
    """Whether tasks get it from the swarm; what only nginx knows is in files of its hosts."""


Wanted = WantedService | WantedNetwork | WantedVolume | WantedDirectory | WantedSecret
Kind = TypeVar("Kind", WantedService, WantedNetwork, WantedVolume, WantedDirectory, WantedSecret)


@dataclass(frozen=True)
class Inventory:
    """All that a stack has, by what it is."""

    items: tuple[Wanted, ...]

    @property
    def declared(self) -> tuple[WantedService, ...]:
        """Every service that is or may come: those of a color that is off and the migrations, too."""
        return self._all(WantedService)

    @property
    def services(self) -> tuple[WantedService, ...]:
        """The services that are there after an `up`."""
        return tuple(service for service in self.declared if service.runs)

    @property
    def ports(self) -> tuple[PublishedPort, ...]:
        """The ports that are taken on the hosts; each once, however many hosts have it."""
        return tuple(dict.fromkeys(port for service in self.services for port in service.ports))

    def ports_on(self, host: HostSpec) -> tuple[PublishedPort, ...]:
        """Return the ports that a host may have: those of a color that is off, too, so that a release changes none."""
        here = [one for one in self.declared if one.host in {None, host.name} and host.has(one.role)]
        found = (port for one in self.declared for port in one.ports if port.is_everywhere or one in here)
        return tuple(dict.fromkeys(found))

    @property
    def images(self) -> tuple[Image, ...]:
        """What the services run, each once."""
        return tuple(dict.fromkeys(service.image for service in self.services))

    @property
    def networks(self) -> tuple[WantedNetwork, ...]:
        """All networks: they exist while a color is off, too."""
        return self._all(WantedNetwork)

    def tasks(self, network: WantedNetwork) -> int:
        """Return how many tasks may be on a network while all of both colors is on."""
        return sum(service.most for service in self.declared if network.label in service.networks)

    @property
    def volumes(self) -> tuple[WantedVolume, ...]:
        """All volumes."""
        return self._all(WantedVolume)

    @property
    def directories(self) -> tuple[WantedDirectory, ...]:
        """All directories of hosts."""
        return self._all(WantedDirectory)

    @property
    def secrets(self) -> tuple[WantedSecret, ...]:
        """All secrets of the platform."""
        return self._all(WantedSecret)

    def _all(self, kind: type[Kind]) -> tuple[Kind, ...]:
        return tuple(item for item in self.items if isinstance(item, kind))


def take_inventory(spec: PlatformSpec) -> Inventory:
    """Return all that a stack has; also of one whose names and folders the checks have yet to look at."""
    return Inventory(tuple(item for kind in KINDS for item in kind(spec)))


def _services(spec: PlatformSpec) -> Iterator[Wanted]:
    """Yield the platform file's; those of a color that is off, too, since its names must be free when it comes."""
    for color, name, service in _every_service(spec):
        is_on = color is None or color in spec.colors_on
        yield WantedService(
            stack=spec.stack,
            logical=name,
            owner=f"the service {name}",
            path=("services", name),
            color=color,
            kind=service.kind,
            version=None if color is None else spec.settings.versions.of(color),
            replicas=spec.replicas(name, color) if is_on else 0,
            most=service.replicas,
            networks=networks.joined(service, color=color),
            image=spec.service_image(name, color),
            ports=tuple(
                PublishedPort(
                    port=one.port,
                    inside=one.target,
                    key=("services", name, "published"),
                    protocol=one.protocol,
                    is_everywhere=one.mode is PublishMode.INGRESS,
                )
                for one in service.published
            ),
            role=Role.WEB,
            runs=is_on,
        )


def _service_volumes(spec: PlatformSpec) -> Iterator[Wanted]:
    """Yield the volumes of services, each once; a color that is off keeps its own."""
    hosts: dict[str, HostSpec] = {}
    for color, _, service in _every_service(spec):
        for volume in service.volumes:
            hosts.setdefault(
                names.service_volume(spec.stack, volume.name, None if volume.shared else color),
                spec.places(service)[0],
            )
    return (WantedVolume(name=name, host=host) for name, host in hosts.items())


def _migrations(spec: PlatformSpec) -> Iterator[Wanted]:
    command = spec.platform.migrations
    if command is None:
        return
    colors = {migration.id: color for color in spec.colors_on for migration in spec.migrations(color)}
    for identifier, color in colors.items():
        service = spec.colored(color)[command.service]
        yield WantedService(
            stack=spec.stack,
            logical=names.migration(identifier),
            owner=f"the migration {identifier}",
            most=0,
            networks=tuple(networks.store_network(store) for store in sorted(service.uses)),
            image=spec.service_image(command.service, color),
            role=Role.WEB,
            runs=False,
        )


def _stores(spec: PlatformSpec) -> Iterator[Wanted]:
    for name, store in spec.platform.data_stores.items():
        for member in store.members(name, hosts=spec.hosts(Role.DATABASE)):
            yield WantedService(
                stack=spec.stack,
                logical=member.name,
                owner=f"the data store {name}",
                path=("data-stores", name),
                networks=(networks.store_network(name),),
                image=spec.shared_image(build=store.build, image=store.image, path=("data-stores", name, "build")),
                role=Role.DATABASE,
                host=member.host.name,
                is_protected=spec.is_guarded,
            )
            yield WantedVolume(name=names.volume(spec.stack, member.volume), host=member.host)


def _load_balancers(spec: PlatformSpec) -> Iterator[Wanted]:
    edge = spec.platform.edge
    for host in spec.load_balancers:
        yield WantedService(
            stack=spec.stack,
            logical=names.load_balancer(host.name),
            owner=f"the load balancer of the host {host.name}",
            networks=tuple(NetworkName),
            image=spec.shared_image(build=edge.build, image=edge.image, path=("edge", "build")),
            ports=(
                PublishedPort(port=edge.http_port, inside=80, key=("edge", "http-port")),
                PublishedPort(port=edge.https_port, inside=443, key=("edge", "https-port")),
            ),
            role=Role.LOAD_BALANCER,
            host=host.name,
        )


def _directories(spec: PlatformSpec) -> Iterator[Wanted]:
    """Yield the stack's directory on each host that has one: of a load balancer, or of a cron in either color."""
    crons = (service for color in Color for service in spec.colored(color).values() if service.schedule)
    hosts = {host.name: host for host in spec.load_balancers}
    hosts |= {host.name: host for cron in crons for host in spec.places(cron)}
    return (WantedDirectory(path=spec.directory, host=host) for host in hosts.values())


def _monitoring(spec: PlatformSpec) -> Iterator[Wanted]:
    wanted = spec.platform.monitoring
    for host in spec.load_balancers:
        yield WantedService(
            stack=spec.stack,
            logical=names.mtail(host.name),
            owner=f"the log reader of the host {host.name}",
            networks=(NetworkName.MONITORING,),
            image=spec.shared_image(
                build=wanted.mtail_build, image=wanted.mtail_image, path=("monitoring", "mtail-build")
            ),
            role=Role.LOAD_BALANCER,
            host=host.name,
        )
    yield WantedService(
        stack=spec.stack,
        logical=names.PROMETHEUS,
        owner="Prometheus",
        networks=(NetworkName.MONITORING,),
        image=spec.shared_image(build=wanted.build, image=wanted.image, path=("monitoring", "build")),
        ports=(PublishedPort(port=wanted.port, inside=9090, key=("monitoring", "port"), is_public=False),),
        role=Role.MONITORING,
        host=spec.monitoring_host.name,
    )
    yield WantedVolume(name=names.volume(spec.stack, names.PROMETHEUS), host=spec.monitoring_host)


def _networks(spec: PlatformSpec) -> Iterator[Wanted]:
    base = spec.settings.network.range
    found = [(label.value, f"the network {label.value}", networks.subnet(base, label)) for label in NetworkName]
    for name, store in spec.platform.data_stores.items():
        slot = networks.store_slot(name, wanted=store.slot)
        label = networks.store_network(name)
        found.append((label, f"the data store {name}", networks.store_subnet(base, slot)))
    for label, owner, subnet in found:
        yield WantedNetwork(
            label=label,
            owner=owner,
            name=names.network(spec.stack, label),
            subnet=subnet,
            gateway=networks.gateway(subnet),
            is_protected=spec.is_guarded,
        )


def _secrets(spec: PlatformSpec) -> Iterator[Wanted]:
    used = {secret.name for _, _, service in _every_service(spec) for secret in service.secrets}
    used |= {secret.name for store in spec.platform.data_stores.values() for secret in store.named_secrets}
    for name in spec.platform.secrets:
        yield WantedSecret(name=name, is_mounted=name != spec.platform.edge.preview_token or name in used)


def _every_service(spec: PlatformSpec) -> Iterator[tuple[Color | None, str, ServiceSpec]]:
    """Yield the services of both colors and the shared ones, each with its color and name."""
    for color in (*Color, None):
        for name, service in (spec.shared if color is None else spec.colored(color)).items():
            yield color, name, service


KINDS: tuple[Callable[[PlatformSpec], Iterable[Wanted]], ...] = (
    _services,
    _service_volumes,
    _migrations,
    _stores,
    _load_balancers,
    _directories,
    _monitoring,
    _networks,
    _secrets,
)
"""Every kind of thing that a stack has."""
