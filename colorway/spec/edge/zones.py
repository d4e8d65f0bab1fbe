"""Cloudflare zones: which of the stack's names they keep, and what else they are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from colorway.spec import names
from colorway.spec.base import Mistake, ShortSpec
from colorway.spec.edge.routes import RouteSpec
from colorway.spec.fields import Shape
from colorway.spec.wanted import WantedRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colorway.spec.hosts import HostSpec
    from colorway.spec.platform_spec import PlatformSpec

CACHE_PHASE = "http_request_cache_settings"
"""Which of a zone's rulesets says what Cloudflare keeps."""
REDIRECT_PHASE = "http_request_dynamic_redirect"
"""Which one says whom it sends elsewhere."""
LONGEST_EXPRESSION = 4096
"""Characters of a rule's expression that Cloudflare takes."""
FEWEST_REDIRECT_RULES, MOST_REDIRECT_RULES = 10, 300
"""Rules of that phase that a zone of any plan may have, and the most that a zone may say that its plan has."""

ZoneId = Annotated[
    str,
    Shape(r"[0-9a-f]{32}", "is no Cloudflare zone id; copy the 32 hex digits from the zone's overview, in quotes"),
]


class Encryption(StrEnum):
    """Which certificates of load balancers Cloudflare accepts; the words are its own."""

    STRICT = "strict"
    """Those of a public authority, or of Cloudflare's own."""
    FULL = "full"
    """Any, self-signed ones, too."""


class ZoneSpec(ShortSpec):
    """The zone of a domain: its id, or more of it."""

    short: ClassVar[str] = "id"

    id: ZoneId
    """Cloudflare's id of the zone."""
    proxied: bool = True
    """Whether users reach the domain's names through Cloudflare; else it only resolves them."""
    encryption: Encryption | None = None
    """Which certificates of load balancers Cloudflare accepts; none = strict where an authority signs, else full."""
    records_only: bool = False
    """Whether only names are kept there: the zone's settings and rules are somebody else's, another stack's perhaps."""
    redirect_rules: int = Field(default=FEWEST_REDIRECT_RULES, ge=0, le=MOST_REDIRECT_RULES, strict=True)
    """How many rules Cloudflare may get for redirects: 10 on the Free plan, as many as the zone's plan has on others.
    Where they would be more, load balancers answer all of them; 0 = they always do."""

    @property
    def is_set(self) -> bool:
        """Whether the zone's settings and rules are this stack's."""
        return self.proxied and not self.records_only


def zone_mistakes(
    zones: Mapping[str, ZoneSpec], *, domains: Mapping[str, str], hosts: Iterable[HostSpec]
) -> Iterator[Mistake]:
    """Yield what does not fit: domains that there are none of, zones that are two things, hosts without an address.

    Args:
        zones: Zones by the name of the domain.
        domains: The stack's domains by name.
        hosts: Its load balancers.
    """
    seen: dict[str, str] = {}
    for name, zone in zones.items():
        if name not in domains:
            yield (name,), f"is no domain of the stack; write one of {', '.join(sorted(domains))}, or add it to domains"
            continue
        first = seen.setdefault(zone.id, name)
        if zone != zones[first]:
            yield (name,), f"is the same zone as {first}, and says other things of it; say the same in both"
    if zones:
        missing = [host.name for host in hosts if host.public_address is None and host.public_ipv6 is None]
        if missing:
            cure = "write public-address or public-ipv6 there, the addresses under which Cloudflare or users reach them"
            yield (), f"give no address to names, since {', '.join(missing)} has no public one; {cure}"


def wanted_records(spec: PlatformSpec) -> Iterator[WantedRecord]:
    """Yield a record for each name of a domain with a zone, each load balancer, and each kind of its addresses."""
    for name, host in sorted(_names(spec), key=lambda one: (one[0], one[1] or "")):
        zone = spec.settings.zones[name]
        for balancer in spec.load_balancers:
            for kind, address in (("A", balancer.public_address), ("AAAA", balancer.public_ipv6)):
                if address is not None:
                    yield WantedRecord(
                        name=names.host_name(spec.settings.domains[name], host),
                        kind=kind,
                        address=str(address),
                        host=balancer.name,
                        zone=zone.id,
                        is_proxied=zone.proxied,
                    )


def set_zones(spec: PlatformSpec) -> dict[str, ZoneSpec]:
    """Return the zones whose settings and rules are the stack's, each once, by the name of its first domain."""
    found: dict[str, ZoneSpec] = {}
    for name, zone in spec.settings.zones.items():
        if zone.is_set and zone not in found.values():
            found[name] = zone
    return found


def encryption(spec: PlatformSpec, zone: ZoneSpec) -> Encryption:
    """Return which certificates Cloudflare accepts in a zone."""
    usual = Encryption.STRICT if spec.settings.tls.is_trusted_by_cloudflare else Encryption.FULL
    return zone.encryption or usual


def quoted(text: str) -> str:
    """Return a text as Cloudflare's expressions quote it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def own_names(spec: PlatformSpec, zone: ZoneSpec) -> str:
    """Return the condition of a rule that is for the stack's names of a zone."""
    told = sorted({one.name for one in wanted_records(spec) if one.zone == zone.id})
    return f"http.host in {{{' '.join(map(quoted, told))}}}"


def kept_places(spec: PlatformSpec, zone: ZoneSpec) -> str | None:
    """Return the condition of a rule that is for what Cloudflare may keep; None = nothing.

    Raises:
        ValueError: it is longer than Cloudflare takes.
    """
    domains = spec.settings.domains
    of_zone = {name for name, other in spec.settings.zones.items() if other.id == zone.id}
    places = {
        (
            names.host_name(domains[route.domain], route.host),
            route.path if route.exact else f"{route.trunk}/",
            route.exact,
        )
        for route in spec.routes
        if isinstance(route, RouteSpec) and route.is_kept and route.domain in of_zone
    }
    parts = [f"(http.host eq {quoted(host)} and {_path(path, exact=exact)})" for host, path, exact in sorted(places)]
    text = " or ".join(parts)
    if len(text) > LONGEST_EXPRESSION:
        raise ValueError(
            f"{len(parts)} routes that a CDN may keep make a rule longer than {LONGEST_EXPRESSION} characters"
        )
    return text or None


def _names(spec: PlatformSpec) -> set[tuple[str, str | None]]:
    zones = spec.settings.zones
    bare: set[tuple[str, str | None]] = {(name, None) for name in zones}
    return bare | {(route.domain, route.host) for route in spec.routes if route.domain in zones}


def _path(path: str, *, exact: bool) -> str:
    return (
        f"http.request.uri.path eq {quoted(path)}" if exact else f"starts_with(http.request.uri.path, {quoted(path)})"
    )
