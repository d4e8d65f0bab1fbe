"""A release with migrations in the lab: closed by whatever is wrong, and what is not backward compatible waits."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.backed_up import BackedUp, lost, still, told
from tests.support.clone import Clone
from tests.support.command import Command
from tests.support.labs import is_well, lab, says
from tests.support.members import LIMIT, leader, well
from tests.support.releasing import NARROWER, WIDER
from tests.support.s3 import Bucket
from tests.support.wait import wait_until
from tests.support.writes import writing

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
FORGOTTEN = """
import os, sys, time, psycopg
password = open(os.environ["DATABASE_PASSWORD_FILE"]).read().strip()
names = {key: os.environ[f"DATABASE_{key.upper()}"] for key in ("host", "user")}
names |= {"dbname": os.environ["DATABASE_NAME"], "application_name": "forgotten"}
with psycopg.connect(password=password, **names) as connection:
    while True:
        connection.execute(sys.argv[1])
        time.sleep(1)
"""
"""A client that never ends its transaction; it ends with its connection."""


def closed(clone: Clone, words: str) -> None:
    """Check that a release is refused with what opens the gate, and that nothing was changed."""
    head, versions = clone.git("rev-parse", "HEAD"), says(clone)["installed"]
    said = clone.run("release", WIDER, "--stack", clone.stack, "--stages", "100", "--yes", code=1).output
    assert re.search(words, said), said
    assert clone.git("rev-parse", "HEAD") == head, "no commit"
    assert clone.git("status", "--porcelain") == "", "no edit"
    assert says(clone)["installed"] == versions, "no color has come up"
    assert not has_table(clone), "no migration has run"


def has_table(clone: Clone) -> bool:
    """Return whether the table is there that one version brings and the next one drops."""
    return told(clone, "SELECT to_regclass('spare') IS NOT NULL") == "t"


@contextmanager
def forgotten(clone: Clone, statement: str = "SELECT 1", *, older_than: int = 0) -> Iterator[None]:
    """Hold a transaction open that has asked something, and is older than so many seconds."""
    ours = "application_name = 'forgotten' AND xact_start IS NOT NULL"
    client = clone.start("run", clone.stack, "api", "--", "python3", "-c", FORGOTTEN, statement)
    try:
        asked = f"SELECT count(*) FROM pg_stat_activity WHERE {ours} AND xact_start < now() - interval '{older_than} s'"
        wait_until(lambda: told(clone, asked) != "0", limit=LIMIT, what="a transaction is open", every=2)
        yield
    finally:
        told(clone, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
        client.wait(timeout=LIMIT)


def finish_beside_a_lock(clone: Clone) -> str:
    """Have the held migration run while somebody reads what it drops, and return what `finish` says.

    It gives up, so that nobody waits behind it for long, and is tried again.
    """
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'DROP TABLE spare'"
    [color] = [color for color, version in says(clone)["installed"]["versions"].items() if version == NARROWER]
    with writing(clone, service=f"api-{color}", host="app1", to="postgres") as writes:
        with forgotten(clone, "SELECT count(*) FROM spare"):
            finish = Command.start(clone, "finish", "--stack", clone.stack, "--yes")
            for count, what in (("1", "the migration waits for the lock"), ("0", "it gives up")):
                wait_until(lambda count=count: told(clone, waiting) == count, limit=LIMIT, what=what, every=0.5)
            assert finish.process.poll() is None, "and is tried again"
            assert has_table(clone)
        said = finish.end(code=0, limit=LIMIT)
        writes.stop()
        print(f"beside a lock: {writes.longest_gap():.1f} s without a write of others, {len(writes.failed)} failed")
    assert writes.failed == []
    return said


@contextmanager
def without_the_other(clone: Clone) -> Iterator[None]:
    """Take the host of the member that follows away; the leader is on the first one, as Redis is."""
    if leader(clone) != "db1":
        clone.run("data", "switchover", clone.stack, "postgres", "--to", "db1")
    lab(clone, "fault", "cut", "db2")
    try:
        wait_until(lambda: not well(clone), limit=LIMIT, what="the other one is missed", every=2)
        yield
    finally:
        lab(clone, "fault", "cut", "db2", "--undo")
        wait_until(lambda: well(clone) and is_well(clone), limit=LIMIT, what="all is well again", every=3)


@contextmanager
def without_the_repository(clone: Clone, bucket: Bucket) -> Iterator[None]:
    """Let the repository say no to what is archived."""
    fails = "SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) FROM pg_stat_archiver"
    with bucket.refusing():
        told(clone, "INSERT INTO events SELECT max(id) + 1 FROM events")
        told(clone, "SELECT pg_switch_wal()")
        wait_until(lambda: told(clone, fails) == "t", limit=LIMIT, what="the archive fails", every=2)
        yield
    wait_until(lambda: told(clone, fails) == "f", limit=LIMIT, what="what was kept is archived", every=2)


def released(clone: Clone, version: str) -> str:
    """Release a version to everybody at once, and return what the command says."""
    return clone.run("release", version, "--stack", clone.stack, "--stages", "100", "--yes").output


def message(clone: Clone, step: str) -> str:
    """Return the message of the newest commit of a step."""
    return clone.git("log", "-1", "--format=%B", f"--grep=^Colorway-Step: {step}$")


def go_all_the_way_back(store: BackedUp) -> None:
    """Undo a release and what was written since: traffic first, then the data, for the loss that is accepted."""
    clone, old = store.clone, store.generation
    clone.run("rollback", "--stack", clone.stack, "--yes")
    assert has_table(clone), "a rollback alone leaves the data as they are"
    told(clone, "ALTER SYSTEM SET autovacuum = off")
    told(clone, "SELECT pg_reload_conf()")
    told(clone, "DELETE FROM events")
    still(clone)
    restore = ("data", "restore", clone.stack, "postgres", "--to", f"release-{WIDER}")
    count = lost(clone.run(*restore, "--dry-run").output)
    assert count >= 2, "the migration, and the rows that are gone"
    assert f"and not {count - 1}" in clone.run(*restore, "--accept-loss", str(count - 1), code=1).output
    began = time.monotonic()
    clone.run(*restore, "--accept-loss", str(count))
    clone.up()
    store.await_members()
    print(f"full rollback: {time.monotonic() - began:.0f} s for the data, {count} commits lost as printed")
    assert not has_table(clone), "as it was before the release"
    assert told(clone, "SELECT count(*) FROM events") == "2"
    assert says(clone)["installed"]["versions"] == {"blue": "1.0.0", "green": None}
    kept = clone.run("data", "status", clone.stack).output
    assert f"postgres: generation {old} is kept on db1 and db2" in kept, "what was lost can still be read"


@pytest.mark.timeout(3600)
def test_migrations_run_only_where_they_can_be_undone_and_harm_nobody(store: BackedUp):
    clone, bucket = store.clone, store.bucket
    store.await_backup()
    with store.archived():
        told(clone, "INSERT INTO events VALUES (1)")
    with bucket.refusing():
        clone.run("data", "verify-backup", clone.stack, "postgres", code=1)
    closed(clone, r"postgres: the last restore of its backup failed.*verify-ba")

    clone.run("data", "verify-backup", clone.stack, "postgres")
    with forgotten(clone, older_than=61):
        closed(clone, r"postgres: a transaction has been open for \d+ s .*; end it, then run the command again")
    with without_the_other(clone):
        closed(clone, "postgres: commits are on db1 alone, whose loss would take the migration")
    with without_the_repository(clone, bucket):
        closed(clone, "postgres: its archive fails, so no point could be restored; see the log of")

    released(clone, WIDER)
    assert has_table(clone), "the gate is open"
    begun = message(clone, "start")
    assert f"restore point release-{WIDER} is archived" in begun, begun

    go_all_the_way_back(store)
    store.await_backup()
    clone.run("data", "verify-backup", clone.stack, "postgres")
    released(clone, WIDER)
    clone.run("finish", "--stack", clone.stack, "--yes")

    said = released(clone, NARROWER)
    waits = "9003-drops-a-table is held until `finish` has turned"
    assert waits in said
    assert waits in message(clone, "start"), "git says why the schema is still the old one"
    assert has_table(clone), "the old color is still on"
    assert says(clone)["release"]["waits"] == ["9003-drops-a-table"]
    ended = finish_beside_a_lock(clone)
    assert "only a restore leads back" in ended, "said before it runs"
    assert not has_table(clone)
    assert f"restore point finish-{NARROWER} is archived" in message(clone, "finish")
    assert says(clone)["release"]["waits"] == []
    refused = clone.run("release", WIDER, "--stack", clone.stack, "--yes", code=1).output
    assert f"{WIDER} does not list 9003-drops-a-table" in refused, "it would not work any more"
    clone.settled()
