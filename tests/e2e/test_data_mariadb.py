"""A MariaDB with two members in the lab: its primary moves and is lost, by command writes go on; all is there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.labs import bare, lab, with_one_color
from tests.support.members import LIMIT, MEMBERS, container
from tests.support.pair_writes import inserting
from tests.support.pairs import ORDERS
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.full, pytest.mark.needs("losetup")]
PROMOTED = 30
"""Seconds within which writes go on after the command began: promised. Three times of it are red."""
CLIENT = {
    "kind": "shared",
    "build": "mariadb",
    "command": ["sleep", "infinity"],
    "health": {"command": ["CMD", "mariadb", "--version"]},
    "limits": {"cpus": 1, "memory": "128Mi"},
    "uses": ["orders"],
    "secrets": ["database-password"],
    "placement": {"hosts": ["app1"]},
}
"""A task whose image has MariaDB's client."""


def flow(value: object) -> str:
    """Return a value as YAML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return str(value)


def with_a_pair(clone: Clone) -> None:
    """Commit that there is a MariaDB with a member on each of two hosts, and somebody who writes there."""
    clone.edit(clone.stack_file.name, r"(name: db2,.*roles: \[manager)\]", r"\1, database]", subject="Have two")
    overrides = flow({"data-stores": {"orders": ORDERS}, "services": {"buyer": CLIENT}})
    line = f"  colorway:overrides: {overrides}\n  colorway:hosts:"
    clone.edit(clone.stack_file.name, r"^  colorway:hosts:$", line, subject="Have a MariaDB with two members")


def asked(clone: Clone, host: str, *words: str) -> str:
    """Return what a program says in the member on a host; empty where none runs, or it fails."""
    label = f"label=com.docker.swarm.service.name={clone.stack}-orders-{host}"
    found = lab(clone, "exec", host, "--", "docker", "ps", "-q", "-f", label).split()
    if not found:
        return ""
    command = ("docker", "exec", "-u", "mysql", found[0], "sh", "-c", '"$@" 2>/dev/null || :', "ask", *words)
    return lab(clone, "exec", host, "--", *command)


def sql(clone: Clone, host: str, statement: str) -> str:
    client = ("mariadb", "--no-defaults", "-S", "/tmp/mariadb/mariadb.sock", "-u", "mysql", "-NB", "-E")
    return asked(clone, host, *client, "-e", statement)


def there(clone: Clone, host: str) -> set[str]:
    """Return the keys of all rows, asked of the member on a host."""
    return set(sql(clone, host, "SELECT id FROM shop.writes").split())


def well(clone: Clone, primary: str) -> bool:
    """Return whether one takes writes, the other one follows, and has heard that commits wait for it."""
    [replica] = {"db1", "db2"} - {primary}
    heard = asked(clone, replica, "cat", "/var/lib/mysql/colorway.semi-sync").startswith("ON ")
    follows = sql(clone, replica, "SHOW SLAVE STATUS").split().count("Yes")
    return heard and follows >= 2 and sql(clone, primary, "SELECT @@read_only").split()[-1:] == ["0"]


@pytest.mark.timeout(2400)
def test_a_primary_that_is_lost_is_replaced_by_command_and_loses_nothing(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with bare(tmp_path / "clone", hosts=MEMBERS) as clone:
        with_one_color(clone)
        with_a_pair(clone)
        lab(clone, "up")
        clone.up()
        again = clone.up()
        assert again.changed == {}, again.output

        with inserting(clone, service="buyer", host="app1", to="orders") as writes:
            wait_until(lambda: well(clone, "db1"), limit=LIMIT, what="each commit waits for the replica", every=2)
            # Redis is on db1, so that it is the other one's cable.
            said = clone.run("data", "promote", clone.stack, "orders", "--to", "db2").output
            assert "nothing is lost" in said
            wait_until(lambda: well(clone, "db2"), limit=LIMIT, what="both have changed their parts", every=2)
            before = [container(clone, host, f"orders-{host}") for host in ("db1", "db2")]
            clone.up()
            after = [container(clone, host, f"orders-{host}") for host in ("db1", "db2")]
            assert before == after, "no member restarts for a promotion"
            lab(clone, "fault", "cut", "db2")
            began = time.time()
            said = clone.run("data", "promote", clone.stack, "orders", "--to", "db1").output
            assert "orders: db1 takes writes, and 1 of the entries lead there; db2 does not answer" in said
            count = len(writes.done)
            wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)
            waited = min(one.at for one in writes.done if one.at > began + 1) - began
            lab(clone, "fault", "cut", "db2", "--undo")
            wait_until(lambda: well(clone, "db1"), limit=LIMIT, what="the old one follows", every=2)
            writes.stop()
            acknowledged = {one.key for one in writes.done}
            print(f"{waited:.1f} s from the command to the first write, {len(writes.failed)} connections broke")
        for host in ("db1", "db2"):
            wait_until(
                lambda host=host: acknowledged <= there(clone, host), limit=60, what=f"all is on {host}", every=2
            )
        assert waited <= 3 * PROMOTED
        clone.up()
        assert clone.up().changed == {}
        clone.down()
