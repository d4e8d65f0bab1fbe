"""A PostgreSQL with two members in the lab: its leader moves, its leader's host is lost, and nothing else is."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.clone import Clone
from tests.support.labs import bare, lab, says, with_one_color
from tests.support.wait import wait_until
from tests.support.writes import writing

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup")]
HOSTS = ("lb1", "app1", "db1", "db2", "mon1")
LIMIT = 900
"""Seconds that anything may take on a busy machine."""
FAILOVER = 30
"""Seconds within which writes go on: promised. Three times of it are red."""


def with_two_members(clone: Clone) -> None:
    """Commit that PostgreSQL has a member on each of two hosts."""
    clone.edit(clone.stack_file.name, r"(name: db2,.*roles: \[manager)\]", r"\1, database]", subject="Have two")
    overrides = "  colorway:overrides: {data-stores: {postgres: {members: 2}}}\n  colorway:hosts:"
    clone.edit(clone.stack_file.name, r"^  colorway:hosts:$", overrides, subject="Have two members")


def inside(clone: Clone, host: str, *words: str) -> str:
    """Return what a program says in the member on a host."""
    label = f"label=com.docker.swarm.service.name={clone.stack}-postgres-{host}"
    container = lab(clone, "exec", host, "--", "docker", "ps", "-q", "-f", label).split()
    assert container, f"no member runs on {host}"
    return lab(clone, "exec", host, "--", "docker", "exec", "-u", "postgres", container[0], *words)


def members(clone: Clone, host: str = "db1") -> dict[str, dict[str, Any]]:
    """Return what Patroni knows of the members, by host."""
    listed = inside(clone, host, "patronictl", "-c", "/colorway-patroni.yml", "list", "-f", "json")
    # It warns of an etcd that does not answer before it.
    return {one["Member"]: one for line in listed.splitlines() if line.startswith("[{") for one in json.loads(line)}


def leader(clone: Clone, host: str = "db1") -> str | None:
    return next((name for name, one in members(clone, host).items() if one["Role"] == "Leader"), None)


def well(clone: Clone, host: str = "db1") -> bool:
    """Return whether one leads and the other one is its synchronous standby."""
    return sorted((one["Role"], one["State"]) for one in members(clone, host).values()) == [
        ("Leader", "running"),
        ("Sync Standby", "streaming"),
    ]


def there(clone: Clone, host: str) -> set[str]:
    """Return the keys of all rows, asked of the member on a host."""
    asked = inside(
        clone, host, "psql", "-h", "/tmp/postgresql", "-XAtc", "SELECT id FROM writes", "-d", "demo", *port(clone, host)
    )
    return set(asked.split())


def port(clone: Clone, host: str) -> tuple[str, str]:
    socket = inside(clone, host, "sh", "-c", "ls -A /tmp/postgresql").split()
    [number] = [name.rpartition(".")[2] for name in socket if name.startswith(".s.PGSQL.") and "lock" not in name]
    return ("-p", number)


@pytest.mark.timeout(2400)
def test_a_leader_that_moves_or_is_lost_loses_nothing(empty_machine: None, pulumi_cli: Path, tmp_path: Path):
    with bare(tmp_path / "clone", hosts=HOSTS) as clone:
        with_one_color(clone)
        with_two_members(clone)
        lab(clone, "up")
        began = time.monotonic()
        clone.up()
        print(f"from bare hosts to the platform: {time.monotonic() - began:.0f} s")
        wait_until(lambda: well(clone), limit=LIMIT, what="both members are well", every=2)
        again = clone.up()
        assert again.changed == {}, again.output

        with writing(clone, service="api-blue", host="app1", to="postgres") as writes:
            # Redis is on db1, so that in the end it is the other one's cable.
            for to in ("db2", "db1", "db2"):
                if leader(clone) != to:
                    said = clone.run("data", "switchover", clone.stack, "postgres", "--to", to).output
                    assert f"to {to}, and all of its members are well" in said
            assert leader(clone) == "db2"
            moved = writes.longest_gap()
            print(f"switchovers: at most {moved:.1f} s without a write, {len(writes.failed)} failed")
            assert writes.failed == [], "clients wait, and none fails"
            lab(clone, "fault", "cut", "db2")
            wait_until(lambda: leader(clone) == "db1", limit=LIMIT, what="the other one leads", every=1)
            count = len(writes.done)
            wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)
            gap = writes.longest_gap()
            said = clone.run("data", "status", clone.stack, code=1).output
            assert re.search(r"^postgres +db1 +leader +running", said, re.MULTILINE), said
            assert "etcd on db2 does not answer; one more, and nobody could lead anew" in said
            lab(clone, "fault", "cut", "db2", "--undo")
            wait_until(lambda: well(clone), limit=LIMIT, what="the lost one follows", every=2)
            # The swarm ends what went on there unseen, and begins it anew.
            wait_until(lambda: says(clone)["healthy"] and well(clone), limit=LIMIT, what="all is well again", every=2)
            writes.stop()
            acknowledged = {one.key for one in writes.done}
            print(f"host lost: {gap:.1f} s without a write, {len(writes.failed)} of {len(writes.all)} failed")
        for host in ("db1", "db2"):
            wait_until(
                lambda host=host: acknowledged <= there(clone, host), limit=60, what=f"all is on {host}", every=2
            )
        assert gap <= 3 * FAILOVER
        assert clone.up().changed == {}
        clone.down()
