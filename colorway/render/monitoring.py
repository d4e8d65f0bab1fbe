"""The texts of Prometheus and mtail."""

from __future__ import annotations

from colorway.render.nginx import TRIES
from colorway.render.routes import SHARED
from colorway.render.templates import fill_in
from colorway.spec import names
from colorway.spec.fields import go_duration
from colorway.spec.networks import NetworkName, subnet
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.traffic import Color

MTAIL_PORT = 3903
ATTEMPTS = 2 * TRIES
"""Attempts that one log line can hold: nginx's `proxy_next_upstream_tries`, twice where a GET is begun again."""

ONE_ATTEMPT = '[^ ",]+(?:, | : )'
"""One entry of nginx's lists of attempts: retries are separated by a comma, internal redirects by a colon."""


def prometheus(spec: PlatformSpec) -> str:
    """Return Prometheus's configuration."""
    return fill_in(
        "prometheus.yml.j2",
        scrape_interval=go_duration(spec.platform.monitoring.scrape_interval),
        load_balancers=[
            {"host": host.name, "address": f"{names.mtail(host.name)}:{MTAIL_PORT}"} for host in spec.load_balancers
        ],
    )


def mtail(spec: PlatformSpec) -> str:
    """Return the program that turns nginx's log lines into per-color figures."""
    return fill_in(
        "mtail.j2",
        attempts=ATTEMPTS,
        skip=ONE_ATTEMPT,
        buckets=spec.platform.monitoring.buckets,
        colors=[
            *(
                {"name": color.value, "other": color.other.value, "prefix": _prefix(spec, NetworkName.of(color))}
                for color in Color
            ),
            # Counted like a color, and none: whatever was chosen, it answers, so that it is no failover either.
            {"name": SHARED, "other": None, "prefix": _prefix(spec, NetworkName.SHARED)},
        ],
    )


def _prefix(spec: PlatformSpec, name: NetworkName) -> str:
    """Return the regular expression that a network's addresses, and no others, begin with.

    The bytes that its network fixes, then the one that it fixes in part; whatever follows is free.
    """
    network = subnet(spec.settings.network.range, name)
    fixed, bits = divmod(network.prefixlen, 8)
    first, last = network.network_address.packed, network.broadcast_address.packed
    parts = [str(byte) for byte in first[:fixed]]
    if bits:
        parts.append(f"(?:{_one_of(first[fixed], last[fixed])})")
    return "".join(rf"{part}\." for part in parts)


def _one_of(first: int, last: int) -> str:
    """Return the alternatives for one number of a row, ten at a time: `[0-9]|1[0-5]`."""
    tens = [range(max(first, ten), min(last, ten + 9) + 1) for ten in range(first // 10 * 10, last + 1, 10)]
    return "|".join(f"{row[0] // 10 or ''}[{row[0] % 10}-{row[-1] % 10}]" for row in tens)
