"""A MariaDB with two members goes back to a point, as a new generation; the old one stays until it is forgotten."""

from __future__ import annotations

import re

import pytest

from tests.support.backed_up import lost
from tests.support.mariadb import DATABASES, BackedUpPair, sql
from tests.support.wait import wait_until

ROWS = "SELECT CONCAT(COUNT(*), ' ', MAX(id)) FROM shop.events"
pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]


def restored(pair: BackedUpPair, point: str, *words: str, code: int = 0) -> str:
    return pair.clone.run("data", "restore", pair.clone.stack, "orders", "--to", point, *words, code=code).output


def revert(pair: BackedUpPair) -> None:
    pair.clone.git("-c", "user.name=test", "-c", "user.email=test@example.com", "revert", "--no-edit", "HEAD")


def rows(pair: BackedUpPair) -> str:
    return pair.told(ROWS)


def await_on_both(pair: BackedUpPair, said: str, *, what: str) -> None:
    """Wait until each member says the same of its rows."""
    for host in DATABASES:
        wait_until(
            lambda host=host: sql(pair.clone, host, ROWS).split()[-2:] == said.split(), limit=60, what=what, every=2
        )


def take_back(pair: BackedUpPair, point: str) -> None:
    """Have the store go back by four rows and a table, for exactly the loss that is accepted."""
    old = pair.generation
    planned = restored(pair, point, "--dry-run")
    count = lost(planned)
    assert count == 5, planned
    assert f"generation {old + 1} begins from the backup" in planned
    refused = restored(pair, point, code=1)
    assert lost(refused) == count, "nothing is lost that nobody accepted"
    assert f"and not {count - 1}" in restored(pair, point, "--accept-loss", str(count - 1), code=1)
    pair.told("INSERT INTO shop.events (id) VALUES (3000)")
    assert lost(restored(pair, point, "--accept-loss", str(count), code=1)) == count + 1, "it is counted each time"
    assert pair.is_well(), "refused is refused before anything stops"

    said = restored(pair, point, "--accept-loss", str(count + 1))
    assert f"generation {old} is stopped with all that it has; generation {old + 1} begins at {point}" in said
    status = pair.clone.run("data", "status", pair.clone.stack, code=1).output
    assert f"colorway up {pair.clone.stack}" in status, "it says what goes on"
    assert pair.generation == old + 1


def go_back_and_forth(pair: BackedUpPair, old: int) -> None:
    """Go back to the old generation, which has all that it had, and to the new one again."""
    clone = pair.clone
    # More transactions than the old one has lost: its replica, which comes first, would take them for the next ones.
    pair.told("INSERT INTO shop.events (id) VALUES (5000); DELETE FROM shop.events WHERE id = 5000; " * 10)
    pair.told("INSERT INTO shop.events (id) VALUES (5000)")
    revert(pair)
    assert f"goes back from generation {old + 1} to {old}" in clone.run("preview", clone.stack).output
    clone.up()
    pair.await_members()
    await_on_both(pair, "1005 3000", what="all that was accepted to be lost, and no more")
    revert(pair)
    clone.up()
    pair.await_members()
    await_on_both(pair, "1002 5000", what="all that the new one had")


def forget(pair: BackedUpPair, old: int) -> None:
    """Remove the old generation; from then on no way leads back to it."""
    clone = pair.clone
    forgotten = ("data", "forget", clone.stack, "orders", "--yes", "--generation")
    assert "is the one that serves" in clone.run(*forgotten, str(old + 1), code=1).output
    assert f"generation {old} is removed on db1 and db2" in clone.run(*forgotten, str(old)).output
    assert [pair.has(number) for number in (old, old + 1)] == [[], list(DATABASES)]
    assert pair.is_well()
    revert(pair)
    assert (
        f"goes back to generation {old}, of which no host has any data" in clone.run("up", clone.stack, code=1).output
    )
    revert(pair)
    clone.settled()


@pytest.mark.timeout(3600)
def test_a_restore_to_a_point_is_exact_and_the_old_generation_stays(pair: BackedUpPair):
    clone, old = pair.clone, pair.generation
    pair.await_backup()
    pair.told("USE shop; INSERT INTO events (id) SELECT seq FROM seq_1_to_1000")
    point = pair.told("SELECT @@gtid_current_pos")
    assert re.fullmatch(r"\d+-\d+-\d+", point), point
    pair.told("CREATE TABLE shop.latecomers (id int)")
    for number in range(4):
        pair.told(f"INSERT INTO shop.events (id) VALUES ({2000 + number})")

    take_back(pair, point)
    clone.up()
    pair.await_members()
    assert rows(pair) == "1000 1000", "all before the point, and nothing after it"
    assert pair.told("SHOW TABLES FROM shop LIKE 'latecomers'") == ""
    clone.settled()
    pair.await_backup()
    pair.told("INSERT INTO shop.events (id) VALUES (4000)")
    assert [pair.has(number) for number in (old, old + 1)] == [list(DATABASES)] * 2
    kept = clone.run("data", "status", clone.stack).output
    assert f"orders: generation {old} is kept on db1 and db2" in kept

    go_back_and_forth(pair, old)
    forget(pair, old)
