"""Mistakes around names, routes and the load balancers: what nginx would refuse is refused before."""

from __future__ import annotations

from tests.spec.mistakes import Case, Line
from tests.spec.project_files import DEMO, LIVE, LOCAL, SHOP

ROUTE = "routes: [{path: /}]"


def _route(name: str, said: str, *lines: str, at: str = "routes:") -> Case:
    """Return the mistakes of one route beside a good one."""
    told = (Line(f"services.shop.routes.1{line}", at=at) for line in lines)
    return Case(name, SHOP, ROUTE, f"routes: [{{path: /}}, {{{said}}}]", *told)


LONG_DOMAIN = ".".join(["d" * 60] * 4)
CASES = (
    Case(
        "stack without a main domain",
        LOCAL,
        "{main: demo.example.com}",
        "{demo: demo.example.com}",
        Line("colorway:domains: has no main; write for example {main: example.com}", at="colorway:domains"),
    ),
    Case(
        "one domain twice",
        LIVE,
        "other: shop.example.org",
        "other: shop.example.com",
        Line("colorway:domains.other: is also the domain main; leave one of them out", at="colorway:domains"),
    ),
    Case(
        "the old key",
        LOCAL,
        "colorway:domains: {main: demo.example.com}",
        "colorway:domain: demo.example.com",
        Line("colorway:domain: is no known key; did you mean domains?", at="colorway:domain"),
    ),
    Case(
        "route under an unknown domain",
        SHOP,
        ROUTE,
        "routes: [{path: /, domain: othr}]",
        Line("services.shop.routes.0.domain: is no domain of the stack; did you mean other?", at="othr"),
    ),
    Case(
        "smoke test under an unknown domain",
        DEMO,
        "[{path: /whoami, ",
        "[{path: /whoami, domain: othr, ",
        Line("release.smoke.0.domain: is no domain of the stack; known: main", at="othr"),
    ),
    Case(
        "the same place twice, the domain said and not said",
        SHOP,
        ROUTE,
        "routes: [{path: /}, {path: /, domain: main}]",
        Line(
            "services.shop.routes.1: is the same as services.shop.routes.0; one route, one service", at="domain: main"
        ),
    ),
    Case(
        "a name that is longer than DNS allows",
        LOCAL,
        "demo.example.com",
        f"{LONG_DOMAIN}.org",
        Line(
            "services.api.routes.1.host: makes a name of 254 characters; a name in DNS has at most 253, so choose a "
            "shorter one",
            file=DEMO,
            at="host: portal",
        ),
    ),
    Case(
        "path of the load balancers' own",
        SHOP,
        ROUTE,
        "routes: [{path: /.colorway/blue/}]",
        Line("services.shop.routes.0.path: is the load balancers' own; choose another path", at="blue"),
    ),
    Case(
        "path that nginx could not read",
        SHOP,
        ROUTE,
        f"routes: [{{path: /{'a' * 1000}}}]",
        Line(
            "services.shop.routes.0.path: is longer than the 1000 characters that a path may have; choose a "
            "shorter one",
            at="aaa",
        ),
    ),
    Case(
        "header that nginx could not read",
        DEMO,
        "headers: {X-Frame-Options: DENY}",
        f"headers: {{X-Frame-Options: {'a' * 4001}}}",
        Line(
            "edge.headers.X-Frame-Options: is longer than the 4000 characters that nginx takes; make it shorter",
            at="aaa",
        ),
    ),
    Case(
        "body that has no room",
        DEMO,
        "longest-body: 10",
        "longest-body: 1000",
        Line(
            "edge.longest-body: leaves room for fewer than 8 bodies side by side; write body-space: 8000Mi, or "
            "less here",
            at="longest-body",
        ),
    ),
    Case(
        "body-space that holds too little",
        DEMO,
        "longest-body: 10",
        "longest-body: 10\n  body-space: 70Mi",
        Line(
            "edge.longest-body: leaves room for fewer than 8 bodies side by side; write body-space: 80Mi, or less here",
            at="longest-body",
        ),
    ),
    Case(
        "preload for a single name",
        DEMO,
        "longest-body: 10",
        "longest-body: 10\n  hsts: {preload: true}",
        Line(
            "edge.hsts.preload: needs include-subdomains: true and a max-age of at least 8760h; the browsers' list "
            "takes nothing less",
            at="preload",
        ),
    ),
    Case(
        "preload for a short time",
        DEMO,
        "longest-body: 10",
        "longest-body: 10\n  hsts: {preload: true, include-subdomains: true, max-age: 24h}",
        Line(
            "edge.hsts.preload: needs include-subdomains: true and a max-age of at least 8760h; the browsers' list "
            "takes nothing less",
            at="preload",
        ),
    ),
    Case(
        "unknown draw",
        DEMO,
        "longest-body: 10",
        "longest-body: 10\n  draw: session",
        Line("edge.draw: must be client or visit", at="draw"),
    ),
    _route(
        "key of the other form",
        "path: /old, redirect: /new, strip: true",
        ".strip: is no known key; known: domain, exact, host, path, redirect",
    ),
    _route(
        "redirect for some",
        "path: /old, redirect: /new, allow: [10.0.0.0/8]",
        ".allow: is no known key; known: domain, exact, host, path, redirect",
    ),
    _route(
        "redirect under itself",
        "path: /old, redirect: /old/new",
        ".redirect: lies under the route's own path, so that it would never end; lead elsewhere",
    ),
    _route(
        "redirect to its own name",
        "host: www, redirect: www.main",
        ".redirect: is the route's own name, so that it would never end; lead elsewhere",
    ),
    _route(
        "redirect to a stranger",
        "host: www, redirect: example.com",
        ".redirect: names no domain of the stack: it is a domain's name there, or one under it; known: main, other",
    ),
    _route(
        "redirect to an address",
        "path: /x, redirect: 'https://example.net/'",
        ".redirect: is no place to send anybody to; write a path such as /new/, a domain of the stack such "
        "as main, or a name under one such as portal.main",
    ),
    Case(
        "only redirects",
        SHOP,
        ROUTE,
        "routes: [{host: www, redirect: main}]",
        Line(
            "services.shop.routes: lead elsewhere, all of them; write them beside the routes of a service that answers",
            at="routes:",
        ),
    ),
    Case(
        "one place in two spellings",
        SHOP,
        ROUTE,
        "routes: [{path: /}, {path: /api}, {path: /api/}]",
        Line("services.shop.routes.2: is the same as services.shop.routes.1; one route, one service", at="routes:"),
    ),
    _route(
        "path that nginx never sees",
        "path: /a//b",
        ".path: has //, /./ or /../, which nginx takes out of each request; write the path without them",
    ),
    _route(
        "nothing to strip",
        "path: /x, exact: true, strip: true",
        ".strip: would leave every request the path /; leave it out, or give the route another path",
    ),
    _route(
        "rate without its time",
        "path: /x, limit: {rate: '10'}",
        ".limit.rate: is no rate; write requests by second or minute, for example 10r/s or 30r/m",
    ),
    _route("nobody may", "path: /x, allow: []", ".allow: has too few entries; at least 1"),
    _route(
        "network with host bits",
        "path: /x, allow: [10.0.0.1/8]",
        ".allow.0: must be a network with its prefix and no host bits, for example 198.51.100.0/24 or 2001:db8::/32",
    ),
    _route(
        "unknown secret",
        "path: /x, basic-auth: admins",
        ".basic-auth: names a secret that the platform's `secrets` do not list; known: database-password, "
        "preview-token",
    ),
    _route("body without end", "path: /x, body: 0Ki", ".body: must be between 1Ki and 4Gi, for example 10Mi"),
    _route(
        "body that has no room beside others",
        "path: /x, body: 1Gi",
        ".body: leaves room for fewer than 8 bodies side by side; write body-space: 8Gi under edge, less "
        "here, or stream: true",
    ),
    _route(
        "timeout that a stopping task cannot keep",
        "path: /x, timeout: 2m",
        ".timeout: is longer than the service's longest-request, after which a task that stops is killed; "
        "raise that, or write at most 1m",
    ),
    _route(
        "grpc and more",
        "path: /x, grpc: true, strip: true",
        ".strip: is not for grpc, which is always streamed, by the paths of its own; leave one out",
    ),
    _route(
        "kept for all behind a password",
        "path: /x, cache: 1y, basic-auth: database-password",
        ".basic-auth: beside cache: what a CDN keeps it gives to everybody; leave one out",
    ),
    _route(
        "kept and streamed",
        "path: /x, cache: 1y, stream: true",
        ".stream: beside cache: nobody can keep what goes through piece by piece; leave one out",
    ),
    _route(
        "kept twice", "path: /x, cache: 1y, cacheable: true", ".cacheable: is what cache says already; leave one out"
    ),
    _route(
        "age in months",
        "path: /x, cache: 6 months",
        ".cache: is no duration; write a number with its unit, for example 30s, 1m30s or 500ms",
    ),
    _route(
        "all sites with logins",
        "path: /x, cors: {origins: ['*'], credentials: true}",
        ".cors.credentials: cannot be true where origins say * for all: browsers refuse that; name the sites",
    ),
    _route(
        "site that is no origin",
        "path: /x, cors: {origins: ['https://a.example/']}",
        ".cors.origins.0: is no origin; write https://app.example.com, a name of the stack such as main or "
        "portal.main, or * for all",
    ),
    _route(
        "header that nginx could not quote",
        "path: /x, headers: {X-A: 'a$b'}",
        '.headers.X-A: has a character that nginx cannot quote; leave out ", \\, $, line ends and accents',
    ),
)
