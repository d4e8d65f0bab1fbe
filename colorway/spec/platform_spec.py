"""The whole of what is wanted: one stack of one platform at its versions."""

from __future__ import annotations

from datetime import timedelta

from colorway.spec import names
from colorway.spec.base import StrictSpec
from colorway.spec.fields import Label
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.platform_file import ImageSource, PlatformFile
from colorway.spec.release import MigrationSpec, ReleaseManifest
from colorway.spec.services import ServiceSpec
from colorway.spec.stack import StackSettings
from colorway.spec.traffic import Color

RESOLVER_VALID = timedelta(seconds=1)
"""How long nginx keeps an address; Docker's own 600 s would outlive the tasks (moby 30029)."""


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
    build_digests: dict[str, str]
    """Digest of each folder under images/ (12 hex digits), for a platform with `images: local`."""

    @property
    def colors_on(self) -> tuple[Color, ...]:
        """The colors that run."""
        return self.settings.versions.on

    @property
    def active(self) -> Color:
        """The color that owns workers and schedulers."""
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
    def longest_request(self) -> timedelta:
        """The longest request that a load balancer may have in flight."""
        return max(service.longest_request for service in self.platform.services.values() if service.routes)

    @property
    def drain(self) -> timedelta:
        """How long a color that was taken from the load balancers may still serve somebody."""
        return self.platform.edge.keepalive_min_timeout + RESOLVER_VALID + self.longest_request

    def hosts(self, role: Role) -> tuple[HostSpec, ...]:
        """Return the hosts with a role, in the file's order."""
        return tuple(host for host in self.settings.hosts if host.has(role))

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
        """The manager that commands to the swarm are sent to: the first one."""
        return self.hosts(Role.MANAGER)[0]

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

    def services(self, *, belongs_to_active: bool) -> dict[str, ServiceSpec]:
        """Return the colored services that follow traffic, or those that follow `active`."""
        return {
            name: service
            for name, service in self.platform.services.items()
            if service.colored and service.belongs_to_active is belongs_to_active
        }

    def replicas(self, service: str, color: Color) -> int:
        """Return how many tasks a service has in a color: none where it belongs to the other, active color."""
        wanted = self.platform.services[service]
        return 0 if wanted.belongs_to_active and color is not self.active else wanted.replicas

    def image(self, service: str, color: Color) -> str:
        """Return the image that a service runs in a color."""
        spec = self.platform.services[service]
        if self.platform.images is ImageSource.LOCAL and spec.build is not None:
            return names.local_image(spec.build, self.build_digests[spec.build], version=self.version(color))
        return self.manifest(color).images[service]

    def shared_image(self, *, build: str | None, image: str | None) -> str:
        """Return the image of something that both colors share."""
        if build is not None:
            return names.local_image(build, self.build_digests[build])
        if image is None:
            raise ValueError("neither a build folder nor an image")
        return image

    def builds(self) -> dict[str, tuple[str, str | None]]:
        """Return the images to build here: by reference, the folder under images/ and the version to show."""
        if self.platform.images is not ImageSource.LOCAL:
            return {}
        edge, monitoring = self.platform.edge, self.platform.monitoring
        stores = [store.build for store in self.platform.data_stores.values()]
        shared = [*stores, edge.build, monitoring.build, monitoring.mtail_build]
        wanted: dict[str, tuple[str, str | None]] = {
            names.local_image(folder, self.build_digests[folder]): (folder, None)
            for folder in shared
            if folder is not None
        }
        for color in self.colors_on:
            for name, service in self.platform.services.items():
                if service.build is not None:
                    wanted[self.image(name, color)] = (service.build, self.version(color))
        return wanted
