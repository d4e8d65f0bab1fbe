"""What is configured and what is live, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from colorway.outputs import PlatformOutputs
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.services import ServiceState, Swarm


@dataclass(frozen=True, kw_only=True)
class Row:
    """One service as a line of the table."""

    service: str
    color: str
    version: str
    running: int
    wanted: int

    @property
    def is_healthy(self) -> bool:
        """Whether all its tasks run; a running task's health check has passed."""
        return self.running == self.wanted

    @property
    def health(self) -> str:
        """One word for the table."""
        if self.wanted == 0:
            return "off" if self.running == 0 else "stopping"
        return "healthy" if self.is_healthy else f"{self.running} of {self.wanted} running"


@dataclass(frozen=True, kw_only=True)
class Status:
    """One stack at one moment."""

    stack: str
    configured: PlatformSpec
    outputs: PlatformOutputs | None
    """None = never installed."""
    rows: tuple[Row, ...]
    live: dict[str, str | None]
    """Generation that each load balancer serves, by host."""

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What is wrong, each with the one command that helps."""
        up = f"colorway up {self.stack}"
        if self.outputs is None:
            return [("nothing is installed", up)]
        found = []
        wanted = (self.configured.settings.versions, self.configured.settings.traffic)
        if wanted != (self.outputs.versions, self.outputs.traffic):
            found.append(("the stack file says other versions or traffic than the last finished run", up))
        applied = self.outputs.generation
        found += [
            (f"load balancer {host} serves generation {live or 'unknown'}, the last finished run applied {applied}", up)
            for host, live in self.live.items()
            if live != applied
        ]
        missing = {service.service for service in self.outputs.services} - {row.service for row in self.rows}
        found += [(f"{name} is gone from the swarm", up) for name in sorted(missing)]
        found += [
            (f"{row.service}: {row.running} of {row.wanted} tasks run", f"docker service ps --no-trunc {row.service}")
            for row in self.rows
            if not row.is_healthy
        ]
        return found


def read_status(spec: PlatformSpec, *, outputs: PlatformOutputs | None, swarm: Swarm) -> Status:
    """Ask the swarm and put it beside what is configured."""
    services = swarm.services(spec.stack)
    versions = {service.service: service.version for service in outputs.services} if outputs else {}
    return Status(
        stack=spec.stack,
        configured=spec,
        outputs=outputs,
        rows=tuple(_row(service, versions.get(service.name)) for service in services),
        live={lb.host: swarm.live_generation(lb.service) for lb in outputs.load_balancers} if outputs else {},
    )


def _row(service: ServiceState, version: str | None) -> Row:
    return Row(
        service=service.name,
        color=service.color,
        version=version or "",
        running=service.running,
        wanted=service.wanted,
    )
