"""The whole of what is wanted: one stack of one platform at its versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from pydantic import Field

from colorway.errors import ColorwayError
from colorway.spec import names
from colorway.spec.base import StrictSpec, hint
from colorway.spec.edge.routes import AnyRoute
from colorway.spec.fields import Label
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.inventory import Inventory, take_inventory
from colorway.spec.networks import store_slot
from colorway.spec.platform_file import ImageSource, PlatformFile
from colorway.spec.release import MigrationCommand, MigrationSpec, ReleaseManifest, held
from colorway.spec.services import ServiceSpec
from colorway.spec.stack import LockDown, StackSettings
from colorway.spec.stores import BackedUpSpec, MariadbSpec, PostgresqlSpec, StoreMember, StoreSpec
from colorway.spec.stores.generations import StoreSettings
from colorway.spec.stores.logins import Login, with_logins
from colorway.spec.stores.replication import HostPorts, store_ports
from colorway.spec.task.environment import EnvValue
from colorway.spec.traffic import Color
from colorway.spec.wanted import Image

RESOLVER_VALID = timedelta(seconds=1)
"""How long nginx keeps an address; Docker's own 600 s would outlive the tasks (moby 30029)."""

RETRY_WITHIN = timedelta(seconds=5)
"""How long after its first try a request may be offered to one task more."""


class PlatformSpec(StrictSpec):
    """Everything that the program needs to know; validated, frozen, without I/O."""

    stack: Label
    """Name of the stack."""
    settings: StackSettings
    """What the stack file says."""
    platform: PlatformFile
    """What the platform file says, with the stack's overrides."""
    releases: dict[str, ReleaseManifest]
    """Manifests of the versions that the colors run."""
    definitions: dict[str, dict[str, ServiceSpec]]
    """Colored services of each of these versions, by name: the platform file's, as manifest and stack change them."""
    directory: str
    """Directory of the stack on each of its hosts that needs one; of this machine's user for `local`."""
    config_files: dict[str, str] = Field(default_factory=dict)
    """Text of each file of the project that a service's `config-files` name, by its path."""
    build_digests: dict[str, str]
    """Digest of each folder under images/ (12 hex digits), for a platform with `images: local`."""
    answering_manager: str | None = None
    """Name of the manager that commands go to, where the first one does not answer."""
    kept_back: tuple[str, ...] = ()
    """Migrations that wait although the color that they waited for is off: its tasks are about to be removed."""

    @property
    def colors_on(self) -> tuple[Color, ...]:
        """The colors that run."""
        return self.settings.versions.on

    @property
    def active(self) -> Color:
        """The color that owns workers, schedulers and crons."""
        return self.settings.traffic.active

    @property
    def is_guarded(self) -> bool:
        """Whether the stack keeps what must not be lost; see `Environment.is_guarded`."""
        return self.settings.environment.is_guarded

    @property
    def is_local(self) -> bool:
        """Whether the stack is this machine."""
        return self.settings.hosts[0].is_local

    @property
    def is_encrypted(self) -> bool:
        """Whether what goes between hosts is encrypted.

        It is not by default on this machine alone; the number of hosts does not count, since it may grow.
        """
        said = self.settings.network.encrypted
        return not self.is_local if said is None else said

    @property
    def is_behind_cloudflare(self) -> bool:
        """Whether users reach names of the stack through Cloudflare, whose word for their addresses is taken then."""
        return bool(self.proxied_zones)

    @property
    def proxied_zones(self) -> dict[str, str]:
        """Ids of the zones whose names users reach through Cloudflare, each once, by the name of its first domain."""
        found: dict[str, str] = {}
        for domain, zone in self.settings.zones.items():
            if zone.proxied and zone.id not in found.values():
                found[domain] = zone.id
        return found

    def is_proxied(self, domain: str) -> bool:
        """Return whether users reach the names of a domain through Cloudflare."""
        zone = self.settings.zones.get(domain)
        return zone is not None and zone.proxied

    @property
    def lock_down(self) -> LockDown:
        """What becomes of requests that come past Cloudflare, under the names that it proxies."""
        return self.settings.lock_down.mode or (LockDown.CLOSED if self._is_all_proxied else LockDown.OPEN)

    @property
    def is_walled(self) -> bool:
        """Whether the firewall, which knows no names, lets Cloudflare alone come to the load balancers from outside."""
        return self.lock_down is LockDown.CLOSED and self._is_all_proxied

    @property
    def _is_all_proxied(self) -> bool:
        every = [self.platform.services, *(self.answering(color) for color in Color)]
        routes = (route for services in every for service in services.values() for route in service.routes)
        return self.is_behind_cloudflare and all(self.is_proxied(route.domain) for route in routes)

    @property
    def basic_auths(self) -> tuple[str, ...]:
        """The secrets that open routes, of every version that is known, in order."""
        known = [self.platform.services, *self.definitions.values()]
        routes = [route for services in known for service in services.values() for route in service.answers]
        return tuple(sorted({route.basic_auth for route in routes if route.basic_auth}))

    @property
    def longest_request(self) -> timedelta:
        """The longest request that a load balancer may have in flight."""
        every = (service for color in self.colors_on for service in self.answering(color).values())
        return max(service.longest_request for service in every)

    @property
    def longest_wait(self) -> timedelta:
        """The longest time that a request may take with its retries, of which there are two rounds."""
        return 2 * RETRY_WITHIN + self.longest_request

    @property
    def drain(self) -> timedelta:
        """How long a color that was taken from the load balancers may still serve somebody."""
        return self.platform.edge.keepalive_min_timeout + RESOLVER_VALID + self.longest_wait

    def hosts(self, role: Role) -> tuple[HostSpec, ...]:
        """Return the hosts with a role, in the file's order."""
        return tuple(host for host in self.settings.hosts if host.has(role))

    @property
    def edge_directory(self) -> str:
        """The directory on each load-balancer host that holds the generations."""
        return f"{self.directory}/load-balancer"

    @property
    def load_balancers(self) -> tuple[HostSpec, ...]:
        """The hosts that requests come in through."""
        return self.hosts(Role.LOAD_BALANCER)

    @property
    def monitoring_host(self) -> HostSpec:
        """The host of Prometheus: the first one with that role."""
        return self.hosts(Role.MONITORING)[0]

    @property
    def manager(self) -> HostSpec:
        """The manager that commands to the swarm are sent to: the first one, or the one that answers instead of it."""
        managers = self.hosts(Role.MANAGER)
        return next((host for host in managers if host.name == self.answering_manager), managers[0])

    @property
    def has_stand_in(self) -> bool:
        """Whether commands to the swarm are sent to another manager than usual, because that one does not answer."""
        return self.manager.name != self.hosts(Role.MANAGER)[0].name

    @property
    def replicated_stores(self) -> dict[str, StoreSpec]:
        """The data stores that have several members, by name."""
        return {name: store for name, store in self.platform.data_stores.items() if store.is_replicated}

    @property
    def replicated_databases(self) -> dict[str, PostgresqlSpec]:
        """Those of them that are a PostgreSQL, whose leader is known to etcd and can be told to step back."""
        found = self.platform.data_stores.items()
        return {name: store for name, store in found if isinstance(store, PostgresqlSpec) and store.is_replicated}

    @property
    def stores_of_generations(self) -> tuple[str, ...]:
        """The data stores of which a restore to a point is a new generation: databases with several members."""
        return (*self.replicated_databases, *self.primaries)

    @property
    def primaries(self) -> dict[str, str]:
        """The hosts whose members take writes because the stack's file says so, by store."""
        return {
            name: self.kept(name).primary or self.members(name)[0].host.name
            for name, store in self.replicated_stores.items()
            if isinstance(store, MariadbSpec)
        }

    @property
    def routes(self) -> tuple[AnyRoute, ...]:
        """All routes: those of the colors that are on, and of the platform file.

        The latter, too: a place that only a version of yesterday has no more is no mistake of today.
        """
        every = [self.platform.services, *(self.answering(color) for color in self.colors_on)]
        return tuple(route for services in every for service in services.values() for route in service.routes)

    @property
    def open_places(self) -> dict[str, tuple[str, str | None, str]]:
        """What may be closed for maintenance: the routes, by their names and paths; see `names.place`."""
        domains = self.settings.domains
        return {
            names.place(domains[route.domain], route.host, route.path): (route.domain, route.host, route.path)
            for route in self.routes
            if route.domain in domains
        }

    def kept(self, store: str) -> StoreSettings:
        """Return what commands keep of a data store."""
        return self.settings.stores.get(store, StoreSettings())

    @property
    def logins(self) -> dict[str, Login]:
        """Who services log in as at each PostgreSQL."""
        return {
            name: Login(user=store.user, number=self.kept(name).login, hosts=(name, names.direct(name)))
            for name, store in self.platform.data_stores.items()
            if isinstance(store, PostgresqlSpec)
        }

    def told(self, service: ServiceSpec, env: Mapping[str, EnvValue]) -> dict[str, EnvValue]:
        """Return an environment of a service in which each PostgreSQL's user is the login that counts now."""
        return with_logins(env, [login for store, login in self.logins.items() if store in service.uses])

    def generation(self, store: str) -> str:
        """Return what the generation of a data store is called that it is now; see `names.generation`."""
        return names.generation(store, self.kept(store).generation)

    def members(self, store: str) -> tuple[StoreMember, ...]:
        """Return the tasks that keep the data of a data store, with the volumes of the generation that it is now."""
        wanted, called = self.platform.data_stores[store], self.generation(store)
        found = wanted.tasks(store, hosts=wanted.places(self.settings.hosts))
        if called == store:
            return found
        return tuple(replace(one, volume=names.member(called, one.host.name)) for one in found)

    def watchers(self, store: str) -> tuple[StoreMember, ...]:
        """Return the tasks of a data store's own image that watch its members."""
        wanted = self.platform.data_stores[store]
        return wanted.watchers(store, hosts=wanted.places(self.settings.hosts))

    @property
    def backed_up(self) -> dict[str, BackedUpSpec]:
        """The data stores that are backed up, by name."""
        stores = self.platform.data_stores.items()
        return {name: store for name, store in stores if isinstance(store, BackedUpSpec) and store.backup}

    def store_ports(self, store: str) -> HostPorts:
        """Return the ports that the members of a data store have on their hosts, where it has several."""
        slot = store_slot(store, wanted=self.platform.data_stores[store].slot)
        return store_ports(self.settings.network.host_ports, slot=slot)

    def places(self, service: ServiceSpec) -> tuple[HostSpec, ...]:
        """Return the hosts that a service may run on, as far as names say it."""
        wanted = service.placement.hosts
        found = tuple(host for host in self.hosts(Role.WEB) if not wanted or host.name in wanted)
        # What a cron remembers is on one host, so that it must not move to another.
        return found[:1] if service.schedule else found

    def cron_directory(self, service: str) -> str:
        """Return the directory of its host in which a cron remembers what it has started; both colors have the same."""
        return f"{self.directory}/cron/{service}"

    def version(self, color: Color) -> str:
        """Return the version of a color that is on.

        Raises:
            KeyError: the color is off.
        """
        version = self.settings.versions.of(color)
        if version is None:
            raise KeyError(color)
        return version

    def manifest(self, color: Color) -> ReleaseManifest:
        """Return the release manifest of a color that is on."""
        return self.releases[self.version(color)]

    def migrations(self, color: Color) -> tuple[MigrationSpec, ...]:
        """Return the migrations that a color needs, oldest first."""
        return self.manifest(color).migrations

    def migration_service(self, color: Color, command: MigrationCommand) -> str:
        """Return the name of the service whose image applies the migrations of a color's version."""
        return self.manifest(color).migration_service or command.service

    @property
    def held_migrations(self) -> dict[str, str]:
        """The migrations that wait until the other color, which may not work after them, is off, with versions."""
        found: dict[str, str] = {}
        for color in self.colors_on:
            others = self.migrations(color.other) if color.other in self.colors_on else None
            known = [one.id for one in self.migrations(color) if one.id in self.kept_back]
            found |= dict.fromkeys([*held(self.migrations(color), others), *known], self.version(color))
        return found

    def colored(self, color: Color) -> dict[str, ServiceSpec]:
        """Return the services of a color by name, as its version says; while it is off, as the platform file does."""
        version = self.settings.versions.of(color)
        return self.platform.colored if version is None else self.definitions[version]

    @property
    def shared(self) -> dict[str, ServiceSpec]:
        """The services that exist once, beside both colors, by name."""
        return self.platform.shared

    def answering(self, color: Color) -> dict[str, ServiceSpec]:
        """Return the services that a color's users are led to: its own and the shared ones that have routes."""
        return {name: service for name, service in {**self.colored(color), **self.shared}.items() if service.routes}

    def service_name(self, service: str, *, color: Color | None) -> str:
        """Return the name in the swarm of a service that runs: of the given color, else the active one, else shared.

        Raises:
            ColorwayError: the stack has no such service.
        """
        wanted = self.active if color is None else color
        ours = [one for one in self.inventory().services if one.color in {None, wanted}]
        found = [one for one in ours if one.logical == service]
        if not found:
            known = hint(service, [one.logical for one in ours if one.replicas])
            raise ColorwayError(f"{self.stack} runs no service of this name in {wanted.value}; {known}")
        return found[0].name

    def services(self, color: Color, *, belongs_to_active: bool) -> dict[str, ServiceSpec]:
        """Return a color's services that follow traffic, or those that follow `active`."""
        return {
            name: service
            for name, service in self.colored(color).items()
            if service.belongs_to_active is belongs_to_active
        }

    def service(self, name: str, color: Color | None) -> ServiceSpec:
        """Return a service of a color, or a shared one where the color is none."""
        return self.shared[name] if color is None else self.colored(color)[name]

    def replicas(self, service: str, color: Color | None) -> int:
        """Return how many tasks a service has: none where it belongs to the other, active color."""
        wanted = self.service(service, color)
        return 0 if wanted.belongs_to_active and color is not self.active else wanted.replicas

    def image(self, service: str, color: Color | None) -> str:
        """Return the image that a service runs, in a color that is on or in none."""
        return self.service_image(service, color).reference

    def service_image(self, service: str, color: Color | None) -> Image:
        """Return what a service runs; it has no reference while its color is off."""
        wanted = self.service(service, color)
        if color is None:
            return self.shared_image(build=wanted.build, image=wanted.image, path=("services", service, "build"))
        build = wanted.build
        version = self.settings.versions.of(color)
        if self.platform.images is ImageSource.LOCAL and build is not None:
            digest = self.build_digests.get(build)
            return Image(folder=build, digest=digest, version=version, path=("services", service, "build"))
        release = self.releases.get(version or "")
        return Image(pinned=release.images.get(service) if release else None)

    def shared_image(self, *, build: str | None, image: str | None, path: tuple[str, ...] = ()) -> Image:
        """Return the image of something that both colors share.

        Args:
            build: Folder under images/.
            image: Reference with its digest, where there is no folder.
            path: Where the platform file names the folder.
        """
        return Image(folder=build, digest=self.build_digests.get(build or ""), pinned=image, path=path)

    def inventory(self) -> Inventory:
        """Return all that the stack has in the swarm and on its hosts, each once."""
        return take_inventory(self)

    def builds(self) -> dict[str, tuple[str, str | None]]:
        """Return the images to build here: by reference, the folder under images/ and the version to show."""
        images = self.inventory().images
        return {image.reference: (image.folder, image.version) for image in images if image.folder is not None}
