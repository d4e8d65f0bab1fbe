"""The typed contract between the program and everything that reads a deployed stack."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import ServiceKind
from colorway.spec.traffic import Color, Installed, Traffic, Versions

OUTPUT = "platform"
"""Name of the stack output that holds `PlatformOutputs`."""
TOKEN_OUTPUT = "preview-token"  # noqa: S105 - the output's name
"""Name of the secret stack output that opens the idle color."""
PREVIEW_HEADER = "X-Colorway-Preview"
"""Header that chooses a color: `<token>.<color>`."""


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
    """What moves it; none = data store, load balancer or monitoring."""
    version: str | None
    """Release manifest; none = shared."""
    replicas: int
    """Tasks wanted."""


class LoadBalancerOutputs(_Outputs):
    """One load balancer."""

    host: str
    """Host in the stack file."""
    address: str
    """Address of the host."""
    service: str
    """Name in the swarm."""


class PlatformOutputs(_Outputs):
    """What a deployed stack says about itself."""

    schema_version: int
    """1; raised when the meaning of a field changes."""
    stack: str
    platform: str
    domain: str
    versions: Versions
    traffic: Traffic
    generation: str
    """Hash of the load balancers' text that the stack was told to apply."""
    url: str
    """Where users come in."""
    prometheus_url: str
    """Where figures can be asked."""
    drain: timedelta
    """How long a color that was taken from the load balancers may still serve somebody."""
    load_balancers: tuple[LoadBalancerOutputs, ...]
    services: tuple[ServiceOutputs, ...]

    @property
    def installed(self) -> Installed:
        """Versions and traffic as they were last applied."""
        return Installed(versions=self.versions, traffic=self.traffic)


def platform_outputs(spec: PlatformSpec, *, generation: str) -> dict[str, Any]:
    """Return the output `platform` as plain JSON data; validated, so that a drift fails the program's tests."""
    settings, edge = spec.settings, spec.platform.edge
    entry = spec.load_balancers[0]
    host = settings.domain if settings.zone else str(entry.address)
    port = "" if edge.https_port == 443 else f":{edge.https_port}"  # noqa: PLR2004 - HTTPS
    monitoring = spec.monitoring_host
    return PlatformOutputs(
        schema_version=1,
        stack=spec.stack,
        platform=settings.platform,
        domain=settings.domain,
        versions=settings.versions,
        traffic=settings.traffic,
        generation=generation,
        url=f"https://{host}{port}/",
        prometheus_url=f"http://{monitoring.address}:{spec.platform.monitoring.port}",
        drain=spec.drain,
        load_balancers=tuple(
            LoadBalancerOutputs(
                host=lb.name,
                address=str(lb.address),
                service=names.service(spec.stack, names.load_balancer(lb.name)),
            )
            for lb in spec.load_balancers
        ),
        services=tuple(
            ServiceOutputs(
                service=service.name,
                logical=service.logical,
                color=service.color,
                kind=service.kind,
                version=service.version,
                replicas=service.replicas,
            )
            for service in spec.inventory().services
        ),
    ).model_dump(mode="json", by_alias=False)
