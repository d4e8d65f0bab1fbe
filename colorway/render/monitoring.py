"""The texts of Prometheus and mtail."""

from __future__ import annotations

from collections.abc import Mapping

from colorway.render import templates
from colorway.render.answering import address_pattern
from colorway.render.nginx import TRIES
from colorway.render.routes import SHARED
from colorway.spec import names
from colorway.spec.fields import go_duration
from colorway.spec.networks import NetworkName
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.traffic import Color

MTAIL_PORT = 3903
ATTEMPTS = 2 * TRIES
"""Attempts that one log line can hold: nginx's `proxy_next_upstream_tries`, twice where a GET is begun again."""

RULES = "/etc/prometheus/rules"
"""Where Prometheus finds the rules by which it raises alerts."""

ONE_ATTEMPT = '[^ ",]+(?:, | : )'
"""One entry of nginx's lists of attempts: retries are separated by a comma, internal redirects by a colon."""


def prometheus(spec: PlatformSpec) -> str:
    """Return Prometheus's configuration."""
    return templates.fill_in(
        "prometheus.yml.j2",
        scrape_interval=go_duration(spec.platform.monitoring.scrape_interval),
        load_balancers=[
            {"host": host.name, "address": f"{names.mtail(host.name)}:{MTAIL_PORT}"} for host in spec.load_balancers
        ],
        stack=spec.stack,
        rules=f"{RULES}/*.yaml" if rules(spec) else None,
    )


def rules(spec: PlatformSpec) -> Mapping[str, str]:
    """Return the rules by which Prometheus raises alerts, by the files' names: those of what the stack has."""
    wanted = ["certificates"] if spec.settings.tls.is_issued else []
    return {f"{name}.yaml": templates.rules(name) for name in wanted}


def mtail(spec: PlatformSpec) -> str:
    """Return the program that turns nginx's log lines into per-color figures."""
    return templates.fill_in(
        "mtail.j2",
        certificates=spec.settings.tls.is_issued,
        attempts=ATTEMPTS,
        skip=ONE_ATTEMPT,
        buckets=spec.platform.monitoring.buckets,
        colors=[
            *(
                {
                    "name": color.value,
                    "other": color.other.value,
                    "prefix": address_pattern(spec, NetworkName.of(color)),
                }
                for color in Color
            ),
            # Counted like a color, and none: whatever was chosen, it answers, so that it is no failover either.
            {"name": SHARED, "other": None, "prefix": address_pattern(spec, NetworkName.SHARED)},
        ],
    )
