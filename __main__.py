"""The Pulumi program: one stack of one platform, top to bottom in the order in which it comes up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pulumi

from colorway.config import pulumi_config
from colorway.errors import ColorwayError
from colorway.outputs import LINK_OUTPUT, OUTPUT, TOKEN_OUTPUT, platform_outputs
from colorway.render.nginx import generation
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import LockDown
from components.database import FormerLogins, Replication, data_store
from components.hosts import Hosts
from components.load_balancer.certificates import issued_certificates
from components.load_balancer.nginx import LoadBalancer
from components.load_balancer.routing import Routing
from components.migrations import Migrations
from components.monitoring import Monitoring
from components.networks import Networks
from components.provider import providers
from components.purge import CdnPurge
from components.registries import Registries
from components.secrets import Secrets
from components.web.surroundings import Surroundings
from components.web.tier import SharedServices, WebTier
from components.web.workers import Workers


def platform(spec: PlatformSpec) -> None:
    """Declare a stack's resources and export what describes it."""
    configured = pulumi_config.configured_secret
    registries = Registries.of(spec, configured=configured)
    reached = providers(spec, registries, token=configured(names.ZONE_SECRET))

    def after(*resources: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(providers=reached, depends_on=list(resources))

    hosts = Hosts("hosts", spec, opts=after())
    networks = Networks("net", spec, opts=after()).ids
    secrets = Secrets("secret", spec, configured=configured, opts=after())
    files, edge_files, stores, tiers, migrated = secrets.files, secrets.edge_files, [], {}, []
    members = Replication("replication", spec, opts=after(hosts)) if spec.replicated_stores else None
    way, then = partial(_make_way, spec), after(hosts)
    for name in spec.platform.data_stores:
        given = {"networks": networks, "secrets": secrets, "replication": members, "make_way": way}
        stores.append(data_store(name, spec, **given, opts=then))
    shared = []
    if spec.shared:
        shared = [SharedServices("shared", spec, networks=networks, secrets=files, opts=after(hosts, *stores))]
    if spec.lock_down is not LockDown.OPEN:
        from components.dns.origin_pulls import OriginPulls  # noqa: PLC0415 - 1.5 s, for stacks with a zone only

        edge_files = {**edge_files, **OriginPulls("origin-pulls", spec, opts=after()).edge_files}
    load_balancers: list[LoadBalancer] = []
    for host in spec.load_balancers:
        # Chained: while one is replaced, the others serve.
        name, then = names.load_balancer(host.name), after(hosts, *load_balancers[-1:])
        load_balancers.append(LoadBalancer(name, spec, host=host, networks=networks, secrets=edge_files, opts=then))
    around = Surroundings.of_colors(spec, opts=after())
    for color, its in around.items():
        name, then = f"migrations-{color}", after(*stores)
        migrated.append(
            Migrations(name, spec, color=color, secrets=files, around=its, registries=registries, opts=then)
        )
        then, name = after(hosts, migrated[-1]), f"web-{color}"
        tiers[color] = WebTier(name, spec, color=color, networks=networks, secrets=files, around=its, opts=then)
    # Only colors with users: a sick idle color must never block a rollback.
    served = [tier for color, tier in tiers.items() if spec.settings.traffic.of(color) > 0]
    routing = Routing("routing", spec, generation=generation(spec), after=[*load_balancers, *served], opts=after())
    issued_certificates("certificates", spec, configured=configured, opts=after(hosts, *load_balancers))
    purged = pulumi.Output.from_input("")
    if spec.is_behind_cloudflare:
        purged = CdnPurge("purge", spec, token=configured(names.PURGE_SECRET), opts=after(routing)).printed
    then = after(hosts, routing, *stores)
    workers = Workers("workers", spec, networks=networks, secrets=files, around=around, opts=then)
    FormerLogins("former-logins", spec, opts=after(*stores, *shared, *tiers.values(), workers))
    Monitoring("monitoring", spec, networks=networks, opts=after(hosts, *load_balancers))
    if spec.settings.zones:
        from components.dns.zones import Zones  # noqa: PLC0415 - 1 s, for stacks with a zone only

        Zones("zones", spec, opts=after(routing))
    is_so = pulumi.Output.all(routing.generation, purged, *(color.done for color in migrated))
    pulumi.export(OUTPUT, is_so.apply(lambda found: platform_outputs(spec, generation=found[0], purged=found[1])))
    pulumi.export(TOKEN_OUTPUT, secrets.preview_token)
    if secrets.pass_secret is not None:
        pulumi.export(LINK_OUTPUT, secrets.pass_secret)


def _make_way(spec: PlatformSpec, store: str, host: str) -> Sequence[str]:
    from colorway.data.rolling import make_way  # noqa: PLC0415 - what only an `up` needs that replaces a member

    return make_way(spec, store, host)


def main() -> None:
    """Run the program; a mistake in the configuration ends as its sentences, not as a traceback."""
    try:
        platform(pulumi_config.from_pulumi(root=Path(__file__).resolve().parent))
    except ColorwayError as error:
        raise pulumi.RunError(str(error)) from None


if __name__ == "__main__":
    main()
