"""Backups of queues with one member and with three in the lab: no member restarts, and only a restore proves them."""

from __future__ import annotations

import pytest

from tests.support.members import LIMIT
from tests.support.queues import STORES, Queues
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]


@pytest.mark.timeout(2400)
def test_queues_are_backed_up_beside_a_member_that_follows_and_a_spoiled_backup_is_not_proven(queues: Queues):
    clone, bucket = queues.clone, queues.bucket
    assert queues.containers() == queues.before, "no member restarts for backups"
    for store in STORES:
        wait_until(lambda store=store: queues.made_on(store), limit=LIMIT, what=f"{store} is backed up", every=2)
    [leader] = queues.leaders()
    [made] = queues.made_on("redis")
    assert made != leader, "one that follows spares the leader, and only one does it"

    for store in STORES:
        passed = queues.proof(store)
        assert passed["verified"], passed
        print(f"{store}: {passed['seconds']} s for {passed['bytes']} bytes, {passed['keys']} keys")
        assert '"verified": true' in clone.run("data", "verify-backup", clone.stack, store).output
    assert queues.proof("redis")["keys"] >= 1
    said = clone.run("data", "status", clone.stack).output
    rows = [line.split()[2] for line in said.splitlines() if line.startswith("jobs ")]
    assert rows == ["only", "backup", "proof"]

    data = max(
        (one for one in bucket.objects() if "/restic/redis/data/" in one),
        key=lambda one: bucket.path(one).stat().st_size,
    )
    with bucket.spoiled(data):
        assert queues.proof("redis")["why"] == "the restore failed"
    assert queues.proof("redis")["verified"], "nothing was wrong but what the test spoiled"
    assert len(queues.made_on("redis")) == 1, "and nobody made another one: none was due"
    clone.settled()
