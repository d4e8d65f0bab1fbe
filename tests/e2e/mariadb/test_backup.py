"""Backups of a MariaDB with two members in the lab: made beside the replica, proven by a restore, and never by less."""

from __future__ import annotations

import pytest

from tests.support.mariadb import DATABASES, BackedUpPair
from tests.support.members import LIMIT, container
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]


@pytest.mark.timeout(2400)
def test_a_backup_is_made_beside_the_replica_and_a_spoiled_one_is_not_proven(pair: BackedUpPair):
    clone, bucket = pair.clone, pair.bucket
    assert {host: container(clone, host, f"orders-{host}") for host in DATABASES} == pair.before, (
        "no member restarts for backups"
    )
    pair.await_backup()
    [replica] = set(DATABASES) - {pair.primary}
    assert set(pair.made_on()) == {replica}, "the replica spares the primary"
    count = len(pair.made_on())
    pair.told("USE shop; INSERT INTO events (id) SELECT seq FROM seq_1_to_3000")
    wait_until(lambda: pair.proof()["verified"], limit=LIMIT, what="the archive has these rows, too", every=5)
    said = clone.run("data", "verify-backup", clone.stack, "orders").output
    assert '"verified": true' in said

    passed = pair.proof()
    assert passed["verified"], passed
    assert passed["newest_age"] < LIMIT
    print(f"proof: {passed['seconds']} s for {passed['bytes'] / 2**20:.0f} MiB")
    data = max(
        (one for one in bucket.objects() if "/restic/orders/data/" in one),
        key=lambda one: bucket.path(one).stat().st_size,
    )
    with bucket.spoiled(data):
        assert pair.proof()["why"] == "the restore failed"
    with bucket.without(data):
        assert pair.proof()["why"] == "the restore failed"
    other = "echo another >/tmp/passphrase; export RESTIC_PASSWORD_FILE=/tmp/passphrase"
    assert pair.proof(before=other)["why"] == "the passphrase does not open the repository"
    assert pair.proof()["verified"], "nothing was wrong but what the test spoiled"
    assert len(pair.made_on()) == count, "and nobody made another one: none was due"
    clone.settled()
