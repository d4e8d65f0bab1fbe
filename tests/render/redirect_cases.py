"""Redirects of every kind, requests for them, and what Cloudflare says by the rules: asked of nginx, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from colorway.spec.edge.redirects import RedirectRule, redirect_rules
from colorway.spec.platform_spec import PlatformSpec
from tests.support.cloudflare import rules
from tests.support.specs import PUBLIC_HOSTS, VERSIONS, ZONE, small_spec

ROUTES: list[dict[str, Any]] = [
    {"path": "/"},
    {"path": "/old", "redirect": "/new/"},
    {"path": "/old/kept"},
    {"path": "/old/one", "exact": True},
    {"path": "/flat/", "redirect": "/new"},
    {"path": "/top", "redirect": "/"},
    {"path": "/was", "exact": True, "redirect": "/api/"},
    {"path": "/moved", "redirect": "portal.main"},
    {"path": "/moved/on", "redirect": "/new/"},
    {"path": "/", "host": "www", "redirect": "main"},
    {"path": "/here/", "host": "www"},
]
ALL = {"id": ZONE, "redirect-rules": 25}


def spec(
    blue: Sequence[Mapping[str, Any]] = ROUTES,
    green: Sequence[Mapping[str, Any]] | None = None,
    *,
    zone: Mapping[str, Any] = ALL,
    versions: Mapping[str, str | None] = VERSIONS,
    **settings: Any,
) -> PlatformSpec:
    """Return a stack whose two versions have some routes, usually the same ones."""
    return small_spec(
        hosts=PUBLIC_HOSTS,
        versions=versions,
        settings={"domains": {"main": "example.com"}, "zones": {"main": zone}, **settings},
        services={"1.0.0": {"shop": {"routes": [*blue]}}, "2.0.0": {"shop": {"routes": [*(green or blue)]}}},
    )


def of(wanted: PlatformSpec) -> tuple[RedirectRule, ...]:
    """Return the rules of the stack's zone."""
    return redirect_rules(wanted, wanted.settings.zones["main"])


def at_the_edge(wanted: PlatformSpec, url: str) -> str | None:
    """Return where Cloudflare sends a request by itself; None = on to the load balancers."""
    said = [
        {
            "expression": one.expression,
            "action_parameters": {
                "from_value": {
                    "target_url": {"value": one.value} if one.target is None else {"expression": one.target},
                    "status_code": 308,
                    "preserve_query_string": one.value is not None,
                }
            },
        }
        for one in of(wanted)
    ]
    found = rules.answer(said, url)
    return None if found is None else found[1]


PLAIN = [
    f"https://{host}{path}{query}"
    for host in ("example.com", "www.example.com", "portal.example.com")
    for path in (
        "/",
        "/old",
        "/old/",
        "/old/x",
        "/old/x/",
        "/older",
        "/old/kept",
        "/old/kept/x",
        "/old/keptx",
        "/old/one",
        "/old/one/",
        "/flat",
        "/flat/",
        "/flat/x.html",
        "/top",
        "/top/",
        "/top/x",
        "/was",
        "/was/",
        "/was/x",
        "/moved",
        "/moved/x",
        "/moved/on",
        "/moved/on/x",
        "/here",
        "/here/",
        "/heres",
        "/x",
    )
    for query in ("", "?a=b", "?a=%2F//../b?c")
]
"""Requests whose paths have nothing to decode or to take out."""
ODD = [
    "https://example.com/old/../admin",
    "https://example.com/old/%2e%2e/admin",
    "https://example.com/old//elsewhere.example",
    "https://example.com/top/\\elsewhere.example",
    "https://example.com//old/x",
    "https://example.com/old/%78",
    "https://www.example.com/.well-known/acme-challenge/token",
    "https://www.example.com/.colorway/maintenance/secret",
    "https://www.example.com/cdn-cgi/challenge-platform/x",
    "http://www.example.com/",
    "https://www.example.com:8443/",
    "https://api.example.com/",
]
"""Requests that Cloudflare leaves to the load balancers."""
