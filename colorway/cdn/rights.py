"""Which rights the token needs by which a stack's zones are changed, and what was found of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from colorway.spec.edge.redirects import redirect_rules
from colorway.spec.edge.zones import CACHE_PHASE, REDIRECT_PHASE, set_zones
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import LockDown


class Right(StrEnum):
    """What a token has to have in a zone, as Cloudflare calls it; writing includes reading."""

    DNS = "DNS Write"
    SETTINGS = "Zone Settings Write"
    CACHE = "Cache Settings Write"
    REDIRECTS = "Dynamic URL Redirects Write"
    CERTIFICATES = "SSL and Certificates Write"

    @property
    def kind(self) -> str:
        """Type of the resources that are made by it, as the engine writes it; of a ruleset with its phase."""
        return _KINDS[self]


_KINDS = {
    Right.DNS: "cloudflare:index/dnsRecord:DnsRecord",
    Right.SETTINGS: "cloudflare:index/zoneSetting:ZoneSetting",
    Right.CACHE: f"cloudflare:index/ruleset:Ruleset {CACHE_PHASE}",
    Right.REDIRECTS: f"cloudflare:index/ruleset:Ruleset {REDIRECT_PHASE}",
    Right.CERTIFICATES: ("cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate"),
}


@dataclass(frozen=True, kw_only=True)
class Need:
    """A right that a stack needs in one of its zones."""

    domain: str
    """Name of the domain in the stack's file."""
    zone: str
    """The zone's id."""
    right: Right


def needs(spec: PlatformSpec) -> Iterator[Need]:
    """Yield what a stack needs in each of its zones, each once."""
    zones: dict[str, str] = {}
    for domain, zone in spec.settings.zones.items():
        zones.setdefault(zone.id, domain)
    found = [(Right.DNS, [(domain, zone) for zone, domain in zones.items()])]
    own = [(domain, zone.id) for domain, zone in set_zones(spec).items()]
    redirecting = [(domain, zone.id) for domain, zone in set_zones(spec).items() if redirect_rules(spec, zone)]
    found += [(Right.SETTINGS, own), (Right.CACHE, own), (Right.REDIRECTS, redirecting)]
    if spec.lock_down is not LockDown.OPEN:
        found.append((Right.CERTIFICATES, list(spec.proxied_zones.items())))
    for right, places in found:
        yield from (Need(domain=domain, zone=zone, right=right) for domain, zone in places)


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was found."""

    lacking: tuple[Need, ...] = ()
    unanswered: tuple[Need, ...] = ()
    there: tuple[Need, ...] = ()
    """Those by which a zone's rules of one phase are changed, where it has such rules, whoever made them."""
    status: str = ""
    """What Cloudflare says of a token that it refuses everywhere: `expired`, `disabled`; none = nothing."""
