"""Stacks whose MariaDB has two members, and what these would say of themselves."""

from __future__ import annotations

from typing import Any

from colorway.spec.platform_spec import PlatformSpec
from tests.support.specs import demo_spec
from tests.support.stores import HOSTS

ORDERS = {
    "kind": "mariadb",
    "build": "mariadb",
    "members": 2,
    "promotion": "by-hand",
    "entry": {"build": "haproxy"},
    "database": "shop",
    "user": "seller",
    "password": "database-password",
    "limits": {"cpus": 1, "memory": "512Mi"},
}


def pair_spec(*, primary: str | None = None, **orders: Any) -> PlatformSpec:
    """Return the demo on six hosts with a MariaDB of two members, and what else is said of it."""
    stores = {} if primary is None else {"stores": {"orders": {"primary": primary}}}
    return demo_spec(
        settings={"hosts": list(HOSTS), "environment": "lab", **stores},
        overrides={"data-stores": {"orders": {**ORDERS, **orders}}},
        stack="lab",
    )


def backed_up_pair(*, kept: dict[str, Any] | None = None, **orders: Any) -> PlatformSpec:
    """Return the same, backed up into a private server's bucket and proven each day, and what commands keep of it."""
    place = {"kind": "s3", "endpoint": "s3.example.com:9000", "bucket": "acme-backups", "path-style": True}
    named = {"key": "backup-key", "secret": "backup-secret", "passphrase": "backup-passphrase"}
    backup = {"backup": {"repository": "offsite"}, "verify": {"newest": "select max(created_at) from events"}}
    stores = {} if kept is None else {"stores": {"orders": kept}}
    return demo_spec(
        settings={"hosts": list(HOSTS), "environment": "lab", **stores},
        overrides={
            "secrets": {name: {} for name in named.values()},
            "backups": {"offsite": {**place, **named}},
            "data-stores": {"orders": {**ORDERS, **backup, **orders}},
        },
        stack="lab",
    )


def says(
    *,
    writes: bool,
    position: str = "0-1-5",
    follows: bool = False,
    heard: str = "unknown",
    error: str = "",
    generation: int = 1,
) -> str:
    """Return what a member's script says of its state, as MariaDB 11.8 words it."""
    lines = [
        f"generation: {generation}",
        f"heard: {heard}",
        "*************************** 1. row ***************************",
        f"read_only: {int(not writes)}",
        f" position: {position}",
        "*************************** 1. row ***************************",
        f"waits_for_replica: {'ON' if writes else 'OFF'}",
    ]
    if not writes:
        lines += [
            "*************************** 1. row ***************************",
            f"             Slave_IO_Running: {'Yes' if follows else 'Connecting'}",
            "            Slave_SQL_Running: Yes",
            f"        Seconds_Behind_Master: {0 if follows else 'NULL'}",
            f"                Last_IO_Error: {error}",
            "               Last_SQL_Error: ",
        ]
    return "\n".join(lines) + "\n"
