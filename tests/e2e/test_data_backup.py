"""Backups of a PostgreSQL with two members in the lab: made by themselves, proven by a restore, and never by less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from colorway.render.templates import store_script
from tests.support.backed_up import archived, await_backup, backed_up, proof, segments, told
from tests.support.clone import Clone
from tests.support.members import LIMIT, inside, leader

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]


@pytest.mark.timeout(2400)
def test_a_backup_is_proven_by_a_restore_and_a_spoiled_one_is_not(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with backed_up(tmp_path) as (clone, bucket):
        await_backup(bucket)
        for number in range(3):
            with archived(clone, bucket):
                told(clone, f"INSERT INTO events SELECT generate_series({number * 1000}, {number * 1000 + 999})")

        passed = proof(clone)
        assert passed["verified"], passed
        assert passed["newest_age"] < LIMIT
        print(f"proof: {passed['seconds']} s for {passed['bytes'] / 2**20:.0f} MiB")

        data = max(
            (one for one in bucket.objects() if "/pg_data/base/" in one),
            key=lambda one: bucket.path(one).stat().st_size,
        )
        *_, missing, last = segments(bucket).values()
        with bucket.spoiled(data):
            assert proof(clone)["why"] == "the restore failed"
        with bucket.without(missing):
            assert proof(clone)["why"].startswith("the archive has a gap")
        with bucket.spoiled(last):
            # Another segment may have come after it meanwhile: then it is one in the middle.
            assert re.match(r"the archive (is spoiled|has a gap)", proof(clone)["why"])
        assert proof(clone)["verified"], "nothing was wrong but what the test spoiled"

        told(clone, "SELECT pg_create_restore_point('before-the-mistake')")
        with archived(clone, bucket):
            told(clone, "CREATE TABLE mistake (id int)")
            told(clone, "DELETE FROM events")
        commits = counted(clone, "before-the-mistake")
        assert commits >= 2, "both are counted, and what the server itself committed"
        assert commits <= 10, "and nothing that was before"
        assert clone.up().changed == {}, "the second `up` changes nothing"


def counted(clone: Clone, point: str) -> int:
    """Return how many commits came after a restore point, as whoever restores is told."""
    host = leader(clone) or "db1"
    said = inside(clone, host, "sh", "-euc", store_script("postgresql-since"), "since", "name", point)
    return int(said.split()[-1])
