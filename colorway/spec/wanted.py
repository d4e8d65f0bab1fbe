"""The kinds of things that a stack has in the swarm and on its hosts, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from colorway.spec import names
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.services import ServiceKind
from colorway.spec.task.process import PublishedPort
from colorway.spec.traffic import Color

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
    cpus: float = 0
    """Processors that one of its tasks may use; 0 = next to nothing."""
    ports: tuple[PublishedPort, ...] = ()
    host_ports: tuple[int, ...] = ()
    """Of a service that is on its host's own network: the TCP ports that it has there, for the stack's hosts."""
    role: Role
    """Hosts that it may run on, where `host` is none."""
    host: str | None = None
    """The one host that it runs on."""
    peers: tuple[str, ...] = ()
    """Hosts of the others that do the same, for one whose host may rest while they go on."""
    peers_needed: int = 1
    """How many of them have to be there meanwhile."""
    is_protected: bool = False
    """Whether the engine refuses to delete it."""
    runs: bool = True
    """Whether it is there after an `up`: no service of a color that is off is, and no migration."""

    @property
    def label(self) -> str:
        """Its name without the stack's: what no other service of the stack may be called."""
        return self.logical if self.color is None else names.colored_alias(self.logical, self.color)

    def may_run_on(self, host: HostSpec) -> bool:
        """Return whether a host is the one that it runs on, or one of those."""
        return host.has(self.role) if self.host is None else self.host == host.name

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


@dataclass(frozen=True, kw_only=True)
class WantedRecord:
    """A DNS record: one of the addresses of one load balancer, for one name."""

    name: str
    """The whole name."""
    kind: str
    """`A` or `AAAA`."""
    address: str
    host: str
    """Name of the load balancer's host."""
    zone: str
    """Id of the zone that keeps it."""
    is_proxied: bool
    """Whether users reach the name through the zone's CDN."""


Wanted = WantedRecord | WantedService | WantedNetwork | WantedVolume | WantedDirectory | WantedSecret
"""Whatever it is."""
