"""Backups of a MariaDB with two members in the lab: made beside the replica, proven by a restore, and never by less."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_data_mariadb import CLIENT, flow, sql, well, with_a_pair
from tests.support.clone import Clone
from tests.support.labs import NETWORK, bare, lab, with_one_color
from tests.support.members import LIMIT, MEMBERS, container, in_task
from tests.support.pairs import ORDERS
from tests.support.s3 import Bucket, running_s3
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
NEWEST = "select max(at) from events"
SECRETS = {"key": "backup-key", "secret": "backup-secret", "passphrase": "backup-passphrase"}
TABLE = "CREATE TABLE shop.events (id int PRIMARY KEY, at timestamp NOT NULL DEFAULT now())"
ROWS = "USE shop; INSERT INTO events (id) SELECT seq FROM seq_1_to_3000"


def with_backups(clone: Clone, bucket: Bucket) -> None:
    """Commit that the pair is backed up into a bucket, whose server only its own certificate knows."""
    (clone.path / "platforms" / "s3.pem").write_text(bucket.certificate, encoding="ascii")
    place = {"kind": "s3", "endpoint": f"'{bucket.endpoint}'", "bucket": "backups", "path-style": "true"}
    backup = {"backup": {"repository": "offsite", "keep": "2d"}, "verify": {"newest": NEWEST, "age": "1h"}}
    overrides = {
        "secrets": {name: {} for name in SECRETS.values()},
        "backups": {"offsite": {**place, "ca": "platforms/s3.pem", **SECRETS}},
        "data-stores": {"orders": {**ORDERS, **backup}},
        "services": {"buyer": CLIENT},
    }
    clone.edit(
        clone.stack_file.name,
        r"^  colorway:overrides: .*$",
        f"  colorway:overrides: {flow(overrides)}",
        subject="Back it up",
    )


def proof(clone: Clone, *, before: str = ":") -> dict[str, Any]:
    """Return what one proof says, made now in the task that makes them, after what a shell does before."""
    once = f"sh /colorway-entry.sh 0 shop '{NEWEST}' 3600 || echo '{{\"ended\": \"with an error\"}}'"
    said = in_task(clone, "mon1", "orders-verify", f"{before}; {once}")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    [found] = [line for line in lines if "verified" in line]
    assert found["verified"] is ({"ended": "with an error"} not in lines), "its exit code says the same"
    return dict(found)


def made_on(clone: Clone) -> list[str]:
    """Return the hosts whose tasks made the backups that the repository has, oldest first."""
    listed = in_task(
        clone,
        "db1",
        "orders-backup-db1",
        'restic -o "s3.bucket-lookup=$COLORWAY_LOOKUP" -q --no-lock --no-cache snapshots --tag=colorway --json '
        '|| echo "[]"',
    )
    return [one["hostname"] for line in listed.splitlines() if line.startswith("[") for one in json.loads(line)]


@pytest.mark.timeout(2400)
def test_a_backup_is_made_beside_the_replica_and_a_spoiled_one_is_not_proven(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with bare(tmp_path / "clone", hosts=MEMBERS) as clone:
        with_one_color(clone)
        with_a_pair(clone)
        lab(clone, "up")
        clone.up()
        wait_until(lambda: well(clone, "db1"), limit=LIMIT, what="each commit waits for the replica", every=2)
        sql(clone, "db1", TABLE)
        sql(clone, "db1", ROWS)
        with running_s3(tmp_path / "s3", address=f"{NETWORK}.1") as bucket:
            with_backups(clone, bucket)
            before = [container(clone, host, f"orders-{host}") for host in ("db1", "db2")]
            clone.up()
            after = [container(clone, host, f"orders-{host}") for host in ("db1", "db2")]
            assert before == after, "no member restarts for backups"
            wait_until(lambda: made_on(clone), limit=LIMIT, what="a first backup is made by itself", every=2)
            assert made_on(clone) == ["db2"], "the replica spares the primary"

            passed = proof(clone)
            assert passed["verified"], passed
            assert passed["newest_age"] < LIMIT
            print(f"proof: {passed['seconds']} s for {passed['bytes'] / 2**20:.0f} MiB")
            said = clone.run("data", "verify-backup", clone.stack, "orders").output
            assert '"verified": true' in said

            data = max(
                (one for one in bucket.objects() if "/restic/orders/data/" in one),
                key=lambda one: bucket.path(one).stat().st_size,
            )
            with bucket.spoiled(data):
                assert proof(clone)["why"] == "the restore failed"
            with bucket.without(data):
                assert proof(clone)["why"] == "the restore failed"
            other = "echo another >/tmp/passphrase; export RESTIC_PASSWORD_FILE=/tmp/passphrase"
            assert proof(clone, before=other)["why"] == "the passphrase does not open the repository"
            assert proof(clone)["verified"], "nothing was wrong but what the test spoiled"
            assert made_on(clone) == ["db2"], "and nobody made another one: none was due"
            assert clone.up().changed == {}, "the second `up` changes nothing"
        clone.down("--data")
