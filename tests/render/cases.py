"""The generations whose text is kept in golden files; the real nginx checks the same ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from colorway.render.nginx import Generation, generation
from colorway.spec.platform_spec import PlatformSpec
from tests.render.nginx_text import Directive, read
from tests.support.specs import MAIL, PUBLIC_HOSTS, REMOTE_HOSTS, ZONE, small_spec

GOLDEN = Path(__file__).resolve().parent / "golden"
FEW = [{"path": "/"}, {"path": "/assets/", "cache": "1y"}]
BLUE_ONLY = {"blue": "1.0.0", "green": None}
GREEN_ONLY = {"blue": None, "green": "2.0.0"}
EVERY_FORM = [
    {"path": "/"},
    {"path": "/auth", "strip": True, "body": "40Mi", "timeout": "20s"},
    {"path": "/only", "exact": True},
    {"path": "/old", "redirect": "/new/"},
    {"path": "/", "host": "www", "redirect": "main"},
    {"path": "/chat/", "websocket": True, "timeout": "3m"},
    {"path": "/limited/", "limit": {"rate": "3r/s", "burst": 2, "key": "token"}},
    {
        "path": "/admin/",
        "allow": ["10.0.0.0/8", "2001:db8::/32"],
        "basic-auth": "cache-password",
        "headers": {"X-Frame-Options": "SAMEORIGIN"},
    },
    {"path": "/read/", "cors": {"origins": ["https://app.example.net", "portal.main"], "credentials": True}},
    {"path": "/assets/", "cache": "1y"},
    {"path": "/shop.Words/", "grpc": True},
    {"path": "/events", "stream": True},
]
"""A route of each form, with each key."""

CASES: dict[str, Callable[[], PlatformSpec]] = {
    "blue-100": small_spec,
    "blue-90": lambda: small_spec(traffic="90:10"),
    "even": lambda: small_spec(traffic="50:50"),
    "green-100": lambda: small_spec(traffic="0:100"),
    "green-off": lambda: small_spec(versions=BLUE_ONLY),
    "blue-off": lambda: small_spec(traffic="0:100", versions=GREEN_ONLY),
    "virtual-hosts": lambda: small_spec(
        overrides={
            "services": {
                "shop": {"routes": [{"path": "/", "host": "shop"}, {"path": "/static/", "cacheable": True}]},
                "api": {"routes": [{"path": "/"}, {"path": "/v2/", "host": "shop"}, {"path": "/", "host": "portal"}]},
            },
            "edge": {"https-port": 8443, "http-port": 8080, "real-ip-from": [], "headers": {}},
        }
    ),
    "routes": lambda: small_spec(
        traffic="90:10", hosts=REMOTE_HOSTS, overrides={"services": {"shop": {"routes": EVERY_FORM}}}
    ),
    "shared": lambda: small_spec(traffic="90:10", overrides={"services": {"mail": MAIL}}),
    "cdn": lambda: small_spec(
        hosts=PUBLIC_HOSTS,
        settings={"environment": "staging", "zones": {"main": ZONE}},
        overrides={
            "services": {"mail": MAIL, "shop": {"routes": [{"path": "/"}, {"path": "/assets/", "cache": "1y"}]}}
        },
    ),
    "cdn-split": lambda: small_spec(
        traffic="90:10",
        hosts=PUBLIC_HOSTS,
        settings={"environment": "staging", "zones": {"main": ZONE}},
        overrides={"services": {"mail": MAIL, "shop": {"routes": EVERY_FORM}}},
    ),
    "closed": lambda: small_spec(
        traffic="90:10",
        settings={"maintenance": {"everything": "Back at 14:00 UTC."}},
        overrides={
            "edge": {
                "maintenance-secret": "cache-password",
                "headers": {"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": "DENY"},
            }
        },
    ),
    "closed-routes": lambda: small_spec(
        settings={"maintenance": {"example.com/api/": "Back soon.", "portal.example.com/": 'It costs "$5".'}},
    ),
    "locked-down": lambda: small_spec(
        hosts=PUBLIC_HOSTS,
        settings={"environment": "staging", "zones": {"main": ZONE}},
        overrides={"edge": {"real-ip-from": []}},
    ),
    "versions": lambda: small_spec(
        traffic="90:10",
        stack="test-2",
        hosts=REMOTE_HOSTS,
        settings={
            "environment": "staging",
            "domains": {"main": "example.com", "other": "example.org", "below": "below.example.com"},
        },
        overrides={"edge": {"draw": "visit", "real-ip-from": ["198.51.100.0/24", "2001:db8::/32"]}},
        services={
            "2.0.0": {
                "api": {"port": 9001, "longest-request": "3s", "routes": [{"path": "/api/"}]},
                "shop": {
                    "routes": [{"path": "/"}, {"path": "/events", "stream": True}, {"path": "/", "domain": "other"}]
                },
            }
        },
    ),
}
"""By name: what the text is made of."""


@cache
def rendered(case: str) -> Generation:
    """Return the generation of a case."""
    return generation(CASES[case]())


@cache
def tree(case: str) -> Directive:
    """Return the text of a case as nginx sees it."""
    return read(rendered(case).text)
