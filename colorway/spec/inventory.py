"""What exists: everything that a stack has in the swarm and on its hosts, each once.

Outputs, checks of names, builds, teardown and protection are loops over this. A new kind of thing is one function
here, in `KINDS`, and one component that makes it; the program's tests compare the two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from colorway.spec import names, networks
from colorway.spec.edge.tls import wanted_of_edge
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.networks import NetworkName
from colorway.spec.services import ServiceSpec
from colorway.spec.stores.wanted import wanted_of_stores
from colorway.spec.task.process import PublishedPort, PublishMode
from colorway.spec.traffic import Color
from colorway.spec.wanted import (
    Image,
    Wanted,
    WantedDirectory,
    WantedNetwork,
    WantedRecord,
    WantedSecret,
    WantedService,
    WantedVolume,
)

if TYPE_CHECKING:
    from colorway.spec.platform_spec import PlatformSpec

Kind = TypeVar("Kind", WantedService, WantedNetwork, WantedVolume, WantedDirectory, WantedSecret, WantedRecord)


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
    def members(self) -> frozenset[str]:
        """The services of data stores that have several members, which a restore stops; by their names."""
        ours = (one for one in self.services if one.path[:1] == ("data-stores",) and not one.path[2:])
        return frozenset(one.name for one in ours if one.peers)

    @property
    def ports(self) -> tuple[PublishedPort, ...]:
        """The ports that are taken on the hosts; each once, however many hosts have it."""
        return tuple(dict.fromkeys(port for service in self.services for port in service.ports))

    def ports_on(self, host: HostSpec) -> tuple[PublishedPort, ...]:
        """Return the ports that a host may have: those of a color that is off, too, so that a release changes none."""
        here = [one for one in self.declared if one.may_run_on(host)]
        found = (port for one in self.declared for port in one.ports if port.is_everywhere or one in here)
        return tuple(dict.fromkeys(found))

    def resting_with(self, host: str, *, there: Collection[str]) -> frozenset[str]:
        """Return the services that may rest with their host, since enough others of the hosts that are there go on."""
        return frozenset(
            one.name
            for one in self.services
            if one.host == host and one.peers and len(set(one.peers).intersection(there)) >= one.peers_needed
        )

    def host_ports_on(self, host: HostSpec) -> tuple[int, ...]:
        """Return the TCP ports of a host that its own services have there, for the stack's hosts only."""
        return tuple(port for one in self.declared if one.host == host.name for port in one.host_ports)

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
    def records(self) -> tuple[WantedRecord, ...]:
        """All DNS records."""
        return self._all(WantedRecord)

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
            cpus=service.limits.cpus,
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
        name = spec.migration_service(color, command)
        service = spec.colored(color)[name]
        yield WantedService(
            stack=spec.stack,
            logical=names.migration(identifier),
            owner=f"the migration {identifier}",
            most=0,
            networks=tuple(networks.store_network(store) for store in sorted(service.uses)),
            image=spec.service_image(name, color),
            cpus=service.limits.cpus,
            role=Role.WEB,
            runs=False,
        )


def _load_balancers(spec: PlatformSpec) -> Iterator[Wanted]:
    edge = spec.platform.edge
    for host in spec.load_balancers:
        yield WantedService(
            stack=spec.stack,
            logical=names.load_balancer(host.name),
            owner=f"the load balancer of the host {host.name}",
            networks=tuple(NetworkName),
            image=spec.shared_image(build=edge.build, image=edge.image, path=("edge", "build")),
            cpus=edge.limits.cpus,
            ports=(
                PublishedPort(port=edge.http_port, inside=80, key=("edge", "http-port"), is_walled=spec.is_walled),
                PublishedPort(port=edge.https_port, inside=443, key=("edge", "https-port"), is_walled=spec.is_walled),
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
        cpus=wanted.limits.cpus,
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
    # Only in texts of our own: nginx's, and those of the programs that back up.
    inside = {one.name for place in spec.platform.backups.values() for one in place.named_secrets}
    inside |= {spec.platform.edge.preview_token, spec.platform.edge.maintenance_secret or "", *spec.basic_auths}
    for name in spec.platform.secrets:
        yield WantedSecret(name=name, is_mounted=name not in inside or name in used)


def _every_service(spec: PlatformSpec) -> Iterator[tuple[Color | None, str, ServiceSpec]]:
    """Yield the services of both colors and the shared ones, each with its color and name."""
    for color in (*Color, None):
        for name, service in (spec.shared if color is None else spec.colored(color)).items():
            yield color, name, service


KINDS: tuple[Callable[[PlatformSpec], Iterable[Wanted]], ...] = (
    _services,
    _service_volumes,
    _migrations,
    wanted_of_stores,
    _load_balancers,
    _directories,
    _monitoring,
    _networks,
    _secrets,
    wanted_of_edge,
)
"""Every kind of thing that a stack has."""
