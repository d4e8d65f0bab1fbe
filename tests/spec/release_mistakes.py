"""Mistakes in release manifests, and what an operator reads about each."""

from __future__ import annotations

from tests.spec.mistakes import Case, Line
from tests.spec.project_files import DEMO_1, DEMO_2, SHOP_1

CASES = (
    Case(
        "unknown service in manifest",
        SHOP_1,
        "  mailer:",
        "  maler:",
        Line("images.maler: is no service of this version; did you mean mailer?", at="maler:"),
    ),
    Case(
        "far service in manifest",
        SHOP_1,
        "  mailer:",
        "  zzz:",
        Line(
            (
                "images: has no image for mailer; a version is one image per service, and one that is new in a version "
                "belongs under its `services`"
            ),
            at="images",
        ),
        Line("images.zzz: is no service of this version; known: mailer, shop", at="zzz: registry"),
    ),
    Case(
        "a version that leaves out a variable that is not there",
        DEMO_1,
        "flags:",
        "services: {web: {env: {LOG_LEVLE: null}}}\nflags:",
        Line(
            "services.web.env.LOG_LEVLE: is null, which leaves out a variable that a layer below has, and none has it; "
            'an empty text is ""',
            at="services:",
        ),
    ),
    Case(
        "a version that leaves out what is not there",
        DEMO_1,
        "flags:",
        "services: {schedular: null}\nflags:",
        Line(
            "services.schedular: is no service of the platform file, so null says nothing; did you mean scheduler?",
            at="services:",
        ),
    ),
    Case(
        "a version with a misspelt key",
        DEMO_1,
        "flags:",
        "services: {web: {replica: 3}}\nflags:",
        Line("services.web.replica: is no known key; did you mean replicas?", at="services:"),
    ),
    Case(
        "a version whose new service is half",
        DEMO_1,
        "flags:",
        "services: {search: {port: 9200}}\nflags:",
        Line("services.search.health: is missing: how the swarm learns that a task is well", at="services:"),
        Line("services.search.limits: is missing: the most that one task may use", at="services:"),
    ),
    Case(
        "a version that leaves out what migrates",
        DEMO_1,
        "flags:",
        "services: {api: null}\nflags:",
        Line("with these, migrations.service is no service of this platform; known: scheduler, web, worker"),
    ),
    Case(
        "a version whose migrations another service brings, misspelt",
        DEMO_1,
        "flags:",
        "migration-service: wep\nflags:",
        Line(
            "migration-service: is no service of this platform; known: api, scheduler, web, worker",
            at="migration-service:",
        ),
    ),
    Case(
        "a service that applies migrations, and no command that does",
        SHOP_1,
        "images:",
        "migration-service: shop\nimages:",
        Line(
            "migration-service: is named, and the platform has no migration command; add `migrations` to the platform "
            "file, or leave this out",
            at="migration-service:",
        ),
    ),
    Case(
        "a version whose services are a list",
        DEMO_1,
        "flags:",
        "services: [web]\nflags:",
        Line("services: must be a mapping: keys, each with a value", at="services:"),
    ),
    Case(
        "unpinned in manifest",
        SHOP_1,
        f"shop:1.9.0@sha256:{'5' * 64}",
        "shop:1.9.0",
        Line(
            (
                "images.shop: is not pinned; a tag can move between two hosts, so write "
                "repository:tag@sha256:<64 hex digits>"
            ),
            at="shop: registry",
        ),
    ),
    Case(
        "images in local manifest",
        DEMO_1,
        "flags:",
        f"images: {{web: registry.example.com/web:1@sha256:{'5' * 64}}}\nflags:",
        Line("images: are listed, and the platform builds its own; leave images out", at="images"),
    ),
    Case(
        "migrations out of order",
        DEMO_2,
        "0002-orders",
        "0000-orders",
        Line(
            "migrations.1.id: does not come after the one above it; list migrations oldest first, each once",
            at="- {id: 0000",
        ),
    ),
    Case(
        "migrations twice",
        DEMO_2,
        "0002-orders",
        "0001-initial",
        Line(
            "migrations.1.id: does not come after the one above it; list migrations oldest first, each once",
            at="- {id: 0001-initial, backward-compatible: false",
        ),
    ),
    Case(
        "migration id",
        DEMO_2,
        "0002-orders",
        "add_orders",
        Line(
            (
                "migrations.1.id: must be four digits, - and a name in small letters, digits and -, for "
                "example 0001-initial"
            ),
            at="- {id: add",
        ),
    ),
    Case(
        "a migration that would overtake one that waits",
        DEMO_2,
        "  - {id: 0002-orders, backward-compatible: false}",
        "  - {id: 0002-orders, backward-compatible: false}\n  - {id: 0003-more, backward-compatible: true}",
        Line(
            "migrations.2.id: comes after 0002-orders, which waits until the other color is off; leave this one to the "
            "next version",
            at="- {id: 0003-more",
        ),
    ),
    Case(
        "misspelt key in a migration",
        DEMO_2,
        "0002-orders, backward-compatible",
        "0002-orders, backwards-compatible",
        Line("migrations.1.backwards-compatible: is no known key; did you mean backward-compatible?", at="- {id: 0002"),
    ),
    Case(
        "migration that is maybe compatible",
        DEMO_2,
        "compatible: false",
        "compatible: maybe",
        Line("migrations.1.backward-compatible: must be true or false", at="- {id: 0002"),
    ),
    Case(
        "migrations without command",
        SHOP_1,
        "images:",
        "migrations: [{id: 0001-initial, backward-compatible: true}]\nimages:",
        Line(
            (
                "migrations: are listed, and the platform has no migration command; add `migrations` to the "
                "platform file"
            ),
            at="migrations",
        ),
    ),
    Case(
        "flag secret",
        DEMO_1,
        "NEW_CART: false",
        "API_KEY: AKIAABCD1234ABCD1234",
        Line(
            (
                "flags.API_KEY: looks like a secret, and every `docker inspect` would show it; list it under "
                "`secrets` and hand the program its file, or write {value: …, plain: true} where it opens nothing"
            ),
            at="flags:",
        ),
    ),
    Case(
        "flag with colorway's prefix",
        DEMO_1,
        "NEW_CART: false",
        "COLORWAY_COLOR: blue",
        Line(
            "flags.COLORWAY_COLOR: is set by colorway itself; choose a name that does not begin with COLORWAY_",
            at="flags:",
        ),
    ),
    Case(
        "misspelt key in a manifest",
        DEMO_1,
        "migrations:",
        "migration:",
        Line("migration: is no known key; did you mean migrations?", at="migration"),
    ),
)
