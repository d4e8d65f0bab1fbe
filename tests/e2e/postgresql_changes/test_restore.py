"""A PostgreSQL with two members goes back to a point, as a new generation; the old one stays until it is forgotten."""

from __future__ import annotations

import pytest

from colorway.spec import names
from tests.support.backed_up import DATABASES, BackedUp, lost, still, told, volumes
from tests.support.clone import Clone
from tests.support.members import well

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
POINT = "before-they-came"


def restored(clone: Clone, *words: str, code: int = 0) -> str:
    return clone.run("data", "restore", clone.stack, "postgres", "--to", POINT, *words, code=code).output


def revert(clone: Clone) -> None:
    clone.git("-c", "user.name=test", "-c", "user.email=test@example.com", "revert", "--no-edit", "HEAD")


def rows(clone: Clone) -> list[str]:
    return told(clone, "SELECT count(*) || ' ' || max(id) FROM events").splitlines()


def has(clone: Clone, generation: int) -> list[str]:
    """Return the hosts that have a volume of a generation."""
    there = volumes(clone)
    return [
        host for host in DATABASES if names.generation_volume(clone.stack, "postgres", host, generation) in there[host]
    ]


def take_back(store: BackedUp) -> None:
    """Have the store go back by four rows and a table, for exactly the loss that is accepted."""
    clone, old = store.clone, store.generation
    planned = restored(clone, "--dry-run")
    count = lost(planned)
    assert count == 5, planned
    refused = restored(clone, code=1)
    assert lost(refused) == count, "nothing is lost that nobody accepted"
    assert f"and not {count - 1}" in restored(clone, "--accept-loss", str(count - 1), code=1)
    told(clone, "INSERT INTO events VALUES (3000)")
    assert lost(restored(clone, "--accept-loss", str(count), code=1)) == count + 1, "it is counted each time"
    assert well(clone), "refused is refused before anything stops"

    said = restored(clone, "--accept-loss", str(count + 1))
    assert f"generation {old} is stopped with all that it has; generation {old + 1} begins at {POINT}" in said
    status = clone.run("data", "status", clone.stack, code=1).output
    assert f"colorway up {clone.stack}" in status, "it says what goes on"
    assert store.generation == old + 1


def go_back_and_forth(store: BackedUp, old: int) -> None:
    """Go back to the old generation, which has all that it had, and to the new one again."""
    clone = store.clone
    revert(clone)
    went_back = clone.run("preview", clone.stack).output
    assert f"goes back from generation {old + 1} to {old}" in went_back
    clone.up()
    store.await_members()
    assert rows(clone) == ["1005 3000"], "all that was accepted to be lost"
    revert(clone)
    clone.up()
    store.await_members()
    assert rows(clone) == ["1001 4000"]


def forget(store: BackedUp, old: int) -> None:
    """Remove the old generation, and no other one; from then on no way leads back to it."""
    clone = store.clone
    others = [number for number in range(1, old) if has(clone, number)]
    forgotten = ("data", "forget", clone.stack, "postgres", "--yes", "--generation")
    assert "is the one that serves" in clone.run(*forgotten, str(old + 1), code=1).output
    assert f"generation {old} is removed on db1 and db2" in clone.run(*forgotten, str(old)).output
    assert has(clone, old) == []
    assert has(clone, old + 1) == list(DATABASES)
    assert [number for number in range(1, old) if has(clone, number)] == others
    assert well(clone)
    revert(clone)
    for command in ("preview", "up"):
        said = clone.run(command, clone.stack, code=1).output
        assert f"goes back to generation {old}, of which no host has any data" in said
    revert(clone)
    clone.settled()


@pytest.mark.timeout(3600)
def test_a_restore_to_a_point_is_exact_and_the_old_generation_stays(store: BackedUp):
    clone, old = store.clone, store.generation
    # What the server commits by itself would be counted, too.
    told(clone, "ALTER SYSTEM SET autovacuum = off")
    told(clone, "SELECT pg_reload_conf()")
    store.await_backup()
    told(clone, "INSERT INTO events SELECT generate_series(1, 1000)")
    still(clone)
    told(clone, f"SELECT pg_create_restore_point('{POINT}')")
    with store.archived():
        told(clone, "CREATE TABLE latecomers (id int)")
        for number in range(4):
            told(clone, f"INSERT INTO events VALUES ({2000 + number})")

    take_back(store)
    clone.up()
    store.await_members()
    assert rows(clone) == ["1000 1000"], "all before the point, and nothing after it"
    assert told(clone, "SELECT to_regclass('latecomers') IS NULL") == "t"
    clone.settled()
    store.await_backup()
    told(clone, "INSERT INTO events VALUES (4000)")
    assert [has(clone, number) for number in (old, old + 1)] == [list(DATABASES)] * 2
    kept = clone.run("data", "status", clone.stack).output
    assert f"postgres: generation {old} is kept on db1 and db2" in kept

    go_back_and_forth(store, old)
    forget(store, old)
