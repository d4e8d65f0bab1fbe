"""Mistakes in platform files, and what an operator reads about each."""

from __future__ import annotations

from tests.spec.mistakes import Case, Line
from tests.spec.project_files import DEMO, SHOP, SHOP_SERVICES

CASES = (
    Case(
        "api renamed",
        DEMO,
        "  api:\n",
        "  gateway:\n",
        Line(
            "migrations.service: is no service of this platform; known: gateway, scheduler, web, worker", at="service:"
        ),
    ),
    Case(
        "data store named like a color's service",
        DEMO,
        "  cache:\n",
        "  web-blue:\n",
        Line(
            "data-stores.web-blue: would be called web-blue in the swarm, as the service web is; rename one",
            at="web-blue",
        ),
    ),
    Case(
        "data store named prometheus",
        DEMO,
        "  cache:\n",
        "  prometheus:\n    slot: 1\n",
        Line(
            "data-stores.prometheus: would be called prometheus in the swarm, as Prometheus is; rename one",
            at="prometheus",
        ),
    ),
    Case(
        "service name too long",
        DEMO,
        "  api:\n",
        "  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:\n",
        Line(
            "services.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: has too many characters; at most 40",
            at="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
    ),
    Case(
        "http and https on one port",
        DEMO,
        "https-port: 8443",
        "https-port: 8080",
        Line("edge.https-port: is also the http-port; give each its own, for example 80 and 443", at="https-port"),
    ),
    Case(
        "Prometheus on the port of https",
        DEMO,
        "port: 9090",
        "port: 8443",
        Line(
            (
                "monitoring.port: is also edge.https-port; on a host with both roles only one can have it, "
                "so choose another"
            ),
            at="port: 8443",
            nth=2,
        ),
    ),
    Case(
        "misspelt key at the top",
        DEMO,
        "migrations:\n  service",
        "migration:\n  service",
        Line("migration: is no known key; did you mean migrations?", at="migration"),
    ),
    Case(
        "misspelt key in a service",
        DEMO,
        "ready-path",
        "redy-path",
        Line("services.web.redy-path: is no known key; did you mean ready-path?", at="redy-path"),
    ),
    Case(
        "key with an underscore",
        DEMO,
        "start-period",
        "start_period",
        Line("services.web.health.start_period: is no known key; did you mean start-period?", at="health"),
    ),
    Case(
        "misspelt key in limits",
        DEMO,
        "reserve-cpus",
        "reserved-cpus",
        Line("services.web.limits.reserved-cpus: is no known key; did you mean reserve-cpus?", at="limits"),
    ),
    Case(
        "misspelt key in edge",
        DEMO,
        "longest-body",
        "largest-body",
        Line("edge.largest-body: is no known key; did you mean longest-body?", at="largest"),
    ),
    Case(
        "misspelt key in monitoring",
        DEMO,
        "scrape-interval",
        "scrape-intervall",
        Line("monitoring.scrape-intervall: is no known key; did you mean scrape-interval?", at="scrape"),
    ),
    Case(
        "misspelt key in the gate",
        DEMO,
        "minimum-requests",
        "min-requests",
        Line("release.gate.min-requests: is no known key; did you mean minimum-requests?", at="gate: {window"),
    ),
    Case(
        "misspelt key in a stage",
        DEMO,
        "bake: 11m",
        "baking: 11m",
        Line("release.stages.0.bake: is missing: how long the stage is watched before the next", at="stages"),
        Line("release.stages.0.baking: is no known key; known: bake, percent", at="stages"),
    ),
    Case(
        "misspelt key in migrations",
        DEMO,
        "timeout: 2m\n",
        "time-out: 2m\n",
        Line("migrations.time-out: is no known key; did you mean timeout?", at="time-out"),
    ),
    Case(
        "misspelt key in a route",
        DEMO,
        "{path: /, host",
        "{pth: /, host",
        Line("services.api.routes.1.pth: is no known key; did you mean path?", at="routes: [{path: /api"),
    ),
    Case(
        "misspelt key in a smoke test",
        DEMO,
        "json-fields",
        "json-field",
        Line("release.smoke.0.json-field: is no known key; did you mean json-fields?", at="smoke:"),
    ),
    Case(
        "key like no other",
        DEMO,
        "ready-path: /readyz",
        "xyz: []",
        Line(
            (
                "services.web.xyz: is no known key; known: build, capabilities, command, config-files, entrypoint, "
                "env, extra-hosts, health, image, kind, limits, longest-request, networks, overlap, placement, port, "
                "ports, published, read-only, ready-path, replicas, restart, routes, schedule, secrets, shm-size, "
                "stop-signal, update, user, uses, volumes, working-dir"
            ),
            at="xyz",
        ),
    ),
    Case(
        "misspelt key in a data store",
        DEMO,
        "stop-grace",
        "stop-grase",
        Line("data-stores.postgres.stop-grase: is no known key; did you mean stop-grace?", at="stop-grase"),
    ),
    Case(
        "misspelt key in update",
        DEMO,
        "parallelism: 1",
        "paralelism: 1",
        Line("services.web.update.paralelism: is no known key; did you mean parallelism?", at="update"),
    ),
    Case(
        "misspelt key in a secret",
        DEMO,
        "{description: opens Redis}",
        "{descripton: opens Redis}",
        Line("secrets.redis-password.descripton: is no known key; did you mean description?", at="redis-password"),
    ),
    Case(
        "duration without unit",
        DEMO,
        "longest-request: 30s",
        "longest-request: 30",
        Line(
            (
                "services.web.longest-request: is no duration; write a number with its unit, for example "
                "30s, 1m30s or 500ms"
            ),
            at="longest",
        ),
    ),
    Case(
        "duration in words",
        DEMO,
        "longest-request: 30s",
        "longest-request: 30 seconds",
        Line(
            (
                "services.web.longest-request: is no duration; write a number with its unit, for example "
                "30s, 1m30s or 500ms"
            ),
            at="longest",
        ),
    ),
    Case(
        "duration of nothing",
        DEMO,
        "longest-request: 30s",
        "longest-request: 0s",
        Line("services.web.longest-request: must be longer than nothing, for example 30s", at="longest"),
    ),
    Case(
        "duration of a century",
        DEMO,
        "longest-request: 30s",
        "longest-request: 999999h",
        Line("services.web.longest-request: is longer than ten years; write for example 1h", at="longest"),
    ),
    Case(
        "memory in MB",
        DEMO,
        "192Mi",
        "192MB",
        Line("services.web.limits.memory: is no amount of memory; write for example 256Mi or 2Gi", at="limits"),
    ),
    Case(
        "memory without unit",
        DEMO,
        "192Mi",
        "192",
        Line("services.web.limits.memory: is no amount of memory; write for example 256Mi or 2Gi", at="limits"),
    ),
    Case(
        "memory below Docker's minimum",
        DEMO,
        "192Mi, reserve-cpus: 0.5, reserve-memory: 64Mi",
        "512Ki",
        Line(
            "services.web.limits.memory: is less than the 6Mi that Docker asks for; write for example 256Mi",
            at="limits",
        ),
    ),
    Case(
        "reservation above the limit",
        DEMO,
        "reserve-memory: 64Mi",
        "reserve-memory: 1Gi",
        Line(
            (
                "services.web.limits.reserve-memory: is more than the limit; a host would keep free what the "
                "task may never use"
            ),
            at="limits",
        ),
    ),
    Case(
        "no cpu",
        DEMO,
        "cpus: 2,",
        "cpus: 0,",
        Line("data-stores.postgres.limits.cpus: must be at least 0.01", at="limits: {cpus: 0,"),
    ),
    Case(
        "cpus in words",
        DEMO,
        "cpus: 2,",
        "cpus: two,",
        Line("data-stores.postgres.limits.cpus: must be a number, without quotes", at="limits: {cpus: two"),
    ),
    Case(
        "cpus not a number",
        DEMO,
        "cpus: 2,",
        "cpus: .nan,",
        Line("data-stores.postgres.limits.cpus: must be a number, without quotes", at="limits: {cpus: .nan"),
    ),
    Case(
        "cpus true",
        DEMO,
        "cpus: 2,",
        "cpus: true,",
        Line("data-stores.postgres.limits.cpus: must be a number, without quotes", at="limits: {cpus: true"),
    ),
    Case(
        "secret in plain in env",
        DEMO,
        "LOG_LEVEL: info",
        "MAIL_KEY: SG.hunter2hunter2hunter2",
        Line(
            (
                "services.web.env.MAIL_KEY: looks like a secret, and every `docker inspect` would show it; list it "
                "under `secrets` and hand the program its file, or write {value: …, plain: true} where it opens nothing"
            ),
            at="MAIL_KEY",
        ),
    ),
    Case(
        "password in a URL in env",
        DEMO,
        "LOG_LEVEL: info",
        "DATABASE_URL: postgres://app:hunter2@db/app",
        Line(
            (
                "services.web.env.DATABASE_URL: is a URL with a password in it, and every `docker inspect` "
                "would show it; list the password under `secrets` and hand the program its file, or write "
                "{value: …, plain: true} where it opens nothing"
            ),
            at="DATABASE",
        ),
    ),
    Case(
        "variable with a dash",
        DEMO,
        "LOG_LEVEL: info",
        "log-level: info",
        Line(
            "services.web.env.log-level: is no variable name; use letters, digits and _, for example LOG_LEVEL",
            at="log-level",
        ),
    ),
    Case(
        "variable with a word like plain",
        DEMO,
        "LOG_LEVEL: info",
        "LOG_LEVEL: {value: info, plan: true}",
        Line("services.web.env.LOG_LEVEL.plan: is no known key; did you mean plain?", at="LOG_LEVEL"),
    ),
    Case(
        "variable without its value",
        DEMO,
        "LOG_LEVEL: info",
        "LOG_LEVEL: {plain: true}",
        Line("services.web.env.LOG_LEVEL.value: is missing: the text; braces are braces", at="LOG_LEVEL"),
    ),
    Case(
        "template that Swarm does not know",
        DEMO,
        "LOG_LEVEL: info",
        'NAME: {value: "{{.Node.Name}}", template: true}',
        Line(
            (
                "services.web.env.NAME: has braces that Swarm cannot fill in; known: {{.Node.Hostname}}, {{.Node.ID}}, "
                "{{.Service.ID}}, {{.Service.Name}}, {{.Task.ID}}, {{.Task.Name}}, {{.Task.Slot}}"
            ),
            at="NAME:",
        ),
    ),
    Case(
        "variable with a fraction",
        DEMO,
        "GRACE_SECONDS: 30",
        "RATIO: 0.10",
        Line(
            "services.web.env.RATIO: is a number with a fraction and would lose its zeros; put it in quotes",
            at="RATIO:",
        ),
    ),
    Case(
        "variable that is a list",
        DEMO,
        "LOG_LEVEL: info",
        "LOG_LEVEL: [info]",
        Line("services.web.env.LOG_LEVEL: must be text; put numbers and dates in quotes", at="LOG_LEVEL"),
    ),
    Case(
        "entrypoint as one text",
        DEMO,
        "command: [python3, -m, demo, web]",
        "entrypoint: python3 -m demo",
        Line(
            "services.web.entrypoint: must be a list: [one, two], or one entry a line, each after a -", at="entrypoint"
        ),
    ),
    Case(
        "entrypoint of nothing",
        DEMO,
        "command: [python3, -m, demo, web]",
        'entrypoint: [""]',
        Line(
            "services.web.entrypoint: begins with an empty text, which is no program; write the program, or leave the "
            "key out",
            at="entrypoint",
        ),
    ),
    Case(
        "secret that is not listed",
        DEMO,
        "    secrets: [database-password]",
        "    secrets: [database-password, mail-key]",
        Line(
            (
                "services.web.secrets.1: names a secret that the platform's `secrets` do not list; known: "
                "database-password, preview-token, redis-password"
            ),
            at="secrets: [database",
        ),
    ),
    Case(
        "secret misspelt",
        DEMO,
        "password: redis-password",
        "password: redis-pasword",
        Line(
            (
                "data-stores.cache.password: names a secret that the platform's `secrets` do not list; did "
                "you mean redis-password?"
            ),
            at="password: redis",
        ),
    ),
    Case(
        "secret's file without the secret",
        DEMO,
        "    secrets: [database-password]\n",
        "",
        Line(
            (
                "services.web.env.DATABASE_PASSWORD_FILE: names a secret's file, and `secrets` of this "
                "service does not list that secret; add it"
            ),
            at="DATABASE",
        ),
    ),
    Case(
        "secret twice",
        DEMO,
        "    secrets: [database-password]",
        "    secrets: [database-password, database-password]",
        Line("services.web.secrets.1: is listed twice; leave one out", at="secrets: [database"),
    ),
    Case(
        "preview token not listed",
        DEMO,
        "  preview-token: {}\n",
        "",
        Line(
            (
                "edge.preview-token: names a secret that the platform's `secrets` do not list; known: "
                "database-password, redis-password"
            ),
            at="edge:",
        ),
    ),
    Case(
        "secret of maintenance not listed",
        DEMO,
        "edge:\n",
        "edge:\n  maintenance-secret: link\n",
        Line(
            (
                "edge.maintenance-secret: names a secret that the platform's `secrets` do not list; known: "
                "database-password, preview-token, redis-password"
            ),
            at="maintenance-secret:",
        ),
    ),
    Case(
        "secret of maintenance that is the preview token",
        DEMO,
        "edge:\n",
        "edge:\n  maintenance-secret: preview-token\n",
        Line(
            (
                "edge.maintenance-secret: is also the preview-token; whoever gets the link could choose colors, so "
                "give it its own"
            ),
            at="maintenance-secret:",
        ),
    ),
    Case(
        "page of maintenance that is not there",
        DEMO,
        "edge:\n",
        "edge:\n  maintenance-page: platforms/closed.html\n",
        Line(
            (
                "edge.maintenance-page: names a file that the project does not have; write its path below the "
                "project's folder"
            ),
            at="maintenance-page:",
        ),
    ),
    Case(
        "unpinned image",
        SHOP,
        f"nginx:1.30.6@sha256:{'2' * 64}",
        "nginx:1.30.6",
        Line(
            (
                "edge.image: is not pinned; a tag can move between two hosts, so write "
                "repository:tag@sha256:<64 hex digits>"
            ),
            at="image: registry.example.com/nginx",
        ),
    ),
    Case(
        "build folder and registry",
        SHOP,
        "    port: 8000",
        "    build: shop\n    port: 8000",
        Line("services.shop.build: is set, and the platform has `images: registry`; leave it out", at="build:"),
    ),
    Case(
        "no image and registry",
        SHOP,
        f"  image: registry.example.com/nginx:1.30.6@sha256:{'2' * 64}",
        "  http-port: 80",
        Line(
            (
                "edge.image: is missing, and the platform has `images: registry`; write "
                "repository:tag@sha256:<64 hex digits>"
            ),
            at="edge:",
        ),
    ),
    Case(
        "image and local",
        DEMO,
        "    build: redis",
        f"    build: redis\n    image: registry.example.com/redis:7@sha256:{'2' * 64}",
        Line("data-stores.cache.image: is set, and the platform has `images: local`; leave it out", at="image:"),
    ),
    Case(
        "no build folder and local",
        DEMO,
        "  mtail-build: mtail\n",
        "",
        Line(
            ("monitoring.mtail-build: is missing, and the platform has `images: local`; name a folder under images/"),
            at="monitoring",
        ),
    ),
    Case(
        "build folder missing",
        DEMO,
        "build: postgres",
        "build: postgress",
        Line(
            (
                "data-stores.postgres.build: names a folder that images/ does not have (with a Dockerfile); "
                "did you mean postgres?"
            ),
            at="build: postgress",
        ),
    ),
    Case(
        "unknown source of images",
        DEMO,
        "images: local",
        "images: docker",
        Line("images: must be local or registry", at="images"),
    ),
    Case(
        "scheduler with two replicas",
        DEMO,
        "    kind: scheduler",
        "    kind: scheduler\n    replicas: 2",
        Line(
            (
                "services.scheduler.replicas: must be 1 for a scheduler; with more, every job would be given "
                "out several times"
            ),
            at="replicas: 2",
            nth=2,
        ),
    ),
    Case(
        "no replicas",
        DEMO,
        "replicas: 2",
        "replicas: 0",
        Line("services.web.replicas: must be at least 1", at="replicas"),
    ),
    Case(
        "replicas in quotes",
        DEMO,
        "replicas: 2",
        'replicas: "2"',
        Line("services.web.replicas: must be a whole number, without quotes and without a fraction", at="replicas"),
    ),
    Case(
        "worker with routes",
        DEMO,
        "    kind: worker",
        "    kind: worker\n    routes: [{path: /jobs}]",
        Line(
            "services.worker.routes: belong to a worker; only web and shared services answer requests, so leave them "
            "out",
            at="routes: [{path: /jobs",
        ),
    ),
    Case(
        "web service without port",
        DEMO,
        "    port: 8000\n",
        "",
        Line(
            ("services.web: is a web service without a port, so nothing could reach it; add for example port: 8000"),
            at="web:",
        ),
    ),
    Case(
        "health path without port",
        DEMO,
        '{command: [CMD, "true"]}',
        "{path: /healthz}",
        Line(
            (
                "services.worker.health.path: has no port to be asked on; add the service's port, or give "
                "health a command"
            ),
            at="health: {path: /healthz}",
        ),
    ),
    Case(
        "unknown kind",
        DEMO,
        "kind: worker",
        "kind: crom",
        Line("services.worker.kind: must be web, worker, scheduler, cron or shared", at="kind: crom"),
    ),
    Case(
        "route twice",
        DEMO,
        "{path: /api/}",
        "{path: /}",
        Line(
            "services.api.routes.0: is the same as services.web.routes.0; one route, one service",
            at="routes: [{path: /},",
        ),
    ),
    Case(
        "no route at all",
        SHOP,
        "    routes: [{path: /}]\n",
        "",
        Line(
            (
                "services: no service has a route, so the load balancers would serve nothing; give one "
                "routes: [{path: /}]"
            ),
            at="services",
        ),
    ),
    Case(
        "route with nginx syntax",
        DEMO,
        "{path: /api/}",
        '{path: "/api/ { return 200; }"}',
        Line(
            (
                "services.api.routes.0.path: must be a path that begins with / and has only letters, digits "
                "and - . _ ~ /, for example /healthz"
            ),
            at='routes: [{path: "',
        ),
    ),
    Case(
        "path without slash",
        DEMO,
        "path: /alive",
        "path: alive",
        Line(
            (
                "services.api.health.path: must be a path that begins with / and has only letters, digits "
                "and - . _ ~ /, for example /healthz"
            ),
            at="health: {path: alive",
        ),
    ),
    Case(
        "health with path and command",
        DEMO,
        "{path: /alive}",
        '{path: /alive, command: [CMD, "true"]}',
        Line("services.api.health: has a path and a command; leave one of them out", at="health: {path: /alive"),
    ),
    Case(
        "health without path and command",
        DEMO,
        "{path: /alive}",
        "{interval: 2s}",
        Line(
            "services.api.health: has neither a path nor a command; write for example path: /healthz, or none: and why "
            "there is no check",
            at="health: {interval",
        ),
    ),
    Case(
        "start interval longer than the interval",
        DEMO,
        "{path: /alive}",
        "{path: /alive, interval: 2s, start-interval: 5s}",
        Line(
            "services.api.health.start-interval: is longer than the interval; a task is asked more often while it "
            "starts",
            at="start-interval",
        ),
    ),
    Case(
        "health command without CMD",
        DEMO,
        '[CMD, "true"]',
        '["true"]',
        Line(
            (
                'services.worker.health.command: must be [CMD, program, argument, …] or [CMD-SHELL, "one '
                'shell line"], as Docker has it'
            ),
            at="health: {command",
        ),
    ),
    Case(
        "health command that is text",
        DEMO,
        '[CMD, "true"]',
        '"true"',
        Line(
            "services.worker.health.command: must be a list: [one, two], or one entry a line, each after a -",
            at="health: {command",
        ),
    ),
    Case(
        "stages that do not grow",
        DEMO,
        "{percent: 50, bake: 6m}",
        "{percent: 10, bake: 6m}",
        Line(
            ("release.stages.1.percent: is not more than the stage above it; stages must grow, for example 10, 50"),
            at="stages",
        ),
    ),
    Case(
        "stage of 100",
        DEMO,
        "{percent: 50, bake: 6m}",
        "{percent: 100, bake: 6m}",
        Line("release.stages.1.percent: must be at most 99", at="stages"),
    ),
    Case(
        "error ratio over 1",
        DEMO,
        "error-ratio: 0.02",
        "error-ratio: 2",
        Line("release.gate.error-ratio: must be at most 1", at="gate: {window"),
    ),
    Case(
        "factor of 1",
        DEMO,
        "p95-factor: 1.6",
        "p95-factor: 1",
        Line("release.gate.p95-factor: must be more than 1", at="gate: {window"),
    ),
    Case(
        "infinite factor",
        DEMO,
        "p95-factor: 1.6",
        "p95-factor: .inf",
        Line("release.gate.p95-factor: must be a number, without quotes", at="gate: {window"),
    ),
    Case(
        "buckets out of order",
        DEMO,
        "[0.1, 0.25, 7]",
        "[0.25, 0.1, 7]",
        Line(
            "monitoring.buckets: must be above 0 and grow from one to the next, for example [0.1, 0.5, 1]", at="buckets"
        ),
    ),
    Case(
        "one bucket",
        DEMO,
        "[0.1, 0.25, 7]",
        "[0.25]",
        Line("monitoring.buckets: has too few entries; at least 2", at="buckets"),
    ),
    Case(
        "header with a quote",
        DEMO,
        "{X-Frame-Options: DENY}",
        "{X-Frame-Options: 'DE\"NY'}",
        Line(
            (
                'edge.headers.X-Frame-Options: has a character that nginx cannot quote; leave out ", \\, $, '
                "line ends and accents"
            ),
            at="headers",
        ),
    ),
    Case(
        "header name with a space",
        DEMO,
        "X-Frame-Options: DENY",
        '"X Frame": DENY',
        Line(
            ("edge.headers.X Frame: is no name of a header; use letters, digits and -, for example X-Frame-Options"),
            at="headers",
        ),
    ),
    Case(
        "header that nginx sends already",
        DEMO,
        "X-Frame-Options: DENY",
        "Strict-Transport-Security: max-age=1",
        Line(
            (
                "edge.headers.Strict-Transport-Security: is a header that the load balancers send "
                "themselves; leave it out"
            ),
            at="headers",
        ),
    ),
    Case(
        "header twice",
        DEMO,
        "X-Frame-Options: DENY",
        "X-Frame-Options: DENY, x-frame-options: DENY",
        Line(
            (
                "edge.headers.x-frame-options: is the same header as X-Frame-Options; capitals make no "
                "difference, so leave one out"
            ),
            at="headers",
        ),
    ),
    Case(
        "header that is a number",
        DEMO,
        "X-Frame-Options: DENY",
        "X-Frame-Options: 1",
        Line("edge.headers.X-Frame-Options: must be text; put numbers and dates in quotes", at="headers"),
    ),
    Case(
        "body with a unit",
        DEMO,
        "longest-body: 10",
        "longest-body: 10Mi",
        Line("edge.longest-body: must be a whole number, without quotes and without a fraction", at="longest-body"),
    ),
    Case(
        "network with host bits in real-ip-from",
        DEMO,
        "198.51.100.0/24",
        "198.51.100.1/24",
        Line(
            "edge.real-ip-from.0: must be a network with its prefix and no host bits, for example 198.51.100.0/24 "
            "or 2001:db8::/32",
            at="real-ip",
        ),
    ),
    Case(
        "migration service misspelt",
        DEMO,
        "service: api",
        "service: apii",
        Line("migrations.service: is no service of this platform; did you mean api?", at="service:"),
    ),
    Case(
        "empty migration command",
        DEMO,
        "command: [demo, migrate]",
        "command: []",
        Line("migrations.command: has too few entries; at least 1", at="command: []"),
    ),
    Case(
        "data store named like a service",
        DEMO,
        "  cache:",
        "  api:",
        Line("services.api: is also the name of a data store; one DNS name can only mean one of them", at="api:"),
    ),
    Case(
        "unknown data store",
        DEMO,
        "    secrets: [database-password]\n",
        "    secrets: [database-password]\n    uses: [cach]\n",
        Line("services.web.uses.0: is no data store of this platform; did you mean cache?", at="uses:"),
    ),
    Case(
        "data store like no other",
        DEMO,
        "    secrets: [database-password]\n",
        "    secrets: [database-password]\n    uses: [postgres, elastic]\n",
        Line("services.web.uses.1: is no data store of this platform; known: cache, postgres", at="uses:"),
    ),
    Case(
        "data store used twice",
        DEMO,
        "    secrets: [database-password]\n",
        "    secrets: [database-password]\n    uses: [cache, postgres, cache]\n",
        Line("services.web.uses.2: is listed twice; leave one out", at="uses:"),
    ),
    Case(
        "host of a data store that is not used",
        DEMO,
        "LOG_LEVEL: info",
        "REDIS_HOST: cache",
        Line(
            "services.web.env.REDIS_HOST: names the data store cache, and `uses` of this service does not list it; "
            "add it",
            at="REDIS_HOST",
        ),
    ),
    Case(
        "URL of a data store that is not used",
        DEMO,
        "LOG_LEVEL: info",
        "QUEUE: redis://default@cache:6379/0",
        Line(
            "services.web.env.QUEUE: names the data store cache, and `uses` of this service does not list it; add it",
            at="QUEUE",
        ),
    ),
    Case(
        "two data stores with one slot",
        DEMO,
        "  cache:\n",
        "  cache:\n    slot: 7\n",
        Line(
            "data-stores.cache: would have the addresses of data-stores.postgres; give the newer of the two a slot of "
            "its own, for example slot: 0",
            at="cache:",
        ),
    ),
    Case(
        "slot that no range has",
        DEMO,
        "  cache:\n",
        "  cache:\n    slot: 26\n",
        Line("data-stores.cache.slot: must be less than 26", at="slot:"),
    ),
    Case(
        "PostgreSQL without user",
        DEMO,
        "    user: owner\n",
        "",
        Line(
            "data-stores.postgres.user: is missing: user that owns the database",
            at="postgres",
        ),
    ),
    Case(
        "PostgreSQL with its superuser",
        DEMO,
        "user: owner",
        "user: postgres",
        Line(
            (
                "data-stores.postgres.user: is PostgreSQL's own superuser; name a user of the application, "
                "for example app"
            ),
            at="user: postgres",
        ),
    ),
    Case(
        "PostgreSQL with its own database",
        DEMO,
        "database: app",
        "database: template1",
        Line(
            ("data-stores.postgres.database: is one of PostgreSQL's own; name one of the application, for example app"),
            at="database:",
        ),
    ),
    Case(
        "database name with a dash",
        DEMO,
        "database: app",
        "database: my-app",
        Line(
            "data-stores.postgres.database: is no SQL name; use small letters, digits and _, for example app",
            at="database:",
        ),
    ),
    Case(
        "Redis with a database",
        DEMO,
        "    kind: redis",
        "    kind: redis\n    database: app",
        Line(
            (
                "data-stores.cache.database: is no known key; known: backup, build, entry, image, kind, limits, "
                "members, password, slot, stop-grace, use, verify"
            ),
            at="database: app",
            nth=2,
        ),
    ),
    Case(
        "a misspelt key of Redis beside one of PostgreSQL's",
        DEMO,
        "    limits: {cpus: 1, memory: 100Mi}",
        "    usr: app\n    limit: {cpus: 1, memory: 100Mi}",
        Line(
            "data-stores.cache.usr: is no known key; known: backup, build, entry, image, kind, limits, members, "
            "password, slot, stop-grace, use, verify",
            at="usr:",
        ),
        Line("data-stores.cache.limit: is no known key; did you mean limits?", at="limit:"),
    ),
    Case(
        "a mistake below a key of one kind",
        DEMO,
        "{cpus: 2, memory: 512Mi}",
        "{cpus: 2, memroy: 512Mi}",
        Line("data-stores.postgres.limits.memroy: is no known key; did you mean memory?", at="memroy"),
    ),
    Case(
        "data store without kind",
        DEMO,
        "    kind: redis\n",
        "",
        Line("data-stores.cache.kind: is missing: it says which other keys there are", at="cache:"),
    ),
    Case(
        "data store with a misspelt kind",
        DEMO,
        "    kind: redis\n",
        "    knid: redis\n",
        Line("data-stores.cache.knid: is no known key; did you mean kind?", at="knid"),
    ),
    Case(
        "data store that is no mapping",
        SHOP,
        "data-stores:\n",
        "data-stores:\n  cache: redis\n",
        Line("data-stores.cache: must be a mapping: keys, each with a value", at="cache: redis"),
    ),
    Case(
        "unknown kind of data store",
        DEMO,
        "kind: redis",
        "kind: mysql",
        Line("data-stores.cache.kind: must be postgresql, mariadb, redis, valkey or custom", at="kind: mysql"),
    ),
    Case(
        "no services",
        SHOP,
        SHOP_SERVICES,
        "services: {}\n",
        Line("services: has too few entries; at least 1", at="services"),
    ),
)
