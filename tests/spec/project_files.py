"""A small project on disk, with one stack on this machine and one on hosts, to be spoiled by tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from colorway.config.stack_files import ConfigError, from_file

LOCAL = "Pulumi.local.yaml"
DEMO = "platforms/demo.yaml"
DEMO_1 = "releases/demo/1.0.0.yaml"
DEMO_2 = "releases/demo/2.0.0.yaml"
LIVE = "Pulumi.live.yaml"
SHOP = "platforms/shop.yaml"
SHOP_1 = "releases/shop/1.9.0.yaml"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
FOLDERS = ("demo", "postgres", "redis", "nginx", "prometheus", "mtail")

FILES: Mapping[str, str] = {
    LOCAL: """\
encryptionsalt: v1:abc=:v1:def:ghi==
config:
  colorway:environment: local
  colorway:platform: demo
  colorway:domains: {main: demo.example.com}
  colorway:versions: {blue: "1.0.0", green: "2.0.0"}
  colorway:traffic: {blue: 100, green: 0, active: blue}
  colorway:hosts:
    - name: localhost
      address: 127.0.0.1
      roles: [manager, web, database, load-balancer, monitoring]
  colorway:network: {range: 10.90.0.0/16}
  colorway:overrides: {release: {hot: 5m}}
  colorway:release: {apply: here}
""",
    DEMO: """\
images: local
secrets:
  database-password: {description: opens PostgreSQL}
  redis-password: {description: opens Redis}
  preview-token: {}
services:
  web:
    build: demo
    command: [python3, -m, demo, web]
    port: 8000
    replicas: 2
    routes: [{path: /}]
    health: {path: /healthz, interval: 2s, timeout: 2s, retries: 3, start-period: 20s}
    ready-path: /readyz
    longest-request: 30s
    limits: {cpus: 1, memory: 192Mi, reserve-cpus: 0.5, reserve-memory: 64Mi}
    update: {monitor: 2s, parallelism: 1}
    restart: {delay: 3s}
    env:
      LOG_LEVEL: info
      GRACE_SECONDS: 30
      DATABASE_PASSWORD_FILE: /run/secrets/database-password
    secrets: [database-password]
  api:
    build: demo
    port: 8001
    routes: [{path: /api/}, {path: /, host: portal}]
    health: {path: /alive}
    limits: {cpus: 0.5, memory: 128Mi}
  worker:
    kind: worker
    build: demo
    health: {command: [CMD, "true"]}
    limits: {cpus: 1, memory: 96Mi}
  scheduler:
    kind: scheduler
    build: demo
    health: {command: [CMD-SHELL, "test -e /tmp/alive"]}
    limits: {cpus: 1, memory: 80Mi}
data-stores:
  postgres:
    kind: postgresql
    build: postgres
    database: app
    user: owner
    password: database-password
    limits: {cpus: 2, memory: 512Mi}
    stop-grace: 40s
  cache:
    kind: redis
    build: redis
    password: redis-password
    limits: {cpus: 1, memory: 100Mi}
migrations:
  service: api
  command: [demo, migrate]
  timeout: 2m
edge:
  build: nginx
  http-port: 8080
  https-port: 8443
  longest-body: 10
  headers: {X-Frame-Options: DENY}
  real-ip-from: [198.51.100.0/24]
monitoring:
  build: prometheus
  mtail-build: mtail
  port: 9090
  scrape-interval: 4s
  buckets: [0.1, 0.25, 7]
release:
  stages: [{percent: 10, bake: 11m}, {percent: 50, bake: 6m}]
  hot: 60m
  gate: {window: 31s, minimum-requests: 60, error-ratio: 0.02, p95: 450ms, p95-factor: 1.6}
  smoke: [{path: /whoami, status: 201, json-fields: {version: "{version}"}}]
""",
    DEMO_1: """\
migrations:
  - {id: 0001-initial, backward-compatible: true}
flags: {NEW_CART: false}
""",
    DEMO_2: """\
migrations:
  - {id: 0001-initial, backward-compatible: true}
  - {id: 0002-orders, backward-compatible: false}
""",
    LIVE: f"""\
encryptionsalt: v1:abc=:v1:def:ghi==
config:
  colorway:environment: production
  colorway:platform: shop
  colorway:domains: {{main: shop.example.com, other: shop.example.org}}
  colorway:zones: {{main: 0123456789abcdef0123456789abcdef}}
  colorway:versions: {{blue: "1.9.0", green: null}}
  colorway:traffic: {{blue: 100, green: 0, active: blue}}
  colorway:hosts:
    - name: lb1
      address: 10.0.0.11
      public-address: 203.0.113.11
      roles: [load-balancer]
      host-key: {KEY}
    - name: app1
      address: 10.0.0.21
      roles: [manager, web, database, monitoring]
      host-key: {KEY}
      user: deploy
      ssh-port: 2222
  colorway:registries: {{registry.example.com: {{user: deploy, password: registry-password}}}}
  secrets:database-password:
    secure: v1:AAAA:BBBB
  secrets:preview-token:
    secure: v1:CCCC:DDDD
  secrets:registry-password:
    secure: v1:EEEE:FFFF
""",
    SHOP: f"""\
images: registry
secrets: {{database-password: {{}}, preview-token: {{}}}}
services:
  shop:
    port: 8000
    routes: [{{path: /}}]
    health: {{path: /healthz}}
    limits: {{cpus: 1, memory: 128Mi}}
  mailer:
    kind: worker
    health: {{command: [CMD, "true"]}}
    limits: {{cpus: 1, memory: 64Mi}}
data-stores:
  postgres:
    kind: postgresql
    image: registry.example.com/postgres:17@sha256:{"1" * 64}
    database: shop
    user: shop
    password: database-password
    limits: {{cpus: 1, memory: 256Mi}}
edge:
  image: registry.example.com/nginx:1.30.6@sha256:{"2" * 64}
monitoring:
  image: registry.example.com/prometheus:3@sha256:{"3" * 64}
  mtail-image: registry.example.com/mtail:3@sha256:{"4" * 64}
""",
    SHOP_1: f"""\
images:
  shop: registry.example.com/shop:1.9.0@sha256:{"5" * 64}
  mailer: registry.example.com/mailer:1.9.0@sha256:{"6" * 64}
""",
}
"""Every file of the project; valid."""

LOCAL_CONFIG = FILES[LOCAL][FILES[LOCAL].index("config:") :]
LOCAL_HOSTS = FILES[LOCAL][FILES[LOCAL].index("colorway:hosts:") : FILES[LOCAL].index("\n  colorway:network")]
SHOP_SERVICES = FILES[SHOP][FILES[SHOP].index("services:") : FILES[SHOP].index("data-stores:")]

STACKS = {LOCAL: "local", DEMO: "local", DEMO_1: "local", DEMO_2: "local", LIVE: "live", SHOP: "live", SHOP_1: "live"}
"""The stack that reads each file."""


def write_project(root: Path, changed: Mapping[str, str | bytes | None] | None = None) -> Path:
    """Write the project; a file whose text is None is left out."""
    for name, content in {**FILES, **(changed or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif content is not None:
            path.write_bytes(content)
    for folder in FOLDERS:
        image = root / "images" / folder
        image.mkdir(parents=True, exist_ok=True)
        (image / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    return root


def said(root: Path, stack: str) -> list[str]:
    """Return the lines that an operator sees; none for a stack that is accepted."""
    try:
        from_file(root=root, stack=stack)
    except ConfigError as error:
        return str(error).splitlines()
    return []
