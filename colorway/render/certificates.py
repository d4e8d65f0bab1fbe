"""Lineages: the certificates that a stack's names need, where load balancers have them, and which one is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from colorway.render.templates import nginx_script
from colorway.spec import names
from colorway.spec.edge.load_balancers import HTTPS
from colorway.spec.platform_spec import PlatformSpec

FOLDER = "certs"
"""Folder of a load balancer's directory with a folder for each lineage."""
CHAIN, KEY = "fullchain.pem", "privkey.pem"
"""What is in each numbered folder of a lineage, of which `current` is the one that is shown."""
SELF_SIGNED = "self-signed"
"""File beside them that says whose certificate it is, where it is the load balancer's own."""
CACHED = "max=64 inactive=5m valid=10s"
"""How long nginx shows a certificate without looking for a newer one: no more than `valid`, which is no reload."""
NOBODY = "-"
"""What certbot's entry script takes for no e-mail address, and for no name that is asked; an empty word would not be
read back from the swarm."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """One certificate and those that come after it."""

    name: str
    """The domain that it is for."""
    names: tuple[str, ...]
    """All names that it is for: the domain, and those below it."""
    asked: str | None
    """A name of them that users type, under which load balancers are asked what they show; none = there is none."""

    @property
    def subjects(self) -> str:
        """The names as OpenSSL takes them; a load balancer's own certificate is for whoever asks it by address, too."""
        return ",".join([*(f"DNS:{name}" for name in self.names), "IP:127.0.0.1"])


def lineages(spec: PlatformSpec) -> tuple[Lineage, ...]:
    """Return a lineage for each domain of the stack, its own domain first.

    Each has the wildcard, whatever the routes are now: a name that a release brings must not wait for an authority.
    No host of a route lies deeper than one label.
    """
    domains = spec.settings.domains
    ordered = sorted(domains, key=lambda name: (name != names.MAIN_DOMAIN, domains[name]))
    typed = sorted(_typed(spec), key=lambda one: (one[0], one[1] or ""))
    # The first one is the domain itself, if that is answered: hardly any version brings one that comes before.
    asked = {domain: names.host_name(domains[domain], host) for domain, host in reversed(typed) if domain in domains}
    return tuple(
        Lineage(name=domains[name], names=(domains[name], f"*.{domains[name]}"), asked=asked.get(name))
        for name in ordered
    )


def _typed(spec: PlatformSpec) -> Iterator[tuple[str, str | None]]:
    """Yield the names that load balancers answer to: of each route the domain and the host."""
    for color in spec.colors_on:
        for service in spec.answering(color).values():
            yield from ((route.domain, route.host) for route in service.routes)


def shown_arguments(spec: PlatformSpec) -> Sequence[str]:
    """Return what `templates/nginx/certificates-shown.sh` is told: the port, and each lineage's name that it asks."""
    return [str(HTTPS), *(f"{one.name}={one.asked}" for one in lineages(spec) if one.asked)]


def certbot_arguments(spec: PlatformSpec) -> Sequence[str]:
    """Return what certbot's entry script is told.

    The authority, whom it may write to, the load balancer's port, and of each lineage the name under which it looks at
    what is shown, and all names that it is for.
    """
    tls, port = spec.settings.tls, spec.platform.edge.https_port
    told = [f"{one.name}={one.asked or NOBODY}={','.join(one.names)}" for one in lineages(spec)]
    return [tls.server, tls.email or NOBODY, str(port), *told]


def certify() -> str:
    """Return the script that makes load balancers' own certificates; it runs in a load balancer's container."""
    return nginx_script("certificates")


def certify_arguments(spec: PlatformSpec) -> Sequence[str]:
    """Return what that script is told: whether an authority issues them, and each lineage with its subjects."""
    kind = "issued" if spec.settings.tls.is_issued else SELF_SIGNED
    return [kind, *(f"{one.name}={one.subjects}" for one in lineages(spec))]
