"""Backups of a PostgreSQL with two members in the lab: made by themselves, proven by a restore, and never by less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from colorway.render.templates import store_script
from tests.support.clone import Clone
from tests.support.labs import NETWORK, bare, lab, with_one_color
from tests.support.members import LIMIT, MEMBERS, inside, leader, port, well, with_two_members
from tests.support.s3 import Bucket, running_s3
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
SEGMENT = re.compile(r"archive/postgres/18-1/[0-9A-F]{16}/(?P<name>[0-9A-F]{24})-")
BACKED_UP = (
    "members: 2, backup: {repository: offsite, keep: 2d}, "
    "verify: {every: 24h, newest: select max(at) from events, age: 1h}"
)


def with_backups(clone: Clone, bucket: Bucket) -> None:
    """Commit that PostgreSQL is backed up into a bucket, whose server only its own certificate knows."""
    (clone.path / "platforms" / "s3.pem").write_text(bucket.certificate, encoding="ascii")
    clone.git("add", "platforms/s3.pem")
    named = "key: backup-key, secret: backup-secret, passphrase: backup-passphrase"
    place = f"kind: s3, endpoint: '{bucket.endpoint}', bucket: backups, path-style: true, ca: platforms/s3.pem, {named}"
    secrets = "secrets: {backup-key: {}, backup-secret: {}, backup-passphrase: {}}"
    more = rf"{secrets}, backups: {{offsite: {{{place}}}}}, data-stores: {{postgres: {{{BACKED_UP}}}}}"
    clone.edit(clone.stack_file.name, r"data-stores: \{postgres: \{members: 2\}\}", more, subject="Back it up")


def told(clone: Clone, sql: str) -> str:
    """Return what the leader answers."""
    host = leader(clone) or "db1"
    return inside(clone, host, "psql", "-h", "/tmp/postgresql", "-XAtqc", sql, "-d", "demo", *port(clone, host)).strip()


def proof(clone: Clone) -> dict[str, Any]:
    """Return what one proof says, made now in the task that makes them."""
    label = f"label=com.docker.swarm.service.name={clone.stack}-postgres-verify"
    container = lab(clone, "exec", "mon1", "--", "docker", "ps", "-q", "-f", label).split()
    assert container, "the proof has no task"
    once = "sh /colorway-entry.sh 0 demo 'select max(at) from events' 3600 || echo '{\"ended\": \"with an error\"}'"
    said = lab(clone, "exec", "mon1", "--", "docker", "exec", container[0], "sh", "-c", once)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    [found] = [line for line in lines if "verified" in line]
    assert found["verified"] is ({"ended": "with an error"} not in lines), "its exit code says the same"
    return dict(found)


@contextmanager
def archived(clone: Clone, bucket: Bucket) -> Iterator[None]:
    """End the segment after a change, and wait until it is in the bucket."""
    yield
    name = told(clone, "SELECT pg_walfile_name(pg_switch_wal())")
    wait_until(lambda: name in segments(bucket), limit=LIMIT, what=f"{name} is archived", every=1)


def segments(bucket: Bucket) -> dict[str, str]:
    """Return the objects of archived segments by the segment's name, oldest first."""
    found = {match["name"]: one for one in bucket.objects() if (match := SEGMENT.search(one))}
    return dict(sorted(found.items(), key=lambda pair: pair[0][8:]))


def fulls(bucket: Bucket) -> list[str]:
    """Return the manifests of full backups that are whole."""
    return [one for one in bucket.objects() if re.search(r"/\d{8}-\d{6}F/backup\.manifest$", one)]


@pytest.mark.timeout(2400)
def test_a_backup_is_proven_by_a_restore_and_a_spoiled_one_is_not(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with bare(tmp_path / "clone", hosts=MEMBERS) as clone:
        with_one_color(clone)
        with_two_members(clone)
        lab(clone, "up")
        with running_s3(tmp_path / "s3", address=f"{NETWORK}.1") as bucket:
            with_backups(clone, bucket)
            clone.up()
            wait_until(lambda: well(clone), limit=LIMIT, what="both members are well", every=2)
            told(clone, "CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
            wait_until(lambda: fulls(bucket), limit=LIMIT, what="a first backup is made by itself", every=2)
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
        clone.down("--data")


def counted(clone: Clone, point: str) -> int:
    """Return how many commits came after a restore point, as whoever restores is told."""
    host = leader(clone) or "db1"
    said = inside(clone, host, "sh", "-euc", store_script("postgresql-since"), "since", "name", point)
    return int(said.split()[-1])
