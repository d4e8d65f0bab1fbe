"""Puts the real ports of a stack together: what the command line hands over, and what a release has itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from colorway.outputs import PlatformOutputs, outputs_of
from colorway.release.ports.git import Git
from colorway.release.ports.images import BuiltHere, Node, RegistryImages
from colorway.release.ports.lock import release_lock
from colorway.release.ports.project import Files
from colorway.release.ports.prometheus import Prometheus, PrometheusMeter
from colorway.release.ports.protocols import Applier, Backups, EnginePort, Ports, Reporter, SystemClock
from colorway.release.run.apply import ApplyByCi, ApplyHere
from colorway.release.run.requests import Entrance, HttpsProber
from colorway.release.tell.notices import Notices
from colorway.spec.platform_file import ImageSource
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import Apply
from colorway.swarm.connections import Connection


@dataclass(frozen=True, kw_only=True)
class Backing:
    """What only the command line can hand over for one stack."""

    engine: EnginePort
    manager: Connection
    """The engine of a manager, for the lock."""
    nodes: Callable[[], Mapping[str, Node]]
    """Asked for each host that runs colored services, by its name; only to pull images."""
    notify_urls: Callable[[], Mapping[str, str]]
    """Asked for the stack's secrets whose name begins with `notify-url`, by name."""
    backups: Backups | None = None
    """Who makes backups; none = nobody."""


def real_ports(spec: PlatformSpec, *, root: Path, backing: Backing, reporter: Reporter) -> Ports:
    """Return the ports of a stack as they are outside of tests; nothing is contacted yet."""
    clock, repository, engine = SystemClock(), Git(root), backing.engine
    addresses = outputs_of(spec)
    # Behind a name of its own zone a CDN answers, with a certificate that everybody trusts.
    certificate = (lambda _name: "") if (zone := spec.settings.zone) and zone.proxied else engine.certificate
    applier: Applier = ApplyHere(engine)
    if spec.settings.release.apply is Apply.CI:
        applier = ApplyByCi(engine=engine, repository=repository, clock=clock, reporter=reporter)
    is_local = spec.platform.images is ImageSource.LOCAL
    return Ports(
        stack=spec.stack,
        engine=engine,
        repository=repository,
        project=Files(root, spec.stack),
        lock=release_lock(spec.stack, root=root, manager=backing.manager, clock=clock),
        meter=PrometheusMeter(
            prometheus=Prometheus(lambda: addresses.prometheus_url),
            clock=clock,
            load_balancers=[host.name for host in spec.load_balancers],
            scrape_interval=spec.platform.monitoring.scrape_interval,
        ),
        prober=HttpsProber(
            ways=_ways(spec, addresses),
            token=engine.preview_token,
            certificate=certificate,
            is_closed=bool(spec.settings.maintenance),
        ),
        notifier=Notices(backing.notify_urls),
        images=BuiltHere() if is_local else RegistryImages(backing.nodes),
        backups=backing.backups,
        applier=applier,
        reporter=reporter,
        clock=clock,
    )


def _ways(spec: PlatformSpec, addresses: PlatformOutputs) -> list[Entrance]:
    """Return the name that users type where the stack has a zone; else every load balancer."""
    port = spec.platform.edge.https_port
    if spec.settings.zone:
        return [Entrance(name=addresses.domain, address=addresses.domain, port=port)]
    return [Entrance(name=one.host, address=one.address, port=port) for one in addresses.load_balancers]
