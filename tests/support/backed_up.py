"""A PostgreSQL with two members in a lab that is backed up into a bucket: what is there, and what a proof says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.clone import Clone
from tests.support.labs import NETWORK, bare, lab, with_one_color
from tests.support.members import LIMIT, MEMBERS, in_task, inside, leader, port, well, with_two_members
from tests.support.s3 import Bucket, running_s3
from tests.support.wait import wait_until

EVENTS = "CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
"""The table that a proof asks for its newest row."""
SEGMENT = re.compile(r"archive/postgres/18-1/[0-9A-F]{16}/(?P<name>[0-9A-F]{24})-")
BACKED_UP = (
    "members: 2, backup: {repository: offsite, keep: 2d}, "
    "verify: {every: 24h, newest: select max(at) from events, age: 1h}"
)


@contextmanager
def backed_up(folder: Path, *, prepare: Callable[[Clone], None] | None = None) -> Iterator[tuple[Clone, Bucket]]:
    """Yield a checkout whose platform is up, its two members well, their table made; all is gone at the end.

    Args:
        folder: Where the checkout and the bucket are made.
        prepare: What is committed besides before the first `up`.
    """
    with bare(folder / "clone", hosts=MEMBERS) as clone:
        with_one_color(clone)
        with_two_members(clone)
        lab(clone, "up")
        with running_s3(folder / "s3", address=f"{NETWORK}.1") as bucket:
            with_backups(clone, bucket)
            if prepare is not None:
                prepare(clone)
            clone.up()
            wait_until(lambda: well(clone), limit=LIMIT, what="both members are well", every=2)
            told(clone, EVENTS)
            yield clone, bucket
            clone.down("--data")


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
    once = "sh /colorway-entry.sh 0 demo 'select max(at) from events' 3600 || echo '{\"ended\": \"with an error\"}'"
    said = in_task(clone, "mon1", "postgres-verify", once)
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


def await_backup(bucket: Bucket) -> None:
    """Wait until a first backup is there, which is made by itself."""
    wait_until(lambda: fulls(bucket), limit=LIMIT, what="a first backup is made by itself", every=2)


def still(clone: Clone) -> None:
    """End what writes by itself, as whoever restores does before, and wait until nobody writes any more."""
    scheduler = f"{clone.stack}-scheduler-blue=0"
    lab(clone, "exec", "mon1", "--", "docker", "service", "scale", "--detach", scheduler)
    seen = [""]

    def is_still() -> bool:
        seen.append(told(clone, "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"))
        return seen[-1] == seen[-2]

    wait_until(is_still, limit=LIMIT, what="nobody writes", every=5)


def lost(said: str) -> int:
    """Return how many commits a restore says that it would lose."""
    found = re.search(r"(\d+) commits came after", said)
    assert found, said
    return int(found[1])
