"""Specs for tests: a small platform of the tests' own, and the demo platform with changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from colorway.config import stack_files
from colorway.config.documents import Document, parse_document, read_document
from colorway.spec.platform_spec import PlatformSpec

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder."""
ZONE = "0123456789abcdef0123456789abcdef"
"""A Cloudflare zone."""
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
VERSIONS = {"blue": "1.0.0", "green": "2.0.0"}
THIS_MACHINE = (
    {
        "name": "localhost",
        "address": "127.0.0.1",
        "roles": ["manager", "web", "database", "load-balancer", "monitoring"],
    },
)
"""One host with every role."""
REMOTE_HOSTS = (
    {"name": "lb1", "address": "10.0.0.11", "roles": ["load-balancer"], "host-key": HOST_KEY},
    {"name": "lb2", "address": "10.0.0.12", "roles": ["load-balancer"], "host-key": HOST_KEY, "ssh-port": 2222},
    {
        "name": "app1",
        "address": "10.0.0.21",
        "roles": ["manager", "web", "database", "monitoring"],
        "host-key": HOST_KEY,
        "user": "deploy",
    },
)
"""Two load balancers, and one host with the other roles."""
PUBLIC_HOSTS = (
    {**REMOTE_HOSTS[0], "public-address": "203.0.113.11", "public-ipv6": "2001:db8::11"},
    {**REMOTE_HOSTS[1], "public-address": "203.0.113.12"},
    REMOTE_HOSTS[2],
)
"""The same, and what their names lead to."""


def pinned(name: str, version: str = "1") -> str:
    """Return an image reference with a digest that is different for each name and version."""
    return f"registry.example.com/{name}:{version}@sha256:{hashlib.sha256(f'{name}:{version}'.encode()).hexdigest()}"


SMALL_PLATFORM = f"""
images: registry
secrets: {{database-password: {{}}, cache-password: {{}}, preview-token: {{}}}}
services:
  shop:
    port: 8000
    replicas: 3
    routes: [{{path: /}}, {{path: /static/, cacheable: true}}]
    health: {{path: /healthz, interval: 2s, retries: 4, start-period: 20s}}
    longest-request: 30s
    limits: {{cpus: 1, memory: 128Mi}}
    env: {{LOG_LEVEL: info}}
    secrets: [database-password]
  api:
    port: 9000
    replicas: 2
    routes: [{{path: /api/}}, {{path: /, host: portal}}]
    health: {{path: /healthz}}
    longest-request: 40s
    limits: {{cpus: 0.5, memory: 64Mi, reserve-memory: 32Mi}}
  worker:
    kind: worker
    replicas: 2
    health: {{command: [CMD, "true"]}}
    longest-request: 90s
    limits: {{cpus: 1, memory: 64Mi}}
  scheduler:
    kind: scheduler
    health: {{command: [CMD, "true"]}}
    longest-request: 5s
    limits: {{cpus: 1, memory: 64Mi}}
data-stores:
  postgres:
    kind: postgresql
    image: {pinned("postgres")}
    database: app
    user: app
    password: database-password
    limits: {{cpus: 1, memory: 256Mi}}
  redis:
    kind: redis
    image: {pinned("redis")}
    password: cache-password
    limits: {{cpus: 1, memory: 64Mi}}
migrations: {{service: api, command: [migrate, --to]}}
edge:
  image: {pinned("nginx")}
  headers: {{X-Frame-Options: DENY}}
  real-ip-from: [198.51.100.0/24]
monitoring:
  image: {pinned("prometheus")}
  mtail-image: {pinned("mtail")}
"""
"""Two web services (one of them also under its own host name), a worker, a scheduler, two stores."""


MAIL = {
    "kind": "shared",
    "image": pinned("mail"),
    "port": 8025,
    "routes": [{"path": "/mail/"}],
    "health": {"path": "/livez"},
    "uses": ["redis"],
    "secrets": ["cache-password"],
    "longest-request": "50s",
    "limits": {"cpus": 0.5, "memory": "64Mi"},
}
"""A service that both colors share, for that platform."""
SERVICES = ("shop", "api", "worker", "scheduler")
"""Services of that platform."""


def traffic_line(shares: str, *, active: str | None = None) -> dict[str, Any]:
    """Return the traffic line for `blue:green` in percent; active is the color that has more, unless it is given."""
    blue, green = (int(share) for share in shares.split(":"))
    return {"blue": blue, "green": green, "active": active or ("blue" if blue >= green else "green")}


def small_spec(
    *,
    traffic: str = "100:0",
    active: str | None = None,
    versions: Mapping[str, str | None] = VERSIONS,
    hosts: Sequence[Mapping[str, Any]] = THIS_MACHINE,
    settings: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    flags: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
    services: Mapping[str, Mapping[str, Any]] | None = None,
    images: Mapping[str, Sequence[str]] | None = None,
    migrations: Mapping[str, Mapping[str, bool]] | None = None,
    stack: str = "test",
) -> PlatformSpec:
    """Return a stack of the tests' own platform.

    Args:
        traffic: Shares of blue and green, `90:10`.
        active: Owner of workers, schedulers and crons; none = the color that has more.
        versions: Version of each color; a release is made up for each.
        hosts: The stack's machines.
        settings: More keys under `colorway:`.
        overrides: Changes to the platform file.
        flags: Environment that each release gets.
        files: Files of the project that services name.
        services: What the manifests of some versions say of their services.
        images: Services that some versions have images for; others have the platform's.
        migrations: What some versions bring beside the first one, and whether it is backward compatible.
        stack: Name of the stack.
    """
    platform = _small_platform()
    releases = {
        version: Document(
            name=f"releases/small/{version}.yaml",
            data={
                "images": {name: pinned(name, version) for name in (images or {}).get(version, SERVICES)},
                "migrations": [
                    {"id": one, "backward-compatible": is_compatible}
                    for one, is_compatible in {"0001-initial": True, **(migrations or {}).get(version, {})}.items()
                ],
                "flags": dict(flags or {}),
                "services": dict((services or {}).get(version, {})),
            },
        )
        for version in versions.values()
        if version
    }
    wanted = {
        "environment": "local" if hosts is THIS_MACHINE else "lab",
        "platform": "small",
        "domains": {"main": "example.com"},
        "versions": dict(versions),
        "traffic": traffic_line(traffic, active=active),
        "hosts": [dict(host) for host in hosts],
        "overrides": overrides or {},
        **(settings or {}),
    }
    return stack_files.parse(
        stack=stack,
        settings=_document(stack, wanted),
        platform=platform,
        releases=releases,
        build_digests={},
        files=files,
    )


def demo_spec(
    *,
    traffic: str = "100:0",
    active: str | None = None,
    versions: Mapping[str, str | None] = VERSIONS,
    settings: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    stack: str = "local",
) -> PlatformSpec:
    """Return a stack of the demo platform on this machine; see `small_spec`."""
    platform = _read("platforms/demo.yaml")
    releases = {version: _read(stack_files.release_file("demo", version)) for version in versions.values() if version}
    folders = {path.parent.name for path in ROOT.glob("images/*/Dockerfile")}
    wanted = {
        "environment": "local",
        "platform": "demo",
        "domains": {"main": "example.com"},
        "versions": dict(versions),
        "traffic": traffic_line(traffic, active=active),
        "hosts": list(THIS_MACHINE),
        "overrides": overrides or {},
        **(settings or {}),
    }
    return stack_files.parse(
        stack=stack,
        settings=_document(stack, wanted),
        platform=platform,
        releases=releases,
        build_digests={folder: hashlib.sha256(folder.encode()).hexdigest()[:12] for folder in folders},
    )


@cache
def _small_platform() -> Document:
    platform, problems = parse_document(SMALL_PLATFORM, name="platforms/small.yaml")
    assert not problems, problems
    return platform


@cache
def _read(name: str) -> Document:
    document, problems = read_document(ROOT / name, name=name)
    assert not problems, problems
    return document


def _document(stack: str, data: Mapping[str, Any]) -> Document:
    return Document(name=stack_files.stack_file(stack), data=data, prefix=stack_files.NAMESPACE)
