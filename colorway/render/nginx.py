"""nginx's text: one generation, named by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from colorway.render.maintenance import maintenance
from colorway.render.templates import fill_in
from colorway.spec import names
from colorway.spec.edge import Draw
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import RESOLVER_VALID, RETRY_WITHIN, PlatformSpec
from colorway.spec.services import INTERNAL_PATH, RouteSpec, ServiceSpec
from colorway.spec.traffic import Color

DIGEST_LENGTH = 12
STATUS_PORT = 8081
"""Port of the status server, on the container's loopback only."""
SHARED = "shared"
"""Ends the name of a shared service's upstream, as a color's ends others."""
ALONE = ".alone"
"""Ends the name of an upstream that has no backup beside one that has; no service's name has a dot."""
TRIES = 5
"""The most tasks that one request is offered to, one after the other."""
WORKER_SHUTDOWN = timedelta(seconds=75)
"""Shortest time that nginx's old workers get for what they have in flight."""
INSIDE = "/etc/colorway"
"""Where a load balancer's directory on the host is seen inside its container."""
ACCESS_LOG = f"{INSIDE}/run/access.log colorway buffer=64k flush=250ms"
"""A file, because datagrams to mtail lost 9 % of the lines at 490 requests/s; the entry script keeps it small.

A write for each line cost about a seventh of the throughput. What waits is written before a worker ends, and long
before a scrape would miss it.
"""
Place = tuple[str, str | None, str]
"""Where requests arrive: domain, name under it, path."""
_PLACEHOLDER = "0" * DIGEST_LENGTH


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One complete set of nginx's text."""

    digest: str
    """12 hex digits over the text; what the load balancers answer once it is live."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The certificate of a stack's names; self-signed, made on the host."""

    name: str
    """File name without its ending: another one for other names."""
    subjects: tuple[str, ...]
    """The names and addresses that it is for, in OpenSSL's form."""

    @property
    def path(self) -> str:
        """Its path in a load balancer's container, without `.crt` and `.key`."""
        return f"{INSIDE}/tls/{self.name}"


def certificate(spec: PlatformSpec) -> Certificate:
    """Return the certificate that the stack's names need."""
    domains = spec.settings.domains.values()
    subjects = (*(f"DNS:{name}" for domain in domains for name in (domain, f"*.{domain}")), "IP:127.0.0.1")
    digest = hashlib.sha256(",".join(subjects).encode()).hexdigest()[:DIGEST_LENGTH]
    return Certificate(name=f"self-signed-{digest}", subjects=subjects)


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
    return fill_in(
        "nginx.conf.j2",
        digest=digest,
        inside=INSIDE,
        internal=INTERNAL_PATH,
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
        certificate=certificate(spec).path,
        https_suffix="" if edge.https_port == 443 else f":{edge.https_port}",  # noqa: PLR2004 - HTTPS
        is_guarded=spec.is_guarded,
        maintenance=maintenance(spec),
        upstreams=list(_upstreams(spec)),
        virtual_hosts=_virtual_hosts(spec),
        status_port=STATUS_PORT,
    )


def _cookie_domains(domains: Collection[str]) -> list[tuple[str, str]]:
    """Return the domain that the cookie has below each; of two that lie in each other the upper, or there were two."""
    return [
        (domain, min((other for other in domains if f".{domain}".endswith(f".{other}")), key=len)) for domain in domains
    ]


def _places(spec: PlatformSpec, color: Color) -> dict[Place, str]:
    """Return the service that answers at each place in a color that is on."""
    if color not in spec.colors_on:
        return {}
    return {route.place: name for name, service in spec.answering(color).items() for route in service.routes}


def _upstreams(spec: PlatformSpec) -> Iterator[dict[str, object]]:
    """Yield the tasks of each routed service in each color, with the other color's as a backup, and the shared ones.

    Only while both have users: at 0 % nobody may meet the idle color. Routes that the other version does not
    have get the same tasks once more, without a backup that would answer 404.
    """
    for color in spec.colors_on:
        for name, service in spec.colored(color).items():
            both = [_may_stand_in(spec, color, route=route, service=name) for route in service.routes]
            server = _server(name, service, color)
            if any(both):
                backup = _server(name, spec.colored(color.other)[name], color.other)
                yield {"name": f"{name}_{color}", "server": server, "backup": backup}
            if not all(both):
                yield {"name": f"{name}{ALONE if any(both) else ''}_{color}", "server": server, "backup": None}
    for name, service in spec.shared.items():
        if service.routes:
            yield {"name": f"{name}_{SHARED}", "server": f"{name}:{service.port}", "backup": None}


def _server(name: str, service: ServiceSpec, color: Color) -> str:
    return f"{names.colored_alias(name, color)}:{service.port}"


def _may_stand_in(spec: PlatformSpec, color: Color, *, route: RouteSpec, service: str) -> bool:
    """Return whether the other color may answer for this one: both have users, and the same service there."""
    if not spec.settings.traffic.is_split:
        return False
    there = spec.colored(color.other).get(service)
    return there is not None and any(one.place == route.place for one in there.routes)


def _virtual_hosts(spec: PlatformSpec) -> list[dict[str, object]]:
    """Return one nginx server per name, the stack's own domain first."""
    found = {place[:2] for color in Color for place in _places(spec, color)}
    hosts = sorted(found, key=lambda host: (host[0] != names.MAIN_DOMAIN, host[0], host[1] or ""))
    return [
        {
            "names": _server_names(spec.settings.domains[domain], host),
            # On this machine and in a lab it answers to addresses and any name: nobody gave them one.
            "is_default": number == 0 and not spec.is_guarded,
            "colors": [_color(spec, color, domain=domain, host=host) for color in Color],
        }
        for number, (domain, host) in enumerate(hosts)
    ]


def _server_names(domain: str, host: str | None) -> str:
    return names.host_name(domain, host) if host else f"{domain} *.{domain}"


def _color(spec: PlatformSpec, color: Color, *, domain: str, host: str | None) -> dict[str, object]:
    """Return what a color answers under a name."""
    here = [place for place in _places(spec, color) if place[:2] == (domain, host)]
    paths = {path for _, _, path in here}
    routes = [
        {**_route(spec, color, route=route, name=name, service=service), "bare": _bare(route.path, paths)}
        for name, service in (spec.answering(color).items() if here else ())
        for route in service.routes
        if route.place in here
    ]
    return {
        "name": color.value,
        "is_on": color in spec.colors_on,
        "has_root": "/" in paths,
        "routes": sorted(routes, key=lambda route: str(route["path"])),
    }


def _bare(path: str, paths: set[str]) -> str:
    """Return a folder's path without its last slash, where that is no other place; else nothing."""
    bare = path.rstrip("/")
    return bare if path.endswith("/") and bare and bare not in paths else ""


def _route(spec: PlatformSpec, color: Color, *, route: RouteSpec, name: str, service: ServiceSpec) -> dict[str, object]:
    stands_in = _may_stand_in(spec, color, route=route, service=name)
    every = (_may_stand_in(spec, color, route=one, service=name) for one in service.routes)
    alone = ALONE if not stands_in and any(every) else ""
    return {
        "path": route.path,
        "place": route.place,
        "service": name,
        "cacheable": route.cacheable,
        "stream": route.stream,
        "longest_request": whole_seconds(service.longest_request),
        "retry_within": whole_seconds(min(service.longest_request, RETRY_WITHIN)),
        "upstream": f"{name}{alone}_{SHARED if service.is_shared else color}",
        "again": f"{name}{alone}_{SHARED if service.is_shared else color.other if stands_in else color}",
    }
