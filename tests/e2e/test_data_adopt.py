"""Data that exists before a store: two members begin from another image's volume, and a dump comes into a MariaDB."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.labs import bare, lab, on_host, with_one_color
from tests.support.members import LIMIT, MEMBERS, container
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.full, pytest.mark.needs("losetup")]
VOLUME = "old_pgdata"
ROWS = 20_000
LEAVE_A_VOLUME = """
export PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH
mkdir -p /v/18/docker
chown -R postgres /v
setpriv --reuid=postgres --regid=postgres --init-groups -- sh -euc '
initdb --no-data-checksums -U seller -A trust -D /v/18/docker >/dev/null
pg_ctl -w -D /v/18/docker -o "-k /tmp" start >/dev/null
psql -h /tmp -U seller -qc "CREATE DATABASE shop" postgres
psql -h /tmp -U seller -qc "CREATE TABLE orders (id int PRIMARY KEY)" shop
psql -h /tmp -U seller -qc "INSERT INTO orders SELECT generate_series(1, $0)" shop
pg_ctl -w -D /v/18/docker stop >/dev/null' "$0"
find /v -exec chown -h 999:999 {} +
"""
"""As the official image leaves it: its user's number, a superuser of another name, and no checksums."""
DIGEST = "find /v -type f -exec md5sum {} + | sort | md5sum"
NAMED = "database: shop, user: seller, password: database-password, limits: {cpus: 1, memory: 512Mi}"
ARCHIVE = (
    f"archive: {{kind: postgresql, build: postgres, {NAMED}, members: 2, direct: {{build: haproxy}}, "
    f"pool: {{build: pgbouncer}}, from: {{volume: {VOLUME}}}}}"
)
ORDERS = f"orders: {{kind: mariadb, build: mariadb, slot: 0, {NAMED}}}"
COUNT = "SELECT count(*), sum(id) FROM orders"
TOTAL = (str(ROWS), str(ROWS * (ROWS + 1) // 2))


def on_the_volume(clone: Clone, script: str, *words: str) -> str:
    """Return what a script says in a plain container of PostgreSQL's image, which has the old volume."""
    label = "{{.Config.Image}}"
    image = on_host(clone, "db1", "docker", "inspect", "-f", label, container(clone, "db1", "postgres"))
    run = ("docker", "run", "--rm", "-v", f"{VOLUME}:/v", image.strip(), "sh", "-euc", script, *words)
    return on_host(clone, "db1", *run).strip()


def counted(clone: Clone, host: str) -> tuple[str, ...]:
    """Return how many orders the member on a host has, and their sum."""
    psql = 'exec psql -h /tmp/postgresql -p "$(ls -A /tmp/postgresql | sed -n "s/^.s.PGSQL.\\([0-9]*\\)$/\\1/p")" "$@"'
    words = ("sh", "-euc", psql, "psql", "-XAtc", COUNT, "-d", "shop", "-F", " ")
    member = container(clone, host, f"archive-{host}")
    return tuple(on_host(clone, host, "docker", "exec", "-u", "postgres", member, *words).split())


def has_all(clone: Clone) -> bool:
    said = clone.run("data", "status", clone.stack).output.splitlines()
    return sum(line.startswith("archive ") and ("running" in line or "streaming" in line) for line in said) == 2


@pytest.mark.timeout(2400)
def test_members_begin_from_another_images_volume_and_a_dump_comes_into_a_mariadb(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with bare(tmp_path / "clone", hosts=MEMBERS) as clone:
        with_one_color(clone)
        clone.edit(clone.stack_file.name, r"(name: db2,.*roles: \[manager)\]", r"\1, database]", subject="Have two")
        lab(clone, "up")
        clone.up()
        on_the_volume(clone, LEAVE_A_VOLUME, str(ROWS))
        before = on_the_volume(clone, DIGEST)

        line = f"  colorway:overrides: {{data-stores: {{{ARCHIVE}, {ORDERS}}}}}\n  colorway:hosts:"
        clone.edit(clone.stack_file.name, r"^  colorway:hosts:$", line, subject="Bring data along")
        clone.up()
        wait_until(lambda: has_all(clone), limit=LIMIT, what="both members are well", every=2)
        assert counted(clone, "db1") == TOTAL, "the first member has a copy"
        assert counted(clone, "db2") == TOTAL, "the other one has copied from it"
        assert on_the_volume(clone, DIGEST) == before, "the old volume is only read"
        assert "archive: has its data; `from` says nothing any more" in clone.run("data", "status", clone.stack).output
        clone.settled()

        values = ",\n".join(f"({number})" for number in range(1, ROWS + 1))
        dump = tmp_path / "orders.sql"
        dump.write_text(f"CREATE TABLE orders (id int PRIMARY KEY);\nINSERT INTO orders VALUES\n{values};\n")
        load = ("data", "load", clone.stack, "orders", "--dump", str(dump))
        assert "which is empty" in clone.run(*load, "--dry-run").output
        clone.run(*load)
        client = (
            "mariadb",
            "--no-defaults",
            "-S",
            "/tmp/mariadb/mariadb.sock",
            "-u",
            "mysql",
            "-NB",
            "shop",
            "-e",
            COUNT,
        )
        server = container(clone, "db1", "orders")
        said = on_host(clone, "db1", "docker", "exec", "-u", "mysql", server, *client)
        assert tuple(said.split()) == TOTAL
        assert "is not empty, it has shop.orders" in clone.run(*load, code=1).output
        clone.down("--data")
        kept = on_host(clone, "db1", "docker", "volume", "ls", "-q").split()
        assert VOLUME in kept, "nothing of theirs is ever deleted"
