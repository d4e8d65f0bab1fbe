"""nginx's text: one generation, named by its hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from colorway.render.templates import fill_in
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import RESOLVER_VALID, PlatformSpec
from colorway.spec.services import ServiceSpec
from colorway.spec.traffic import Color

DIGEST_LENGTH = 12
STATUS_PORT = 8081
"""Port of the status server, on the container's loopback only."""
WORKER_SHUTDOWN = timedelta(seconds=75)
"""Shortest time that nginx's old workers get for what they have in flight."""
INSIDE = "/etc/colorway"
"""Where a load balancer's directory on the host is seen inside its container."""
ACCESS_LOG = f"{INSIDE}/run/access.log colorway buffer=64k flush=250ms"
"""A file, because datagrams to mtail lost 9 % of the lines at 490 requests/s; the entry script keeps it small.

A write for each line cost about a seventh of the throughput. What waits is written before a worker ends, and long
before a scrape would miss it.
"""
_PLACEHOLDER = "0" * DIGEST_LENGTH


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One complete set of nginx's text."""

    digest: str
    """12 hex digits over the text; what the load balancers answer once it is live."""
    text: str


def worker_shutdown(spec: PlatformSpec) -> timedelta:
    """Return how long nginx's old workers may finish what they have in flight."""
    return max(WORKER_SHUTDOWN, spec.longest_request)


def generation(spec: PlatformSpec) -> Generation:
    """Return the text that routes as the stack's traffic line says."""
    text = _text(spec, digest=_PLACEHOLDER)
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
    return Generation(digest=digest, text=_text(spec, digest=digest))


def _text(spec: PlatformSpec, *, digest: str) -> str:
    edge, traffic = spec.platform.edge, spec.settings.traffic
    routed = spec.routed
    return fill_in(
        "nginx.conf.j2",
        digest=digest,
        colors=[{"name": color.value, "other": color.other.value} for color in spec.colors_on],
        worker_shutdown=whole_seconds(worker_shutdown(spec)),
        keepalive_min=whole_seconds(edge.keepalive_min_timeout),
        resolver_valid=whole_seconds(RESOLVER_VALID),
        longest_body=edge.longest_body,
        real_ip_from=edge.real_ip_from,
        access_log=ACCESS_LOG,
        split=traffic.is_split,
        green=traffic.green,
        whole=(Color.GREEN if traffic.green else Color.BLUE).value,
        preview_token=edge.preview_token,
        services=[{"name": name, "port": service.port} for name, service in routed.items()],
        certificate=f"{INSIDE}/tls/self-signed",
        https_suffix="" if edge.https_port == 443 else f":{edge.https_port}",  # noqa: PLR2004 - HTTPS
        headers=sorted(edge.headers.items()),
        virtual_hosts=_virtual_hosts(spec, routed),
        status_port=STATUS_PORT,
    )


def _virtual_hosts(spec: PlatformSpec, routed: dict[str, ServiceSpec]) -> list[dict[str, object]]:
    """Return one nginx server per name; the one that answers every name comes first."""
    hosts = sorted({route.host or "" for service in routed.values() for route in service.routes})
    domain = spec.settings.domain
    return [
        {
            "server_name": f"{host}.{domain}" if host else f"{domain} *.{domain} _",
            "routes": sorted(
                (
                    {
                        "path": route.path,
                        "service": name,
                        "cacheable": route.cacheable,
                        "longest_request": whole_seconds(service.longest_request),
                    }
                    for name, service in routed.items()
                    for route in service.routes
                    if (route.host or "") == host
                ),
                key=lambda route: str(route["path"]),
            ),
        }
        for host in hosts
    ]
