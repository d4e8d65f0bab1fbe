"""nginx's text: one generation, named by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from colorway.render.answering import cache_tags
from colorway.render.certificates import CACHED, CHAIN, FOLDER, KEY, lineages
from colorway.render.cloudflare import cloudflare_ranges
from colorway.render.edge_secrets import ORIGIN_FILE, PREVIEW_FILE
from colorway.render.maintenance import maintenance
from colorway.render.routes import (
    GRPC,
    SHARED,
    Location,
    Table,
    locations,
    login_file,
    login_variable,
    may_stand_in,
    upstream,
)
from colorway.render.templates import fill_in
from colorway.spec import names
from colorway.spec.edge import INTERNAL_PATH, REDIRECT_STATUS, Draw, RouteSpec
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import RESOLVER_VALID, RETRY_WITHIN, PlatformSpec
from colorway.spec.services import ServiceSpec
from colorway.spec.stack import LockDown
from colorway.spec.traffic import USERS, Color

DIGEST_LENGTH = 12
STATUS_PORT = 8081
"""Port of the status server, on the container's loopback only."""
TRIES = 5
"""The most tasks that one request is offered to, one after the other."""
WORKER_SHUTDOWN = timedelta(seconds=75)
"""Shortest time that nginx's old workers get for what they have in flight."""
INSIDE = "/etc/colorway"
"""Where a load balancer's directory on the host is seen inside its container."""
ACCESS_LOG = {"path": f"{INSIDE}/run/access.log", "buffer": "buffer=64k flush=250ms"}
"""A file, because datagrams to mtail lost 9 % of the lines at 490 requests/s; the entry script keeps it small.

A write for each line cost about a seventh of the throughput. What waits is written before a worker ends, and long
before a scrape would miss it.
"""
GRPC_ENDINGS = ((4, "the service took too long"), (8, "too much, or too often"), (14, "the service did not answer"))
"""What clients of gRPC are told by the load balancers: DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE."""
_PLACEHOLDER = "0" * DIGEST_LENGTH


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One complete set of nginx's text."""

    digest: str
    """12 hex digits over the text; what the load balancers answer once it is live."""
    text: str


def worker_shutdown(spec: PlatformSpec) -> timedelta:
    """Return how long nginx's old workers may finish what they have in flight."""
    return max(WORKER_SHUTDOWN, spec.longest_wait)


def generation(spec: PlatformSpec) -> Generation:
    """Return the text that routes as the stack's traffic line says."""
    text = _text(spec, digest=_PLACEHOLDER)
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
    return Generation(digest=digest, text=_text(spec, digest=digest))


def _text(spec: PlatformSpec, *, digest: str) -> str:
    edge, green = spec.platform.edge, spec.settings.traffic.green
    buckets = range(green) if spec.settings.traffic.is_split else range(0)
    hosts = _virtual_hosts(spec)
    found = [location for host in hosts for color in host.colors.values() for location in color]
    routes = [location.route for location in found if isinstance(location.route, RouteSpec)]
    return fill_in(
        "nginx.conf.j2",
        digest=digest,
        inside=INSIDE,
        internal=INTERNAL_PATH,
        redirect_status=REDIRECT_STATUS,
        edge=edge,
        colors_on=[color.value for color in spec.colors_on],
        worker_shutdown=whole_seconds(worker_shutdown(spec)),
        keepalive_min=whole_seconds(edge.keepalive_min_timeout),
        resolver_valid=whole_seconds(RESOLVER_VALID),
        retry_within=whole_seconds(RETRY_WITHIN),
        tries=TRIES,
        access_log=ACCESS_LOG,
        draws_visits=edge.draw is Draw.VISIT,
        cookie=names.color_cookie(spec.stack),
        cookie_domains=_cookie_domains(spec.settings.domains.values()),
        green_buckets=[buckets[start : start + 10] for start in range(0, len(buckets), 10)],
        rest=(Color.BLUE if spec.settings.traffic.blue else Color.GREEN).value,
        lineages=[one.name for one in lineages(spec)],
        certificates={"folder": f"{INSIDE}/{FOLDER}", "chain": CHAIN, "key": KEY, "cached": CACHED},
        is_guarded=spec.is_guarded,
        maintenance=maintenance(spec),
        trusted=_trusted(spec),
        asks_for_certificate=spec.lock_down is not LockDown.OPEN,
        is_closed=spec.lock_down is LockDown.CLOSED,
        origin_file=ORIGIN_FILE,
        preview_file=PREVIEW_FILE,
        users=USERS,
        upstreams=list(_upstreams(spec)),
        virtual_hosts=hosts,
        bodies=edge.bodies(max([edge.body, *(route.body or 0 for route in routes if route.is_buffered)])),
        paths=_tables(one.table for one in [*found, *(one.beside for one in found if one.beside)]),
        origins=_tables(one.origin for one in found),
        login_variable=login_variable,
        zones=sorted({one.zone for one in found if one.zone}, key=lambda zone: zone.name),
        logins=[(login_variable(one), login_file(one)) for one in sorted({one.login for one in found} - {""})],
        ages=sorted({one.kept for one in found if one.kept}),
        strips=any(route.strip for route in routes),
        asks_beside=any(one.beside for one in found),
        is_streamed=any(not route.is_buffered for route in routes),
        grpc_endings=GRPC_ENDINGS,
        has_grpc=any(route.grpc for route in routes),
        status_port=STATUS_PORT,
        cache_tags=cache_tags(spec),
        is_split=spec.settings.traffic.is_split,
    )


def _trusted(spec: PlatformSpec) -> list[str]:
    """Return the networks of the proxies whose word for a client's address is taken, each once."""
    networks = [*spec.platform.edge.real_ip_from, *(cloudflare_ranges() if spec.is_behind_cloudflare else ())]
    return list(dict.fromkeys(map(str, networks)))


def _cookie_domains(domains: Collection[str]) -> list[tuple[str, str]]:
    """Return the domain that the cookie has below each; of two that lie in each other the upper, or there were two."""
    return [
        (domain, min((other for other in domains if f".{domain}".endswith(f".{other}")), key=len)) for domain in domains
    ]


def _upstreams(spec: PlatformSpec) -> Iterator[dict[str, object]]:
    """Yield the tasks of each routed service in each color, with the other color's as a backup, and the shared ones.

    Only while both have users: at 0 % nobody may meet the idle color. Routes that the other version does not
    have get the same tasks once more, without a backup that would answer 404.
    """
    for color in spec.colors_on:
        for name, service in spec.colored(color).items():
            found: dict[str, bool] = {}
            for route in service.answers:
                called = upstream(spec, color, route=route, name=name, service=service)
                found[called] = may_stand_in(spec, color, route=route, service=name)
            for called, stands_in in sorted(found.items(), key=lambda one: not one[1]):
                backup = _server(name, spec.colored(color.other)[name], color.other) if stands_in else None
                yield {"name": called, "server": _server(name, service, color), "backup": backup}
    for name, service in spec.shared.items():
        for kind in dict.fromkeys(GRPC if route.grpc else "" for route in service.answers):
            yield {"name": f"{name}{kind}_{SHARED}", "server": f"{name}:{service.port}", "backup": None}


def _server(name: str, service: ServiceSpec, color: Color) -> str:
    return f"{names.colored_alias(name, color)}:{service.port}"


@dataclass(frozen=True, kw_only=True)
class VirtualHost:
    """One nginx server: what each color answers under a name."""

    names: str
    """What it is called, as nginx writes it."""
    is_default: bool
    """Whether it answers to addresses and any name: on this machine and in a lab nobody gave them one."""
    is_proxied: bool
    """Whether users reach it through Cloudflare."""
    colors: dict[Color, list[Location]]


def _virtual_hosts(spec: PlatformSpec) -> list[VirtualHost]:
    """Return one nginx server per name, the stack's own domain first."""
    services = [service for color in spec.colors_on for service in spec.answering(color).values()]
    found = {(route.domain, route.host) for service in services for route in service.routes}
    hosts = sorted(found, key=lambda host: (host[0] != names.MAIN_DOMAIN, host[0], host[1] or ""))
    return [
        VirtualHost(
            names=_server_names(spec.settings.domains[domain], host),
            is_default=number == 0 and not spec.is_guarded,
            is_proxied=spec.is_proxied(domain),
            colors={color: locations(spec, color, domain=domain, host=host) for color in Color},
        )
        for number, (domain, host) in enumerate(hosts)
    ]


def _server_names(domain: str, host: str | None) -> str:
    return names.host_name(domain, host) if host else f"{domain} *.{domain}"


def _tables(found: Iterable[Table | None]) -> list[Table]:
    """Return each table once, in the order of their names."""
    return sorted({table for table in found if table}, key=lambda table: table.variable)
