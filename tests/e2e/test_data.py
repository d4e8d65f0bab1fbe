"""A PostgreSQL with two members in the lab: its leader moves, its leader's host is lost, and nothing else is."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.support.labs import bare, lab, says, with_one_color
from tests.support.members import LIMIT, MEMBERS, leader, there, well, with_two_members
from tests.support.wait import wait_until
from tests.support.writes import writing

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
FAILOVER = 30
"""Seconds within which writes go on: promised. Three times of it are red."""


@pytest.mark.timeout(2400)
def test_a_leader_that_moves_or_is_lost_loses_nothing(empty_machine: None, pulumi_cli: Path, tmp_path: Path):
    with bare(tmp_path / "clone", hosts=MEMBERS) as clone:
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
