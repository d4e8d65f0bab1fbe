"""The heart of the lab, on one platform of seven hosts.

A release, its rollback and a load balancer lost: nobody loses a request. The lead of the database moves, its leader's
host is lost, its backup is proven, a mistake undone: no write is lost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backed_up import EVENTS, archived, await_backup, lost, still, told, with_backups
from tests.support.clone import Clone
from tests.support.labs import ALL, BUSY, LEAST, NETWORK, PATIENT, bare, colors, lab, loaded, says, with_one_color
from tests.support.members import LIMIT, leader, runs_on, there, well, with_two_members
from tests.support.s3 import Bucket, running_s3
from tests.support.wait import wait_until
from tests.support.writes import Writes, writing

pytestmark = pytest.mark.needs("losetup")
FAILOVER = 30
"""Seconds within which writes go on: promised. Three times of it are red."""
Hosts = tuple[Clone, Bucket]


@pytest.fixture(scope="module")
def hosts(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Seven bare hosts, and a stack for them whose PostgreSQL has two members and is backed up."""
    folder = tmp_path_factory.mktemp("heart")
    with bare(folder / "clone", hosts=ALL) as made:
        with_one_color(made)
        with_two_members(made)
        began = time.monotonic()
        lab(made, "up")
        print(f"seven bare hosts: {time.monotonic() - began:.0f} s", flush=True)
        with running_s3(folder / "s3", address=f"{NETWORK}.1") as bucket:
            with_backups(made, bucket)
            yield made, bucket


class Watch:
    """Says how long each part took."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def lap(self, what: str) -> None:
        now = time.monotonic()
        print(f"{what}: {now - self._since:.0f} s", flush=True)
        self._since = now


def move_the_lead(clone: Clone, writes: Writes) -> None:
    """Have each member lead once; db2 does in the end, for Redis is on db1, whose cable stays."""
    for to in ("db1", "db2"):
        if leader(clone) != to:
            said = clone.run("data", "switchover", clone.stack, "postgres", "--to", to).output
            assert f"to {to}, and all of its members are well" in said
    assert leader(clone) == "db2"
    print(f"switchover: at most {writes.longest_gap():.1f} s without a write, {len(writes.failed)} failed")
    assert writes.failed == [], "clients wait, and none fails"


def lose_the_leader(clone: Clone, writes: Writes) -> float:
    """Pull the cable of the leader's host and plug it in again; return the seconds without a write."""
    lab(clone, "fault", "cut", "db2")
    wait_until(lambda: leader(clone) == "db1", limit=LIMIT, what="the other one leads", every=1)
    count = len(writes.done)
    wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)
    gap = writes.longest_gap()
    said = clone.run("data", "status", clone.stack, code=1).output
    assert re.search(r"^postgres +db1 +leader +running", said, re.MULTILINE), said
    assert "etcd on db2 does not answer; one more, and nobody could lead anew" in said
    lab(clone, "fault", "cut", "db2", "--undo")
    # The swarm ends what went on there unseen, and begins it anew.
    wait_until(lambda: says(clone)["healthy"] and well(clone), limit=LIMIT, what="all is well again", every=2)
    return gap


def undo_a_mistake(clone: Clone, bucket: Bucket) -> None:
    """Have the store go back to a point, for exactly the loss that is accepted."""
    # What the server commits by itself would be counted, too.
    told(clone, "ALTER SYSTEM SET autovacuum = off")
    told(clone, "SELECT pg_reload_conf()")
    told(clone, "INSERT INTO events SELECT generate_series(1, 1000)")
    still(clone)
    told(clone, "SELECT pg_create_restore_point('before-the-mistake')")
    with archived(clone, bucket):
        told(clone, "CREATE TABLE mistake AS SELECT * FROM events")
        told(clone, "DELETE FROM events")
    restore = ("data", "restore", clone.stack, "postgres", "--to", "before-the-mistake")
    count = lost(clone.run(*restore, "--dry-run").output)
    assert count == 2
    began = time.monotonic()
    said = clone.run(*restore, "--accept-loss", str(count)).output
    assert "generation 1 is stopped with all that it has; generation 2 begins at before-the-mistake" in said
    clone.up()
    wait_until(lambda: well(clone), limit=LIMIT, what="both members of the new generation are well", every=2)
    print(f"restore to a point: {time.monotonic() - began:.0f} s")
    assert told(clone, "SELECT count(*) || ' ' || max(id) FROM events") == "1000 1000", "all before the point"
    assert told(clone, "SELECT to_regclass('mistake') IS NULL") == "t", "nothing after it"


@pytest.mark.area("lab")
@pytest.mark.timeout(2400)
def test_seven_bare_hosts_a_release_a_rollback_and_a_load_balancer_lost(hosts: Hosts):
    clone, _ = hosts
    watch = Watch()
    first = clone.up()
    watch.lap(f"the platform on them, {first.changed}")
    assert "a swarm" in first.output, "Docker and swarm are the first step"
    assert clone.up().changed == {}, "nothing is left to do"
    watch.lap("the second up")
    clone.edit("platforms/demo.yaml", r"^  stages: .*$", "  stages: [{percent: 50, bake: 20s}]", subject="Be quick")
    stack = ("--yes", "--stack", clone.stack)
    with loaded(clone, 11, plan=BUSY) as others:
        others.wait_for(lambda report: len(report.users("start")) >= 10, timeout=120)
        with loaded(clone, 12, plan=BUSY) as its:
            clone.run("release", "2.0.0", *stack)
            watch.lap("a release")
            assert colors() == ["green", "green"], "both load balancers are in step"
            released = its.stop()
        # Back again, and one load balancer's cable is pulled before.
        with loaded(clone, 12, plan=PATIENT, second=11) as its:
            its.wait_for(lambda report: len(report.users("start")) >= 10, timeout=120)
            lab(clone, "fault", "cut", "lb2")
            others.mark("cut")
            back = clone.run("rollback", *stack, code=5).output
            watch.lap("its rollback without a load balancer")
            its.wait_for(lambda report: report.snapshot.second_tries > 0, timeout=120)
            moved = its.stop()
        stayed = others.stop()
    for report in (released, moved, stayed):
        print(report.summary())
    print(f"the last of the others' users was back {stayed.old_color_until('green', 'cut'):.0f} s after it")
    assert released.problems(least_rate=LEAST) == [], "a release loses nothing"
    assert stayed.problems(least_rate=LEAST) == [], "nor who is on the other one when one is lost"
    assert moved.failures == [], "nor who knows the other one's address"
    assert "lb2" in back
    assert "lb2" in clone.git("log", "-1", "--format=%b"), "git says so"
    assert "load balancer lb2 is fenced" in says(clone)["problems"][0]["what"]

    # It comes back with what it had, and serves nobody until it has what the others serve.
    lab(clone, "fault", "cut", "lb2", "--undo")
    assert "load balancer lb2 is let in again; it serves what the others serve" in clone.up().output
    watch.lap("let in again")
    assert colors() == ["blue", "blue"]
    assert says(clone)["healthy"]


@pytest.mark.area("data")
@pytest.mark.timeout(2400)
def test_no_write_is_lost_a_backup_is_proven_and_a_mistake_undone(hosts: Hosts):
    clone, bucket = hosts
    clone.up()
    wait_until(lambda: well(clone), limit=LIMIT, what="both members are well", every=2)
    told(clone, EVENTS)
    with writing(clone, service="api-blue", host=runs_on(clone, "api-blue", ("app1", "app2")), to="postgres") as writes:
        move_the_lead(clone, writes)
        gap = lose_the_leader(clone, writes)
        writes.stop()
        acknowledged = {one.key for one in writes.done}
        print(f"host lost: {gap:.1f} s without a write, {len(writes.failed)} of {len(writes.all)} failed")
    for host in ("db1", "db2"):
        wait_until(lambda host=host: acknowledged <= there(clone, host), limit=60, what=f"all is on {host}", every=2)
    assert gap <= 3 * FAILOVER
    await_backup(bucket)
    with archived(clone, bucket):
        told(clone, "INSERT INTO events VALUES (0)")
    assert '"verified": true' in clone.run("data", "verify-backup", clone.stack, "postgres").output
    told(clone, "DELETE FROM events")
    undo_a_mistake(clone, bucket)
    assert clone.up().changed == {}, "the second `up` changes nothing"
