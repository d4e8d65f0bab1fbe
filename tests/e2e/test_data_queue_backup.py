"""Backups of queues with one member and with three in the lab: no member restarts, and only a restore proves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_data_mariadb import flow
from tests.e2e.test_data_queue import HOSTS, LIMIT, MEMBERS, asked, leaders, well
from tests.support.clone import Clone
from tests.support.labs import NETWORK, bare, lab, with_one_color
from tests.support.members import container, in_task
from tests.support.s3 import Bucket, running_s3
from tests.support.stores import OPENERS
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
STORES = {
    "redis": {"members": 3},
    "jobs": {
        "kind": "redis",
        "build": "redis",
        "password": "redis-password",
        "limits": {"cpus": 1, "memory": "64Mi"},
    },
}
BACKUP = {"backup": {"repository": "offsite", "keep": "2d"}, "verify": {"age": "25h"}}


def with_stores(clone: Clone, bucket: Bucket | None = None) -> None:
    """Commit that there is a queue with three members, and one with one; given a bucket, that both are backed up."""
    overrides: dict[str, Any] = {"data-stores": STORES}
    if bucket is not None:
        (clone.path / "platforms" / "s3.pem").write_text(bucket.certificate, encoding="ascii")
        clone.git("add", "platforms/s3.pem")
        place = {"kind": "s3", "endpoint": f"'{bucket.endpoint}'", "bucket": "backups", "path-style": "true"}
        overrides = {
            "secrets": {name: {} for name in OPENERS.values()},
            "backups": {"offsite": {**place, "ca": "platforms/s3.pem", **OPENERS}},
            "data-stores": {name: {**store, **BACKUP} for name, store in STORES.items()},
        }
    line = f"  colorway:overrides: {flow(overrides)}"
    before, after = (
        (r"^  colorway:hosts:$", f"{line}\n  colorway:hosts:")
        if bucket is None
        else (r"^  colorway:overrides: .*$", line)
    )
    clone.edit(clone.stack_file.name, before, after, subject="Have two queues" if bucket is None else "Back them up")


def proof(clone: Clone, store: str) -> dict[str, Any]:
    """Return what one proof says, made now in the task that makes them."""
    said = in_task(clone, "mon1", f"{store}-verify", "sh /colorway-entry.sh 0 3600 || :")
    [found] = [json.loads(line) for line in said.splitlines() if '"verified"' in line]
    return dict(found)


def made_on(clone: Clone, store: str) -> list[str]:
    """Return the hosts whose tasks made the backups that the repository has, oldest first."""
    listed = in_task(
        clone,
        "db1",
        f"{store}-backup-db1",
        'restic --option="s3.bucket-lookup=$COLORWAY_LOOKUP" -q --no-lock --no-cache snapshots --json || echo "[]"',
    )
    return [one["hostname"] for line in listed.splitlines() if line.startswith("[") for one in json.loads(line)]


@pytest.mark.timeout(2400)
def test_queues_are_backed_up_beside_a_member_that_follows_and_a_spoiled_backup_is_not_proven(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with bare(tmp_path / "clone", hosts=HOSTS) as clone:
        with_one_color(clone)
        with_stores(clone)
        lab(clone, "up")
        clone.up()
        wait_until(lambda: well(clone), limit=LIMIT, what="all members are well", every=2)
        [leader] = leaders(clone)
        asked(clone, leader, "RPUSH list a b c")
        tasks = [*((host, f"redis-{host}") for host in MEMBERS), ("db1", "jobs")]
        before = [container(clone, *task) for task in tasks]
        with running_s3(tmp_path / "s3", address=f"{NETWORK}.1") as bucket:
            with_stores(clone, bucket)
            clone.up()
            assert before == [container(clone, *task) for task in tasks], "no member restarts for backups"
            for store in STORES:
                wait_until(
                    lambda store=store: made_on(clone, store), limit=LIMIT, what=f"{store} is backed up", every=2
                )
            [made] = made_on(clone, "redis")
            assert made != leader, "one that follows spares the leader, and only one does it"

            for store in STORES:
                passed = proof(clone, store)
                assert passed["verified"], passed
                print(f"{store}: {passed['seconds']} s for {passed['bytes']} bytes, {passed['keys']} keys")
                assert '"verified": true' in clone.run("data", "verify-backup", clone.stack, store).output
            assert proof(clone, "redis")["keys"] >= 1
            said = clone.run("data", "status", clone.stack).output
            assert [line.split()[2] for line in said.splitlines() if line.startswith("jobs ")] == [
                "only",
                "backup",
                "proof",
            ]

            data = max(
                (one for one in bucket.objects() if "/restic/redis/data/" in one),
                key=lambda one: bucket.path(one).stat().st_size,
            )
            with bucket.spoiled(data):
                assert proof(clone, "redis")["why"] == "the restore failed"
            assert proof(clone, "redis")["verified"], "nothing was wrong but what the test spoiled"
            assert len(made_on(clone, "redis")) == 1, "and nobody made another one: none was due"
            assert clone.up().changed == {}, "the second `up` changes nothing"
        clone.down("--data")
