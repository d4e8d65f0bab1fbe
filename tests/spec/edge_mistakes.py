"""Mistakes around names, routes and the load balancers: what nginx would refuse is refused before."""

from __future__ import annotations

from tests.spec.mistakes import Case, Line
from tests.spec.project_files import DEMO, LIVE, LOCAL, SHOP

ROUTE = "routes: [{path: /}]"
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
)
