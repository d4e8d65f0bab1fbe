"""What runs is changed under a PostgreSQL's clients: its members begin anew one after the other, and no write fails."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest

from colorway.data.store_line import with_kept
from tests.support.backed_up import BackedUp
from tests.support.clone import Clone
from tests.support.command import Command
from tests.support.labs import on_host
from tests.support.members import LIMIT, inside, leader, members, sql, there, well
from tests.support.shop import set_secrets
from tests.support.wait import wait_until
from tests.support.writes import SCRIPT, Writes, writing

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
GAP = 5
"""Seconds without a write that are promised. Six times of it are red: the machine is busy."""

VOLUME = "/var/lib/postgresql/data"
"""Outlives the member's container."""


@pytest.fixture
def store(store: BackedUp) -> Clone:
    """All well."""
    return store.clone


def nobody_noticed(store: Clone, writes: Writes, *, what: str) -> None:
    """Assert that no write has failed, none is lost, and none waited for long."""
    count = len(writes.done)
    wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)
    writes.stop()
    gap = writes.longest_gap()
    print(f"{what}: {gap:.1f} s without a write (promised: {GAP}), {len(writes.failed)} of {len(writes.all)} failed")
    assert writes.failed == [], "clients wait, and none fails"
    leads = leader(store)
    assert leads is not None
    assert {one.key for one in writes.done} <= there(store, leads), "what was acknowledged is there"
    assert gap <= 6 * GAP


def setting(store: Clone, host: str, name: str) -> str:
    """Return a setting of the member on a host."""
    return sql(store, host, f"SHOW {name}")


def with_another_image(store: Clone, label: str) -> None:
    """Commit another image of the members."""
    store.edit("images/postgres/Dockerfile", r"^EXPOSE 5432$", f"LABEL {label}=1\nEXPOSE 5432", subject="Build anew")


def images(store: Clone) -> dict[str, str]:
    """Return the image of each member's container by its host."""
    listed = {}
    for host in ("db1", "db2"):
        label = f"label=com.docker.swarm.service.name={store.stack}-postgres-{host}"
        listed[host] = on_host(store, host, "docker", "ps", "-f", label, "--format", "{{.Image}}").strip()
    return listed


def both_wait(store: Clone) -> bool:
    """Return whether the command says that both members wait for a restart; whoever leads is named first."""
    said, _ = store.start("data", "status", store.stack).communicate(timeout=300)
    return re.search(r"settings of (db1, db2|db2, db1) wait for a restart", said) is not None


@pytest.mark.timeout(2400)
def test_a_parameter_that_waits_for_a_restart_gets_it_by_command(store: Clone):
    more = "members: 2, parameters: {max_connections: 210},"
    store.edit(store.stack_file.name, "members: 2,", more, subject="Let more come in")
    with writing(store, service="api-blue", host="app1", to="postgres") as writes:
        store.up()
        wait_until(lambda: both_wait(store), limit=LIMIT, what="both members wait for a restart", every=5)
        assert {setting(store, host, "max_connections") for host in ("db1", "db2")} == {"200"}, (
            "nothing restarts unasked"
        )
        said = store.run("data", "restart", store.stack, "postgres").output
        assert "the members have restarted, and all of them are well" in said
        nobody_noticed(store, writes, what="rolling restart")
    assert {setting(store, host, "max_connections") for host in ("db1", "db2")} == {"210"}
    again = store.run("data", "restart", store.stack, "postgres").output
    assert "no member has settings that only a restart gives it" in again
    store.settled()


@pytest.mark.timeout(2400)
def test_another_image_replaces_the_members_one_after_the_other(store: Clone):
    before = images(store)
    # It is the first to be replaced, so that the lead moves twice.
    if leader(store) != "db1":
        store.run("data", "switchover", store.stack, "postgres", "--to", "db1")
    with writing(store, service="api-blue", host="app1", to="postgres") as writes:
        with_another_image(store, "rolled")
        said = store.up().output
        assert re.findall(r"the lead goes from (\w+) to (\w+)", said) == [("db1", "db2"), ("db2", "db1")]
        wait_until(lambda: well(store), limit=LIMIT, what="both members are well", every=2)
        nobody_noticed(store, writes, what="another image")
    after = images(store)
    assert all(before[host] != after[host] for host in before), after
    store.settled()


def with_certificates(store: Clone, number: int) -> None:
    """Commit which certificates the members have."""
    pattern = r"^  colorway:(certificates: \d+\n  colorway:)?hosts:$"
    line = f"  colorway:certificates: {number}\n  colorway:hosts:"
    store.edit(store.stack_file.name, pattern, line, subject=f"Have the certificates {number}")


def let_in(store: Clone) -> str:
    """Return what the member on db1 says to whoever comes with the certificate that it had at first."""
    address, _, number = members(store)["db1"]["Host"].partition(":")
    came = (
        f"host={address} port={number} user=postgres dbname=postgres sslmode=verify-ca connect_timeout=5 "
        f"sslrootcert=/dev/shm/colorway/ca.crt sslcert={VOLUME}/member.crt sslkey={VOLUME}/member.key"
    )
    return inside(store, "db1", "sh", "-c", f"psql '{came}' -XAtc 'SELECT 1' 2>&1 || :")


@pytest.mark.timeout(3600)
def test_new_certificates_come_while_all_goes_on_and_the_first_ones_are_refused(store: Clone):
    keep = f"cp /dev/shm/colorway/member.crt /dev/shm/colorway/member.key {VOLUME}/"
    inside(store, "db1", "sh", "-c", keep)
    assert let_in(store).strip() == "1", "whoever has a member's certificate is the superuser"
    with writing(store, service="api-blue", host="app1", to="postgres") as writes:
        for number in (2, 3):
            with_certificates(store, number)
            store.up()
            wait_until(lambda: well(store), limit=LIMIT, what="both members are well", every=2)
        nobody_noticed(store, writes, what="new certificates, twice")
    store.settled()
    said = let_in(store)
    assert re.search(r"unknown ca|certificate", said), said


@pytest.mark.timeout(2400)
def test_an_up_that_is_killed_between_two_members_is_gone_on_with(store: Clone):
    before = images(store)
    with writing(store, service="api-blue", host="app1", to="postgres") as writes:
        with_another_image(store, "killed")
        run = Command.start(store, "up", store.stack)
        run.wait_for(r"^ +~ postgres-db1\b", limit=LIMIT)
        run.kill()
        wait_until(lambda: well(store), limit=LIMIT, what="one leads and the other one follows", every=2)
        assert [one["Role"] for one in members(store).values()].count("Leader") == 1
        store.up()
        wait_until(lambda: well(store), limit=LIMIT, what="both members are well", every=2)
        # Its pools may have been told to wait when it was killed; they go on by themselves.
        count = len(writes.done)
        wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)
        writes.stop()
        print(f"killed: {writes.longest_gap():.1f} s without a write, {len(writes.failed)} failed")
    leads = leader(store)
    assert leads is not None
    assert {one.key for one in writes.done} <= there(store, leads), "what was acknowledged is there"
    after = images(store)
    assert all(before[host] != after[host] for host in before), after
    store.settled()


BESIDE = SCRIPT.replace('    first.execute("TRUNCATE writes")\n', "").replace('f"{number}-', 'f"beside-{number}-')
"""Writers that leave there what others have written."""
LETS_IN = """
import sys, psycopg
try:
    psycopg.connect(host=sys.argv[1], user="demo", dbname="demo", password=sys.stdin.read(), connect_timeout=10)
    print("let in")
except psycopg.OperationalError as error:
    print(error)
"""


def in_a_task(store: Clone, *words: str) -> str:
    """Return what a program says in the newest task of the service that writes."""
    label = f"label=com.docker.swarm.service.name={store.stack}-api-blue"
    container = on_host(store, "app1", "docker", "ps", "-q", "-f", label).split()[0]
    return on_host(store, "app1", "docker", "exec", container, *words)


@pytest.mark.timeout(3600)
def test_a_new_password_comes_while_all_goes_on_and_the_old_one_is_refused(store: Clone, pulumi_cli: Path):
    old = in_a_task(store, "cat", "/run/secrets/database-password").strip()
    before = images(store)
    set_secrets(store, pulumi_cli, {"secrets:database-password": secrets.token_hex(24)})
    store.commit("Set a new password")
    assert "has another password" in store.up(code=1).output, "under those that are logged in nothing is changed"
    with writing(store, service="api-blue", host="app1", to="postgres") as first:
        file = store.stack_file
        file.write_text(with_kept(file.read_text(), "postgres", {"login": 2}, name=file.name))
        store.commit("Have another login")
        run = Command.start(store, "up", store.stack)
        wait_until(
            lambda: in_a_task(store, "printenv", "DATABASE_USER").strip() == "demo_2",
            limit=LIMIT,
            what="a task has the new login",
            every=1,
        )
        with writing(store, service="api-blue", host="app1", to="postgres", script=BESIDE) as second:
            # It ends with its task.
            first.command.process.wait(LIMIT)
            assert run.process.wait(LIMIT) == 0, run.output
            nobody_noticed(store, second, what="another login")
    print(f"another login: {len(first.failed)} of {len(first.all)} failed with the old one")
    assert first.failed == [], "the old login counts until its last task is gone"
    leads = leader(store)
    assert leads is not None
    assert {one.key for one in first.done} <= there(store, leads), "what was acknowledged is there"
    for host in ("postgres", "postgres-direct"):
        said = in_a_task(store, "sh", "-c", f"printf %s {old} | python3 -c '{LETS_IN}' {host}")
        assert "authentication failed" in said, said
    assert images(store) == before
    store.settled()
