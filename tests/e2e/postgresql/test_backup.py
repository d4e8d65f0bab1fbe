"""Backups of a PostgreSQL with two members in the lab: made by themselves, proven by a restore, and never by less."""

from __future__ import annotations

import re

import pytest

from tests.support.backed_up import BackedUp, proof, told
from tests.support.members import LIMIT

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]


@pytest.mark.timeout(2400)
def test_a_backup_is_proven_by_a_restore_and_a_spoiled_one_is_not(store: BackedUp):
    clone, bucket = store.clone, store.bucket
    store.await_backup()
    for number in range(3):
        with store.archived():
            told(clone, f"INSERT INTO events SELECT generate_series({number * 1000}, {number * 1000 + 999})")

    passed = proof(clone)
    assert passed["verified"], passed
    assert passed["newest_age"] < LIMIT
    print(f"proof: {passed['seconds']} s for {passed['bytes'] / 2**20:.0f} MiB")

    folder = store.fulls[-1].removesuffix("backup.manifest")
    data = max(bucket.objects(f"{folder}bundle/"), key=lambda one: bucket.path(one).stat().st_size)
    *_, missing, last = store.segments.values()
    with bucket.spoiled(data):
        assert proof(clone)["why"] == "the restore failed"
    with bucket.without(missing):
        assert proof(clone)["why"].startswith("the archive has a gap")
    with bucket.spoiled(last):
        # Another segment may have come after it meanwhile: then it is one in the middle.
        assert re.match(r"the archive (is spoiled|has a gap)", proof(clone)["why"])
    assert proof(clone)["verified"], "nothing was wrong but what the test spoiled"
    clone.settled()
