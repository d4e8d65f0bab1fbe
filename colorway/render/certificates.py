"""Lineages: the certificates that a stack's names need, where load balancers have them, and which one is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from colorway.render.templates import nginx_script
from colorway.spec import names
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
"""What certbot's entry script takes for no e-mail address; an empty word would not be read back from the swarm."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """One certificate and those that come after it."""

    name: str
    """The domain that it is for."""
    names: tuple[str, ...]
    """All names that it is for: the domain, and those below it."""

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
    return tuple(Lineage(name=domains[name], names=(domains[name], f"*.{domains[name]}")) for name in ordered)


def certbot_arguments(spec: PlatformSpec) -> Sequence[str]:
    """Return what certbot's entry script is told: the authority, whom it may write to, and each lineage's names."""
    tls = spec.settings.tls
    return [tls.server, tls.email or NOBODY, *(f"{one.name}={','.join(one.names)}" for one in lineages(spec))]


def certify() -> str:
    """Return the script that makes load balancers' own certificates; it runs in a load balancer's container."""
    return nginx_script("certificates")


def certify_arguments(spec: PlatformSpec) -> Sequence[str]:
    """Return what that script is told: whether an authority issues them, and each lineage with its subjects."""
    kind = "issued" if spec.settings.tls.is_issued else SELF_SIGNED
    return [kind, *(f"{one.name}={one.subjects}" for one in lineages(spec))]
