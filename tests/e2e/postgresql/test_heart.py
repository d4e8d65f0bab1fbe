"""The heart of the data tier: its leader moves, its leader's host is lost, its backup is proven, a mistake undone."""

from __future__ import annotations

import re
import time

import pytest

from tests.support.backed_up import BackedUp, lost, still, told
from tests.support.clone import Clone
from tests.support.labs import is_well, lab
from tests.support.members import LIMIT, await_leader, leader, there, well
from tests.support.wait import wait_until
from tests.support.writes import Writes, writing

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup")]
FAILOVER = 30
"""Seconds within which writes go on: promised. Three times of it are red."""


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
    await_leader(clone, "db1")
    count = len(writes.done)
    wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)
    gap = writes.longest_gap()
    said = clone.run("data", "status", clone.stack, code=1).output
    assert re.search(r"^postgres +db1 +leader +running", said, re.MULTILINE), said
    assert "etcd on db2 does not answer; one more, and nobody could lead anew" in said
    lab(clone, "fault", "cut", "db2", "--undo")
    # The swarm ends what went on there unseen, and begins it anew.
    wait_until(lambda: well(clone) and is_well(clone), limit=LIMIT, what="all is well again", every=3)
    return gap


def undo_a_mistake(store: BackedUp) -> None:
    """Have the store go back to a point, for exactly the loss that is accepted."""
    clone, before = store.clone, store.generation
    # What the server commits by itself would be counted, too.
    told(clone, "ALTER SYSTEM SET autovacuum = off")
    told(clone, "SELECT pg_reload_conf()")
    told(clone, "INSERT INTO events SELECT generate_series(1, 1000)")
    still(clone)
    told(clone, "SELECT pg_create_restore_point('before-the-mistake')")
    with store.archived():
        told(clone, "CREATE TABLE mistake AS SELECT * FROM events")
        told(clone, "DELETE FROM events")
    restore = ("data", "restore", clone.stack, "postgres", "--to", "before-the-mistake")
    count = lost(clone.run(*restore, "--dry-run").output)
    assert count == 2
    began = time.monotonic()
    said = clone.run(*restore, "--accept-loss", str(count)).output
    went = f"generation {before} is stopped with all that it has; generation {before + 1} begins at before-the-mistake"
    assert went in said
    clone.up()
    store.await_members()
    print(f"restore to a point: {time.monotonic() - began:.0f} s")
    assert told(clone, "SELECT count(*) || ' ' || max(id) FROM events") == "1000 1000", "all before the point"
    assert told(clone, "SELECT to_regclass('mistake') IS NULL") == "t", "nothing after it"


@pytest.mark.timeout(2400)
def test_no_write_is_lost_a_backup_is_proven_and_a_mistake_undone(store: BackedUp):
    clone = store.clone
    with writing(clone, service="api-blue", host="app1", to="postgres") as writes:
        move_the_lead(clone, writes)
        gap = lose_the_leader(clone, writes)
        writes.stop()
        acknowledged = {one.key for one in writes.done}
        print(f"host lost: {gap:.1f} s without a write, {len(writes.failed)} of {len(writes.all)} failed")
    for host in ("db1", "db2"):
        wait_until(lambda host=host: acknowledged <= there(clone, host), limit=60, what=f"all is on {host}", every=2)
    assert gap <= 3 * FAILOVER
    store.await_backup()
    with store.archived():
        told(clone, "INSERT INTO events VALUES (0)")
    assert '"verified": true' in clone.run("data", "verify-backup", clone.stack, "postgres").output
    told(clone, "DELETE FROM events")
    undo_a_mistake(store)
    clone.settled()
