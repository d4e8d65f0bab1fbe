"""Every formula of a physical name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from colorway.spec.fields import LABEL_LIMIT
from colorway.spec.hosts import Role
from colorway.spec.traffic import Color

STACK_LABEL = "colorway.stack"
"""Label of every object in the swarm; the value is the stack."""
SERVICE_LABEL = "colorway.service"
"""Label of every service; the value is its name in the platform file."""
COLOR_LABEL = "colorway.color"
"""Label of every colored service; the value is the color."""
ONE_OFF_LABEL = "colorway.one-off"
"""Label of a command that runs beside the services and is in no state; the value is the stack."""
PROMETHEUS = "prometheus"
"""Logical service name of Prometheus."""
NOTICE_SECRET = "notify-url"  # noqa: S105 - beginning of the secrets' names
"""Secrets of a stack whose name begins like this are addresses for notices; no platform and no service knows them."""

PURGE_SECRET = "cloudflare-purge-token"  # noqa: S105 - the secret's name
"""Secret of a stack that may purge its zone; no platform and no service knows it."""


def service(stack: str, name: str, color: Color | None = None) -> str:
    """Return a Swarm service's name: `<stack>-<service>[-<color>]`.

    Raises:
        ValueError: it is longer than a DNS label may be.
    """
    full = "-".join([stack, name, *([color.value] if color else [])])
    if len(full) > LABEL_LIMIT:
        raise ValueError(f"the service name {full} has {len(full)} characters; a DNS label takes {LABEL_LIMIT}")
    return full


def colored_alias(name: str, color: Color) -> str:
    """Return the DNS alias that only the load balancers look up."""
    return f"{name}-{color.value}"


ZONE_SECRET = "cloudflare-token"  # noqa: S105 - the secret's name
"""Secret of a stack that may change its zones; no platform and no service knows it."""

ZONE_TOKEN = "CLOUDFLARE_API_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable with a token for all that is done at Cloudflare, where the stack has no secret for it."""
ANY_NUMBER = "#"
"""Stands for the number of any later generation of a data store; no name has it."""
MAIN_DOMAIN = "main"
"""Name of the stack's own domain; a route that names none means it."""


def host_name(domain: str, host: str | None) -> str:
    """Return the name that users type: a name under a domain, or the domain itself."""
    return f"{host}.{domain}" if host else domain


def record_comment(stack: str, platform: str) -> str:
    """Return what marks a DNS record as a stack's; at most 100 characters, as many as Cloudflare's Free plan takes."""
    return f"colorway: stack {stack} of {platform}"


def place(domain: str, host: str | None, path: str) -> str:
    """Return what a browser shows of a route: the name that users type, and the path."""
    return f"{host_name(domain, host)}{path}"


def stack_name(said: str, domains: Mapping[str, str]) -> str | None:
    """Return the full name of a stack's domain (`main`) or of a name under one (`portal.main`); None for others."""
    host, _, domain = said.rpartition(".")
    return host_name(domains[domain], host or None) if domain in domains else None


def color_cookie(stack: str) -> str:
    """Return the name of the cookie that keeps a user on a color.

    It has the stack's name, because a browser sends production's cookie to staging's host names, too. Without
    a dash, which a variable of nginx cannot have; no stack's name has an underscore.
    """
    return f"rel_{stack.replace('-', '_')}"


def pass_cookie(stack: str) -> str:
    """Return the name of the cookie that leads past the page of maintenance; see `color_cookie`."""
    return f"pass_{stack.replace('-', '_')}"


def cache_tag(stack: str, color: Color | None, version: str | None) -> str:
    """Return what a CDN forgets the answers of a color's version by, or those of the shared services: of no version."""
    return "-".join([stack, color.value, str(version)] if color else [stack, "shared"])


def load_balancer(host: str) -> str:
    """Return the logical service name of the load balancer on a host."""
    return f"lb-{host}"


def mtail(host: str) -> str:
    """Return the logical service name of the log reader beside a host's load balancer."""
    return f"mtail-{host}"


def certbot(host: str) -> str:
    """Return the logical service name of what has certificates issued for a host's load balancer."""
    return f"certbot-{host}"


def edge_services(stack: str, host: str) -> frozenset[str]:
    """Return the services that run on a load balancer's host and nowhere else, by their names in the swarm."""
    return frozenset(service(stack, logical) for logical in (load_balancer(host), mtail(host), certbot(host)))


def member(store: str, host: str) -> str:
    """Return the logical service name of a data store's member on a host; its volume has the same."""
    return f"{store}-{host}"


def generation(store: str, number: int) -> str:
    """Return what a generation of a data store is called: in etcd, in its repository, and in its volumes' names.

    The first one is called as the store. No label has a dot, so that no other store is called like a later one.
    """
    return store if number == 1 else f"{store}.{number}"


def direct(store: str) -> str:
    """Return the DNS name of the way to a PostgreSQL store that no pool is on."""
    return f"{store}-direct"


def sentinel(store: str) -> str:
    """Return what the Sentinels of a data store are called, before their hosts' names."""
    return f"{store}-sentinel"


def backup(store: str, host: str) -> str:
    """Return the logical service name of what backs a data store up where its leader is on a host."""
    return f"{store}-backup-{host}"


def verify(store: str) -> str:
    """Return the logical service name of what proves a data store's backups; its scratch volume has the same."""
    return f"{store}-verify"


def etcd(host: str) -> str:
    """Return the logical service name of etcd on a manager."""
    return f"etcd-{host}"


def migration(identifier: str) -> str:
    """Return the logical service name of the one-shot service that applies a migration: by its number alone.

    With its words a migration would leave a stack's name no room in 63 characters.
    """
    return f"migrate-{identifier.partition('-')[0]}"


def network(stack: str, name: str) -> str:
    """Return a Docker network's name."""
    return f"{stack}-{name}"


def volume(stack: str, store: str) -> str:
    """Return the name of a data store's volume."""
    return f"{stack}-{store}"


def generation_volume(stack: str, store: str, host: str, number: int) -> str:
    """Return the name of the volume that a generation of a data store has on a member's host."""
    return volume(stack, member(generation(store, number), host))


def later_volumes(stack: str, store: str, host: str) -> str:
    """Return how the volumes of all generations after the first are called there, with a # in a number's place.

    No name has a #, nor a dot before it but this one.
    """
    return volume(stack, member(f"{store}.{ANY_NUMBER}", host))


def later_number(volume: str, pattern: str) -> int | None:
    """Return which generation a volume is of, as `later_volumes` calls them; none = of none of these."""
    before, _, after = map(re.escape, pattern.partition(ANY_NUMBER))
    found = re.fullmatch(rf"{before}([1-9][0-9]*){after}", volume)
    return int(found[1]) if found else None


def generation_number(called: str, store: str) -> int:
    """Return which generation of a data store `generation` calls so."""
    return later_number(called, f"{store}.{ANY_NUMBER}") or 1


def service_volume(stack: str, name: str, color: Color | None) -> str:
    """Return the name of a volume of services: each color's own, or none's."""
    return volume(stack, name if color is None else colored_alias(name, color))


def directory(stack: str) -> str:
    """Return the directory of a stack on its hosts."""
    return f"/var/lib/colorway/{stack}"


def lock(stack: str) -> str:
    """Return the name of the Swarm config that is the release lock."""
    return f"colorway-lock-{stack}"


def run_lock(stack: str) -> str:
    """Return the name of the Swarm config that one `up` or `down` holds while it changes the stack."""
    return f"colorway-run-{stack}"


def state_record(stack: str) -> str:
    """Return the name of the Swarm config that says which state the swarm was left with."""
    return f"colorway-state-{stack}"


def local_image(folder: str, digest: str, *, version: str | None = None) -> str:
    """Return the tag of an image that is built here: the version, and the digest of its build context."""
    return f"colorway/{folder}:{f'{version}-' if version else ''}{digest}"


def registry_host(reference: str) -> str:
    """Return the registry that an image's reference begins with; empty where it names none, as Docker Hub's do."""
    first, slash, _ = reference.partition("/")
    return first if slash and (first == "localhost" or "." in first or ":" in first) else ""


def role_label(stack: str, role: str) -> str:
    """Return the Swarm node label that says a host has a role in a stack."""
    return f"colorway-{stack}-{role}"


def host_label(stack: str) -> str:
    """Return the Swarm node label whose value is the host's name in the stack file."""
    return f"colorway-{stack}-host"


def stack_of_host_label(label: str) -> str | None:
    """Return the stack whose `host_label` a node's label is; None where it is no such label."""
    stack = label.removeprefix("colorway-").removesuffix("-host")
    return stack if label == host_label(stack) else None


def node_labels(stack: str, *, host: str, roles: Collection[Role]) -> dict[str, str | None]:
    """Return what a host's node is labelled with for a stack; None = a label that it must not have."""
    of_roles = {role_label(stack, role.value): "true" if role in roles else None for role in Role}
    return {host_label(stack): host, **of_roles}


FENCED = "fenced"


def edge_label(stack: str) -> str:
    """Return the Swarm node label that keeps a load balancer from its host where its value is `FENCED`."""
    return f"colorway-{stack}-edge"


def anew_label(stack: str) -> str:
    """Return the Swarm node label of a host that was installed anew, until it has what it had before."""
    return f"colorway-{stack}-anew"


def firewall_chain(stack: str) -> str:
    """Return the chain of nftables that says what a stack lets into a host; a file of this name keeps it."""
    return f"stack-{stack}"


def labels(stack: str, logical: str, color: Color | None = None) -> dict[str, str]:
    """Return the labels of a service: by them the swarm is read back."""
    found = {STACK_LABEL: stack, SERVICE_LABEL: logical}
    return found if color is None else {**found, COLOR_LABEL: color.value}
