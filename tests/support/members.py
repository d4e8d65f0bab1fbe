"""A PostgreSQL with two members in a lab: how they are, and what is in their tables."""

from __future__ import annotations

import json
from typing import Any

from tests.support.clone import Clone
from tests.support.labs import on_host
from tests.support.wait import wait_until

MEMBERS = ("app1", "db1", "db2", "mon1")
"""The fewest hosts of a lab that three managers and two members are on, and an application apart from them."""
LIMIT = 900
"""Seconds that anything may take on a busy machine."""


def with_two_members(clone: Clone) -> None:
    """Commit that PostgreSQL has a member on each of two hosts."""
    clone.edit(clone.stack_file.name, r"(name: db2,.*roles: \[manager)\]", r"\1, database]", subject="Have two")
    overrides = "  colorway:overrides: {data-stores: {postgres: {members: 2}}}\n  colorway:hosts:"
    clone.edit(clone.stack_file.name, r"^  colorway:hosts:$", overrides, subject="Have two members")


def container(clone: Clone, host: str, service: str) -> str:
    """Return the container of a service on a host."""
    label = f"label=com.docker.swarm.service.name={clone.stack}-{service}"
    found = on_host(clone, host, "docker", "ps", "-q", "-f", label).split()
    assert found, f"{service} has no task on {host}"
    return found[0]


def in_task(clone: Clone, host: str, service: str, text: str) -> str:
    """Return what a shell says in the container of a service on a host."""
    return on_host(clone, host, "docker", "exec", container(clone, host, service), "sh", "-c", text)


ENTER = r"""
member=$(pgrep -o -x "$1") || { echo "no $1 runs here"; exit 1; }
shift
exec nsenter -t "$member" -m -u -i -n -p -S "$(stat -c %u "/proc/$member")" -G "$(stat -c %g "/proc/$member")" \
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""
"""Runs a program in the container in which another one runs, as that one's user."""


def inside(clone: Clone, host: str, *words: str, beside: str = "patroni") -> str:
    """Return what a program says in the member on a host, whose container is known by what runs in it.

    Raises:
        AssertionError: it failed, or no such member runs there.
    """
    # Of a lab's work, most is questions; by `docker ps` and `docker exec` one takes six times as much of a processor.
    return on_host(clone, host, "sh", "-c", ENTER, "sh", beside, *words)


PSQL = r"""
port=$(ls -A /tmp/postgresql | sed -n 's/^\.s\.PGSQL\.\([0-9]*\)$/\1/p')
ask() { psql -h /tmp/postgresql -p "$port" -XAtqc "$1" -d "$2"; }
"""
"""Has a shell ask the member whose container it runs in."""


def sql(clone: Clone, host: str, statement: str, *, database: str = "demo") -> str:
    """Return what the member on a host answers."""
    return inside(clone, host, "sh", "-euc", f'{PSQL}ask "$@"', "sql", statement, database).strip()


API = r"""
api=$(sed -n '/^restapi:/,/connect_address/s/.*connect_address: *//p' /colorway-patroni.yml)
get='GET /cluster HTTP/1.0\r\n\r\n'
printf "$get" | timeout 5 openssl s_client -quiet -verify_quiet -connect "$api" 2>/dev/null || :
"""
"""Asks the API of the Patroni whose container it runs in for all of its members."""


def members(clone: Clone, host: str = "db1") -> dict[str, dict[str, Any]]:
    """Return what Patroni knows of the members, by host."""
    # Its own tool takes 0.7 s of a processor before it asks anybody, and half of a lab's waiting is asking.
    said = inside(clone, host, "sh", "-c", API)
    if said.startswith("HTTP/1.0 200 "):
        told = json.loads(said.splitlines()[-1])["members"]
        return {
            one["name"]: {
                "Role": one["role"].replace("_", " ").title(),
                "State": one["state"],
                "Host": f"{one['host']}:{one['port']}",
            }
            for one in told
        }
    listed = inside(clone, host, "patronictl", "-c", "/colorway-patroni.yml", "list", "-f", "json")
    # It warns of an etcd that does not answer before it.
    return {one["Member"]: one for line in listed.splitlines() if line.startswith("[{") for one in json.loads(line)}


def leader(clone: Clone, host: str = "db1") -> str | None:
    return next((name for name, one in members(clone, host).items() if one["Role"] == "Leader"), None)


def await_leader(clone: Clone, host: str) -> None:
    """Wait until the member on a host leads."""

    def instead() -> str:
        return f"{host} leads; Patroni there says {members(clone, host)}"

    wait_until(lambda: leader(clone, host) == host, limit=LIMIT, what=instead, every=1)


def well(clone: Clone, host: str = "db1") -> bool:
    """Return whether one leads and the other one is its synchronous standby."""
    try:
        found = members(clone, host)
    except AssertionError:
        # It may just begin anew.
        return False
    return sorted((one["Role"], one["State"]) for one in found.values()) == [
        ("Leader", "running"),
        ("Sync Standby", "streaming"),
    ]


def there(clone: Clone, host: str) -> set[str]:
    """Return the keys of all rows, asked of the member on a host."""
    return set(sql(clone, host, "SELECT id FROM writes").split())
