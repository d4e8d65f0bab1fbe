"""A queue with three members in the lab: its leader is killed, and its leader's host is cut off; nothing is lost."""

from __future__ import annotations

import re

import pytest

from tests.support.labs import is_well, lab
from tests.support.members import LIMIT
from tests.support.queue_writes import pushing
from tests.support.queues import MEMBERS, Queues
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.full, pytest.mark.needs("losetup")]
FAILOVER = 15
"""Seconds within which writes go on: promised. Three times of it are red."""


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("fault", ["kill-task", "cut"])
def test_a_queue_whose_leader_is_killed_or_cut_off_loses_nothing(queues: Queues, fault: str):
    clone = queues.clone
    # It may say that no proof was made yet.
    said, _ = clone.start("data", "status", clone.stack).communicate(timeout=300)
    assert len(re.findall(r"^redis +(?:db1|db2|mon1) +replica +following", said, re.MULTILINE)) == 2, said
    with pushing(clone, service="api-blue", host="app1", to="redis") as writes:
        [lost] = queues.leaders()
        others = [host for host in MEMBERS if host != lost]
        if fault == "cut":
            lab(clone, "fault", "cut", lost)
        else:
            lab(clone, "fault", "kill-task", lost, f"{clone.stack}-redis-{lost}")
        wait_until(lambda: len(queues.leaders(others)) == 1, limit=LIMIT, what="another one leads", every=1)
        count = len(writes.done)
        wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="pushes go on", every=1)
        if fault == "cut":
            said = clone.run("data", "status", clone.stack, code=1).output
            assert f"redis: the member on {lost} does not answer" in said
            assert f"redis: the Sentinel on {lost} does not answer; one more" in said
            lab(clone, "fault", "cut", lost, "--undo")
        queues.await_members()
        writes.stop()
        acknowledged = {one.key for one in writes.done}
        gap = writes.longest_gap()
        print(f"{fault} {lost}: {gap:.1f} s without a push, {len(writes.failed)} of {len(writes.all)} failed")
    for host in MEMBERS:
        wait_until(
            lambda host=host: acknowledged <= queues.there(host),
            limit=60,
            what=f"all that was acknowledged is on {host}",
            every=2,
        )
    assert gap <= 3 * FAILOVER
    wait_until(lambda: is_well(clone), limit=LIMIT, what="all runs again", every=3)
    clone.settled()
