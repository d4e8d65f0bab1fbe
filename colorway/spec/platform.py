"""A platform as its file describes it: `platforms/<name>.yaml`."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from pydantic import Field, model_validator

from colorway.spec.base import StrictSpec
from colorway.spec.data_stores import DataStoreSpec
from colorway.spec.edge import EdgeSpec
from colorway.spec.fields import Label
from colorway.spec.monitoring import MonitoringSpec
from colorway.spec.release import MigrationCommand, ReleasePolicy
from colorway.spec.services import ServiceSpec


class ImageSource(StrEnum):
    """Where a platform's images come from."""

    LOCAL = "local"
    """Built from images/ on the machine that colorway runs on; one-host stacks only."""
    REGISTRY = "registry"
    """Pulled by the hosts, pinned by digest."""


class SecretSpec(StrictSpec):
    """One secret that the platform needs; its value is never in this file."""

    description: str = ""
    """What it opens, for whoever has to set it."""


class PlatformFile(StrictSpec):
    """What runs, whatever the stack."""

    images: ImageSource = ImageSource.REGISTRY
    """Where the images come from."""
    secrets: dict[Label, SecretSpec] = Field(default_factory=dict)
    """Every secret of the platform by name."""
    services: dict[Label, ServiceSpec] = Field(min_length=1)
    """Services by name."""
    data_stores: dict[Label, DataStoreSpec] = Field(default_factory=dict)
    """Data stores by name; the name is the DNS name."""
    migrations: MigrationCommand | None = None
    """How schema changes are applied; none = the platform has none."""
    edge: EdgeSpec
    """The load balancers."""
    monitoring: MonitoringSpec
    """What is measured."""
    release: ReleasePolicy = ReleasePolicy()
    """How traffic moves from one version to the next."""

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """Return what is wrong between the sections, each with its path.

        A list and no exception: all mistakes of a file are shown at once.
        """
        return [
            *self._unknown_secrets(),
            *self._unknown_migration_service(),
            *self._doubled_names(),
            *self._doubled_routes(),
            *self._port_clashes(),
            *self._image_sources(),
        ]

    def _unknown_secrets(self) -> list[tuple[tuple[str, ...], str]]:
        wanted: list[tuple[tuple[str, ...], str]] = [
            (("services", name, "secrets"), secret) for name, s in self.services.items() for secret in s.secrets
        ]
        wanted += [(("data-stores", name, "password"), store.password) for name, store in self.data_stores.items()]
        wanted.append((("edge", "preview-token"), self.edge.preview_token))
        known = ", ".join(sorted(self.secrets)) or "none"
        return [
            (
                path,
                f"names the secret {secret}, which `secrets` does not list; add it there (listed: {known})",
            )
            for path, secret in wanted
            if secret not in self.secrets
        ]

    def _unknown_migration_service(self) -> list[tuple[tuple[str, ...], str]]:
        if self.migrations is None or self.migrations.service in self.services:
            return []
        known = ", ".join(sorted(self.services))
        return [(("migrations", "service"), f"is no service of this platform; write one of: {known}")]

    def _doubled_names(self) -> list[tuple[tuple[str, ...], str]]:
        both = sorted(set(self.services) & set(self.data_stores))
        return [
            (("data-stores", name), "is also the name of a service; one DNS name can only mean one of them")
            for name in both
        ]

    def _doubled_routes(self) -> list[tuple[tuple[str, ...], str]]:
        count = Counter((route.host, route.path) for service in self.services.values() for route in service.routes)
        return [
            (
                ("services", name, "routes"),
                f"has the path {route.path} twice or shares it with another service; one route, one service",
            )
            for name, service in self.services.items()
            for route in service.routes
            if count[route.host, route.path] > 1
        ]

    def _port_clashes(self) -> list[tuple[tuple[str, ...], str]]:
        edge = {self.edge.http_port: "edge.http-port", self.edge.https_port: "edge.https-port"}
        clash = edge.get(self.monitoring.port)
        if clash is None:
            return []
        return [
            (
                ("monitoring", "port"),
                f"is also {clash}; on a host with both roles only one can have it, so choose another",
            )
        ]

    def _image_sources(self) -> list[tuple[tuple[str, ...], str]]:
        parts = [
            *((("services", name), s.build, None) for name, s in self.services.items()),
            *((("data-stores", name), s.build, s.image) for name, s in self.data_stores.items()),
            (("edge",), self.edge.build, self.edge.image),
            (("monitoring",), self.monitoring.build, self.monitoring.image),
            (("monitoring",), self.monitoring.mtail_build, self.monitoring.mtail_image),
        ]
        found: list[tuple[tuple[str, ...], str]] = []
        for path, build, image in parts:
            if self.images is ImageSource.LOCAL and build is None:
                found.append(
                    (
                        path,
                        "has no build folder, and the platform's images are local; name a folder under images/",
                    )
                )
            if self.images is ImageSource.REGISTRY and build is not None:
                found.append(
                    (
                        path,
                        "has a build folder, and the platform's images come from a registry; leave build out",
                    )
                )
            if self.images is ImageSource.REGISTRY and image is None and path[0] != "services":
                found.append((path, "has no image; write repository:tag@sha256:<64 hex digits>"))
        return list(dict.fromkeys(found))

    @model_validator(mode="after")
    def _something_is_routed(self) -> PlatformFile:
        if not any(service.routes for service in self.services.values()):
            raise ValueError(
                "no service has a route, so the load balancers would serve nothing; give one routes: [{path: /}]"
            )
        return self
