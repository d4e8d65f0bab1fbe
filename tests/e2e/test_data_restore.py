"""A PostgreSQL with two members in the lab goes back to a point, as a new generation; the old one stays until told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.backed_up import archived, await_backup, backed_up, fulls, lost, still, told
from tests.support.clone import Clone
from tests.support.labs import lab
from tests.support.members import LIMIT, well
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
DATABASES = ("db1", "db2")


def volumes(clone: Clone) -> dict[str, list[str]]:
    """Return the volumes of PostgreSQL on each of its hosts."""
    filters = ("--filter", f"name={clone.stack}-postgres")
    return {
        host: sorted(lab(clone, "exec", host, "--", "docker", "volume", "ls", "--quiet", *filters).split())
        for host in DATABASES
    }


def restored(clone: Clone, *words: str, code: int = 0) -> str:
    return clone.run("data", "restore", clone.stack, "postgres", "--to", "before-the-mistake", *words, code=code).output


def revert(clone: Clone) -> None:
    clone.git("-c", "user.name=test", "-c", "user.email=test@example.com", "revert", "--no-edit", "HEAD")


def rows(clone: Clone) -> list[str]:
    return told(clone, "SELECT count(*) || ' ' || max(id) FROM events").splitlines()


def take_back(clone: Clone) -> None:
    """Have the store go back by four rows and a table, for exactly the loss that is accepted."""
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
    assert "generation 1 is stopped with all that it has; generation 2 begins at before-the-mistake" in said
    status = clone.run("data", "status", clone.stack, code=1).output
    assert f"colorway up {clone.stack}" in status, "it says what goes on"
    assert "generation: 2" in clone.stack_file.read_text(encoding="utf-8")


def go_back_and_forth(clone: Clone) -> None:
    """Go back to the old generation, which has all that it had, and to the new one again."""
    revert(clone)
    went_back = clone.run("preview", clone.stack).output
    assert "goes back from generation 2 to 1" in went_back
    clone.up()
    wait_until(lambda: well(clone), limit=LIMIT, what="both members of the old one are well", every=2)
    assert rows(clone) == ["1005 3000"], "all that was accepted to be lost"
    revert(clone)
    clone.up()
    wait_until(lambda: well(clone), limit=LIMIT, what="both members of the new one are well", every=2)
    assert rows(clone) == ["1001 4000"]


def forget_the_first(clone: Clone) -> None:
    """Remove the old generation, and no other one."""
    forget = ("data", "forget", clone.stack, "postgres", "--yes", "--generation")
    assert "is the one that serves" in clone.run(*forget, "2", code=1).output
    assert "generation 1 is removed on db1 and db2" in clone.run(*forget, "1").output
    assert volumes(clone) == {host: [f"{clone.stack}-postgres.2-{host}"] for host in DATABASES}
    assert well(clone)
    assert clone.up().changed == {}


@pytest.mark.timeout(3600)
def test_a_restore_to_a_point_is_exact_and_the_old_generation_stays(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with backed_up(tmp_path) as (clone, bucket):
        # What the server commits by itself would be counted, too.
        told(clone, "ALTER SYSTEM SET autovacuum = off")
        told(clone, "SELECT pg_reload_conf()")
        await_backup(bucket)
        told(clone, "INSERT INTO events SELECT generate_series(1, 1000)")
        still(clone)
        told(clone, "SELECT pg_create_restore_point('before-the-mistake')")
        with archived(clone, bucket):
            told(clone, "CREATE TABLE mistake (id int)")
            for number in range(4):
                told(clone, f"INSERT INTO events VALUES ({2000 + number})")

        take_back(clone)
        clone.up()
        wait_until(lambda: well(clone), limit=LIMIT, what="both members of the new generation are well", every=2)
        assert rows(clone) == ["1000 1000"], "all before the point, and nothing after it"
        assert told(clone, "SELECT to_regclass('mistake') IS NULL") == "t"
        assert clone.up().changed == {}, "the second `up` changes nothing"
        wait_until(lambda: len(fulls(bucket)) > 1, limit=LIMIT, what="the new generation is backed up", every=2)
        told(clone, "INSERT INTO events VALUES (4000)")
        both = [f"{clone.stack}-postgres-{{}}", f"{clone.stack}-postgres.2-{{}}"]
        assert volumes(clone) == {host: [one.format(host) for one in both] for host in DATABASES}
        kept = clone.run("data", "status", clone.stack).output
        assert "postgres: generation 1 is kept on db1 and db2" in kept

        go_back_and_forth(clone)
        forget_the_first(clone)
        clone.down()
        assert volumes(clone) == {host: [] for host in DATABASES}
