"""Stacks whose PostgreSQL has two members, or whose Redis has three, and what its members would say."""

from __future__ import annotations

import json
from typing import Any

from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.tasks import TaskState
from tests.support.specs import HOST_KEY, demo_spec

ROLES = {
    "lb1": ["load-balancer"],
    "app1": ["web"],
    "app2": ["web"],
    "db1": ["manager", "database"],
    "db2": ["manager", "database"],
    "mon1": ["manager", "monitoring"],
}
HOSTS = tuple(
    {"name": name, "address": f"10.0.0.{number}", "roles": roles, "host-key": HOST_KEY}
    for number, (name, roles) in enumerate(ROLES.items(), start=11)
)

OPENERS = {"key": "backup-key", "secret": "backup-secret", "passphrase": "backup-passphrase"}
"""Secrets that open a repository."""


def replicated_spec(**postgres: Any) -> PlatformSpec:
    """Return the demo on six hosts; its PostgreSQL has two members, and what else is said of it."""
    return demo_spec(
        settings={"hosts": list(HOSTS), "environment": "lab"},
        overrides={"data-stores": {"postgres": {"members": 2, **postgres}}},
        stack="lab",
    )


def queue_spec(**stores: Any) -> PlatformSpec:
    """Return the demo on six hosts; its Redis has three members, and what else is said of data stores."""
    return demo_spec(
        settings={"hosts": list(HOSTS), "environment": "lab"},
        overrides={"data-stores": {"redis": {"members": 3}, **stores}},
        stack="lab",
    )


def backed_up_queue(**redis: Any) -> PlatformSpec:
    """Return the same, its Redis backed up into a private server's bucket and proven each day."""
    place = {"kind": "s3", "endpoint": "s3.example.com:9000", "bucket": "acme-backups", "path-style": True, **OPENERS}
    store = {"members": 3, "backup": {"repository": "offsite"}, "verify": {"every": "24h"}, **redis}
    return demo_spec(
        settings={"hosts": list(HOSTS), "environment": "lab"},
        overrides={
            "secrets": {name: {} for name in OPENERS.values()},
            "backups": {"offsite": place},
            "data-stores": {"redis": store},
        },
        stack="lab",
    )


def backed_up_spec(*, kept: dict[str, Any] | None = None, **postgres: Any) -> PlatformSpec:
    """Return the same, backed up and proven each day; `kept` is what commands keep of it."""
    place = {"kind": "s3", "endpoint": "s3.example.com", "bucket": "acme-backups", **OPENERS}
    store = {
        "members": 2,
        "backup": {"repository": "offsite"},
        "verify": {"newest": "select max(created_at) from events"},
        **postgres,
    }
    return demo_spec(
        settings={"hosts": list(HOSTS), "environment": "lab", **({"stores": {"postgres": kept}} if kept else {})},
        overrides={
            "secrets": {name: {} for name in OPENERS.values()},
            "backups": {"offsite": place},
            "data-stores": {"postgres": store},
        },
        stack="lab",
    )


def task(service: str, state: str, *, desired: str = "running", **more: Any) -> TaskState:
    """Return what the swarm says of a task."""
    said = {"message": "", "error": "", "container": "c1", "exit_code": None, "since": "2026-11-28 14:00", **more}
    return TaskState(id="t1", service=service, state=state, desired=desired, **said)


def running(*services: str) -> list[TaskState]:
    """Return what the swarm says of the one task of each service, which runs."""
    return [task(service, "running") for service in services]


def listed(*members: tuple[str, str, str], scope: str = "postgres") -> str:
    """Return what Patroni lists: of each member its host, role and state."""
    return json.dumps(
        [
            {"Cluster": scope, "Member": host, "Role": role, "State": state, "TL": 1}
            | ({} if role == "Leader" else {"Receive Lag": 0})
            for host, role, state in members
        ]
    )
