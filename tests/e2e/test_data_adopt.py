"""Data that exists before a store: another image's volume, a pgBackRest repository of somebody else's, dumps."""

from __future__ import annotations

import hashlib
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.labs import NETWORK, bare, connected, lab, on_host, with_few_checks, with_one_color
from tests.support.members import LIMIT, MEMBERS, container
from tests.support.s3 import Bucket, running_s3
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
LEAVE_A_REPOSITORY = """
export PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH
printf %s "$2" >/tmp/ca.pem
cat >/tmp/theirs.conf <<END
[global]
repo1-type=s3
repo1-s3-endpoint=$1
repo1-s3-bucket=backups
repo1-s3-region=us-east-1
repo1-s3-uri-style=path
repo1-s3-key=their-key
repo1-s3-key-secret=their-secret
repo1-path=/theirs
repo1-storage-ca-file=/tmp/ca.pem
repo1-bundle=y
start-fast=y
log-level-file=off
[main]
pg1-path=/tmp/theirs
pg1-socket-path=/tmp
END
cat >/tmp/leave.sh <<'END'
initdb -A trust -D /tmp/theirs >/dev/null
cat >>/tmp/theirs/postgresql.conf <<'SETTINGS'
archive_mode = on
archive_command = 'pgbackrest --config=/tmp/theirs.conf --stanza=main archive-push %p'
unix_socket_directories = '/tmp'
SETTINGS
pg_ctl -w -D /tmp/theirs start >/dev/null
tell() { psql -h /tmp -XAtqc "$1" "${2:-shop}"; }
tell "CREATE DATABASE shop" postgres
tell "CREATE TABLE orders (id int PRIMARY KEY)"
pgbackrest --config=/tmp/theirs.conf --stanza=main stanza-create
pgbackrest --config=/tmp/theirs.conf --stanza=main --type=full backup
tell "INSERT INTO orders SELECT generate_series(1, $0)"
tell "SELECT pg_sleep(1.1)"
echo "until $(tell "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')")+00"
tell "SELECT pg_sleep(1.1)"
tell "DELETE FROM orders"
tell "SELECT pg_switch_wal()" >/dev/null
pg_ctl -w -D /tmp/theirs stop >/dev/null
END
setpriv --reuid=postgres --regid=postgres --init-groups -- sh -eu -c '. /tmp/leave.sh' "$0"
"""
"""A backup without the orders, the log of them, and of their loss."""
DIGEST = "find /v -type f -exec md5sum {} + | sort | md5sum"
NAMED = "database: shop, user: seller, password: database-password, limits: {cpus: 1, memory: 512Mi}"
ORDERS = f"orders: {{kind: mariadb, build: mariadb, slot: 0, {NAMED}}}"
COUNT = "SELECT count(*), sum(id) FROM orders"
TOTAL = (str(ROWS), str(ROWS * (ROWS + 1) // 2))


def begun(name: str, source: str) -> str:
    """Return a PostgreSQL with two members that begins from somewhere."""
    helpers = "direct: {build: haproxy}, pool: {build: pgbouncer}"
    return f"{name}: {{kind: postgresql, build: postgres, {NAMED}, members: 2, {helpers}, from: {{{source}}}}}"


def leave_a_repository(clone: Clone, bucket: Bucket) -> str:
    """Have a server of somebody else's back itself up into a bucket; return the last time that counts."""
    run = ("docker", "run", "--rm", image(clone), "sh", "-euc", LEAVE_A_REPOSITORY, str(ROWS))
    said = on_host(clone, "db1", *run, bucket.endpoint, bucket.certificate)
    found = re.search(r"^until (.*)$", said, re.MULTILINE)
    assert found, said
    return found[1]


def theirs(bucket: Bucket) -> dict[str, str]:
    """Return the digest of each object of a bucket."""
    return {name: hashlib.md5(bucket.path(name).read_bytes()).hexdigest() for name in bucket.objects()}


def image(clone: Clone) -> str:
    """Return the image of the demo's PostgreSQL."""
    server = container(clone, "db1", "postgres")
    return on_host(clone, "db1", "docker", "inspect", "-f", "{{.Config.Image}}", server).strip()


def on_the_volume(clone: Clone, script: str, *words: str) -> str:
    """Return what a script says in a plain container of PostgreSQL's image, which has the old volume."""
    run = ("docker", "run", "--rm", "-v", f"{VOLUME}:/v", image(clone), "sh", "-euc", script, *words)
    return on_host(clone, "db1", *run).strip()


def counted(clone: Clone, store: str, host: str) -> tuple[str, ...]:
    """Return how many orders a store's member on a host has, and their sum."""
    psql = 'exec psql -h /tmp/postgresql -p "$(ls -A /tmp/postgresql | sed -n "s/^.s.PGSQL.\\([0-9]*\\)$/\\1/p")" "$@"'
    words = ("sh", "-euc", psql, "psql", "-XAtc", COUNT, "-d", "shop", "-F", " ")
    member = container(clone, host, f"{store}-{host}")
    return tuple(on_host(clone, host, "docker", "exec", "-u", "postgres", member, *words).split())


def has_all(clone: Clone) -> bool:
    said = clone.run("data", "status", clone.stack).output.splitlines()
    runs = [line.split()[0] for line in said if "running" in line or "streaming" in line]
    return (runs.count("archive"), runs.count("copied")) == (2, 2)


def bring_along(clone: Clone, bucket: Bucket, time: str) -> None:
    """Commit stores that begin from what is there."""
    (clone.path / "platforms" / "s3.pem").write_text(bucket.certificate, encoding="ascii")
    clone.git("add", "platforms/s3.pem")
    named = "key: their-key, secret: their-secret"
    place = f"kind: s3, endpoint: '{bucket.endpoint}', bucket: backups, path-style: true, ca: platforms/s3.pem, {named}"
    secrets = "secrets: {their-key: {}, their-secret: {}}"
    archive = begun("archive", f"volume: {VOLUME}")
    copied = begun("copied", f"repository: theirs, stanza: main, path: /theirs, time: '{time}'")
    stores = f"data-stores: {{{archive}, {copied}, {ORDERS}}}"
    overrides = f"  colorway:overrides: {{{secrets}, backups: {{theirs: {{{place}}}}}, {stores}}}"
    clone.edit(
        clone.stack_file.name, r"^  colorway:hosts:$", f"{overrides}\n  colorway:hosts:", subject="Bring data along"
    )


def take_a_dump(clone: Clone, dump: Path) -> None:
    """Have a MariaDB take a dump, once."""
    values = ",\n".join(f"({number})" for number in range(1, ROWS + 1))
    dump.write_text(f"CREATE TABLE orders (id int PRIMARY KEY);\nINSERT INTO orders VALUES\n{values};\n")
    load = ("data", "load", clone.stack, "orders", "--dump", str(dump))
    assert "which is empty" in clone.run(*load, "--dry-run").output
    clone.run(*load)
    client = ("mariadb", "--no-defaults", "-S", "/tmp/mariadb/mariadb.sock", "-u", "mysql", "-NB", "shop", "-e", COUNT)
    server = container(clone, "db1", "orders")
    said = on_host(clone, "db1", "docker", "exec", "-u", "mysql", server, *client)
    assert tuple(said.split()) == TOTAL
    assert "is not empty, it has shop.orders" in clone.run(*load, code=1).output


@pytest.mark.timeout(2400)
def test_stores_begin_from_what_others_have_left_and_change_nothing_of_it(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with bare(tmp_path / "clone", hosts=MEMBERS) as clone, ExitStack() as stack:
        with_one_color(clone)
        with_few_checks(clone)
        clone.edit(clone.stack_file.name, r"(name: db2,.*roles: \[manager)\]", r"\1, database]", subject="Have two")
        lab(clone, "up")
        stack.enter_context(connected(clone))
        # Its address is the lab's.
        bucket = stack.enter_context(running_s3(tmp_path / "s3", address=f"{NETWORK}.1"))
        clone.up()
        on_the_volume(clone, LEAVE_A_VOLUME, str(ROWS))
        before = on_the_volume(clone, DIGEST)
        time = leave_a_repository(clone, bucket)
        archived = theirs(bucket)

        bring_along(clone, bucket, time)
        clone.up()
        wait_until(lambda: has_all(clone), limit=LIMIT, what="all members are well", every=5)
        for store in ("archive", "copied"):
            assert counted(clone, store, "db1") == TOTAL, "the first member has a copy"
            assert counted(clone, store, "db2") == TOTAL, "the other one has copied from it"
        assert on_the_volume(clone, DIGEST) == before, "the old volume is only read"
        assert theirs(bucket) == archived, "their repository, too"
        status = clone.run("data", "status", clone.stack).output
        for store in ("archive", "copied"):
            assert f"{store}: has its data; `from` says nothing any more" in status
        clone.settled()

        take_a_dump(clone, tmp_path / "orders.sql")
        clone.down("--data")
        kept = on_host(clone, "db1", "docker", "volume", "ls", "-q").split()
        assert VOLUME in kept, "nothing of theirs is ever deleted"
        assert theirs(bucket) == archived
