"""A MariaDB with two members in the lab: its primary moves and is lost, by command writes go on; all is there."""

from __future__ import annotations

import re
import time

import pytest

from tests.support.labs import lab
from tests.support.mariadb import DATABASES, BackedUpPair, sql, there
from tests.support.members import LIMIT, container
from tests.support.pair_writes import inserting
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.full, pytest.mark.needs("losetup")]
PROMOTED = 30
"""Seconds within which writes go on after the command began: promised. Three times of it are red."""


def rejoin(pair: BackedUpPair) -> None:
    """Have db2 follow db1 again, which went another way; what it had stays."""
    clone = pair.clone

    def says(pattern: str) -> bool:
        return re.search(pattern, clone.start("data", "status", clone.stack).communicate(timeout=300)[0]) is not None

    wait_until(lambda: says("orders: db2 has what the primary never"), limit=LIMIT, what="it follows no more", every=5)
    planned = clone.run("data", "rejoin", clone.stack, "orders", "--dry-run").output
    assert re.search(r"orders: db2 has [1-9]\d* transactions? that db1 never had", planned), planned
    assert "orders: db2 had " in clone.run("data", "rejoin", clone.stack, "orders").output
    pair.await_members("db1")
    assert "on-the-other-side" not in there(clone, "db2")
    assert says(r"orders: db2 keeps what it had before it began anew in diverged\.\w+ on its volume")


@pytest.mark.timeout(2400)
def test_a_primary_that_is_lost_is_replaced_by_command_and_loses_nothing(pair: BackedUpPair):
    clone = pair.clone
    if pair.primary != "db1":
        clone.run("data", "promote", clone.stack, "orders", "--to", "db1")
        pair.await_members("db1")
    with inserting(clone, service="buyer", host="app1", to="orders") as writes:
        # Redis is on db1, so that it is the other one's cable.
        said = clone.run("data", "promote", clone.stack, "orders", "--to", "db2").output
        assert "nothing is lost" in said
        pair.await_members("db2")
        before = [container(clone, host, f"orders-{host}") for host in DATABASES]
        clone.up()
        after = [container(clone, host, f"orders-{host}") for host in DATABASES]
        assert before == after, "no member restarts for a promotion"
        lab(clone, "fault", "cut", "db2")
        began = time.time()
        said = clone.run("data", "promote", clone.stack, "orders", "--to", "db1").output
        assert "orders: db1 takes writes, and 1 of the entries lead there; db2 does not answer" in said
        count = len(writes.done)
        wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)
        waited = min(one.at for one in writes.done if one.at > began + 1) - began
        # On its side of the cut somebody is told of a commit that nobody else has: after 5 s it goes on alone.
        sql(clone, "db2", "INSERT INTO shop.writes VALUES ('on-the-other-side')")
        lab(clone, "fault", "cut", "db2", "--undo")
        rejoin(pair)
        writes.stop()
        acknowledged = {one.key for one in writes.done}
        print(f"{waited:.1f} s from the command to the first write, {len(writes.failed)} connections broke")
    for host in DATABASES:
        wait_until(lambda host=host: acknowledged <= there(clone, host), limit=60, what=f"all is on {host}", every=2)
    assert waited <= 3 * PROMOTED
    clone.up()
    clone.settled()
