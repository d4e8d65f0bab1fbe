"""What is configured and what is live, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from colorway.edits.refusals import due_migrations
from colorway.engine.watch import FailingTask
from colorway.outputs import PlatformOutputs, outputs_of
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.certificates import ShownCertificate, shown_certificates
from colorway.swarm.connections import NoAnswerError
from colorway.swarm.nodes import Nodes
from colorway.swarm.services import ServiceState, Swarm, SwarmObject
from colorway.swarm.tasks import why_ended, why_waiting


@dataclass(frozen=True, kw_only=True)
class Row:
    """One service as a line of the table."""

    service: str
    color: str
    version: str
    running: int
    wanted: int
    why: str | None = None
    """What keeps tasks of it from running, as the swarm says; none = nothing that is known."""

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
    """None = no `up` has ever finished."""
    rows: tuple[Row, ...]
    live: dict[str, str | None]
    """Generation that each load balancer serves, by host."""
    fenced: tuple[str, ...] = ()
    """Hosts whose load balancer could not be told to go back; they are no part of `live`."""
    lost: tuple[str, ...] = ()
    """Hosts that the swarm has lost, where services have fewer tasks than they want."""
    certificates: tuple[ShownCertificate, ...] = ()
    """What load balancers show, where an authority issues it; of those that answer."""
    made: tuple[SwarmObject, ...] = ()
    """What exists although no `up` has finished."""
    is_known: bool = True
    """Whether this checkout's state knows of what exists."""
    silence: NoAnswerError | None = None
    """Why the swarm could not be asked; rows, live and made are empty then."""
    changed_by: str | None = None
    """Who changes it at this moment, one sentence: what is seen meanwhile passes. None = nobody."""

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What is wrong, each with the one command that helps."""
        up = f"colorway up {self.stack}"
        if self.silence:
            return [(self.silence.what, self.silence.cure)]
        if self.outputs is None:
            return [self._unfinished, *self._sick_rows] if self.made else [("nothing is installed", up)]
        found = []
        wanted = (self.configured.settings.versions, self.configured.settings.traffic)
        if wanted != (self.outputs.versions, self.outputs.traffic):
            found.append(("the stack file says other versions or traffic than the last finished run", up))
        elif waiting := ", ".join(due_migrations(self.outputs, self._wanted)):
            found.append(
                (f"{waiting} has not run yet, and what it waited for is off", f"colorway finish --stack {self.stack}")
            )
        if self.configured.settings.maintenance != self.outputs.maintenance:
            found.append(("the stack file closes something else for maintenance than the last finished run", up))
        applied = self.outputs.generation
        found += [
            (f"load balancer {host} is fenced, because it could not be told to go back; it serves nobody", up)
            for host in self.fenced
        ]
        found += [
            (f"load balancer {host} serves generation {live or 'unknown'}, the last finished run applied {applied}", up)
            for host, live in self.live.items()
            if live != applied
        ]
        found += [
            (f"the swarm has lost host {host}: nothing begins there", f"{up}, once its machine answers")
            for host in self.lost
        ]
        waiting_purges = self.outputs.purge.waiting if self.outputs.purge else {}
        found += [(f"the CDN may still have answers of {tag}: {why}", up) for tag, why in waiting_purges.items()]
        missing = {service.service for service in self.outputs.services} - {row.service for row in self.rows}
        found += [(f"{name} is gone from the swarm", up) for name in sorted(missing)]
        return found + self._sick_rows + [one.problem for one in self.certificates if one.problem]

    @property
    def _wanted(self) -> PlatformOutputs:
        return outputs_of(self.configured)

    def short_lived(self, failing: Iterable[FailingTask]) -> list[FailingTask]:
        """Return the tasks that ended during an `up` and left their service with fewer than it wants.

        Swarm calls a service without a health check converged as soon as its program has begun.
        """
        sick = {row.service for row in self.rows if not row.is_healthy}
        return [task for task in failing if task.service in sick]

    @property
    def _unfinished(self) -> tuple[str, str]:
        counts = Counter(made.kind for made in self.made)
        told = ", ".join(f"{number} {kind}{'s' if number > 1 else ''}" for kind, number in counts.items())
        if not self.is_known:
            reason = f"this checkout's state knows nothing of what exists ({told}): another checkout made it"
            return reason, f"work from that checkout, or colorway down {self.stack} --orphans removes it"
        cure = f"colorway up {self.stack} continues it, colorway down {self.stack} removes it"
        return f"no `up` has finished yet, and there are {told}", cure

    @property
    def _sick_rows(self) -> list[tuple[str, str]]:
        fenced = {name for host in self.fenced for name in names.edge_services(self.stack, host)}
        return [
            (
                f"{row.service}: {row.running} of {row.wanted} tasks run{f': {row.why}' if row.why else ''}",
                f"docker service ps --no-trunc {row.service}",
            )
            for row in self.rows
            if not row.is_healthy and row.service not in fenced
        ]


def read_status(spec: PlatformSpec, *, outputs: PlatformOutputs | None, swarm: Swarm, is_known: bool = True) -> Status:
    """Ask the swarm and put it beside what is configured; changes nothing.

    Args:
        spec: What the files say.
        outputs: What the last finished `up` left; none = none has finished.
        swarm: Whom to ask; where it does not answer, the status says so and what is known without it.
        is_known: Whether this checkout's state knows of anything in the swarm.
    """
    found = Status(stack=spec.stack, configured=spec, outputs=outputs, rows=(), live={}, is_known=is_known)
    try:
        services = swarm.services(spec.stack)
        sick = any(service.running != service.wanted for service in services)
        reasons = _reasons(swarm, spec.stack) if sick else {}
        lost = _lost(spec, swarm) if sick else ()
        fenced = swarm.fenced(spec) if outputs else ()
        served = swarm.live_generations(spec, without=fenced) if outputs else {}
        there = [lb.host for lb in outputs.load_balancers if lb.host not in fenced] if outputs else []
        live = {host: served.get(host) for host in there}
        certificates = shown_certificates(spec, without=fenced) if outputs else ()
        made = [] if outputs else swarm.all_objects(spec.stack)
    except NoAnswerError as silence:
        return replace(found, silence=silence)
    versions = {service.service: service.version for service in outputs.services} if outputs else {}
    # What runs note about themselves is no part of the platform.
    notes = {names.lock(spec.stack), names.run_lock(spec.stack), names.state_record(spec.stack)}
    return replace(
        found,
        rows=tuple(_row(service, versions.get(service.name), reasons.get(service.name)) for service in services),
        live=live,
        fenced=fenced,
        lost=lost,
        certificates=certificates,
        made=tuple(one for one in made if one.name not in notes),
    )


def _lost(spec: PlatformSpec, swarm: Swarm) -> tuple[str, ...]:
    ours = {host.name for host in spec.settings.hosts if not host.is_local}
    down = Nodes(swarm.client(), stack=spec.stack).down() if ours else ()
    return tuple(host for host in down if host in ours)


def _reasons(swarm: Swarm, stack: str) -> Mapping[str, str]:
    """Return what keeps tasks from running, by service: of the newest task that says something."""
    no_addresses = {one.id: one.name for one in swarm.networks() if not one.has_addresses}
    unhealthy = swarm.unhealthy_containers()
    found: dict[str, str] = {}
    for task in swarm.tasks(stack):
        why = why_ended(task) if task.has_ended else why_waiting(task, no_addresses=no_addresses, unhealthy=unhealthy)
        if why:
            found.setdefault(task.service, why)
    return found


def _row(service: ServiceState, version: str | None, why: str | None) -> Row:
    return Row(
        service=service.name,
        color=service.color,
        version=version or "",
        running=service.running,
        wanted=service.wanted,
        why=why if service.running != service.wanted else None,
    )
