"""What befalls a PostgreSQL with two members: nothing that was acknowledged is lost, and it goes on in time."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.backed_up import BackedUp
from tests.support.clone import Clone
from tests.support.labs import address, is_well, lab, on_host, says
from tests.support.members import LIMIT, await_leader, container, inside, leader, members, there, well
from tests.support.wait import wait_until
from tests.support.writes import Writes, writing

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
LOST = 60
"""Seconds after which a host that is there would have registered again."""
LATER = 3
"""Times of what is promised that are red: the machine is busy."""


@pytest.fixture
def store(store: BackedUp) -> Clone:
    """All well, and db2 leads: Redis is on db1."""
    if leader(store.clone) != "db2":
        store.clone.run("data", "switchover", store.clone.stack, "postgres", "--to", "db2")
    return store.clone


@contextmanager
def nothing_lost(store: Clone, *, within: float | None) -> Iterator[Writes]:
    """Write meanwhile; afterwards all that was acknowledged is there, and it went on in time, where that is meant."""
    with writing(store, service="api-blue", host="app1", to="postgres") as writes:
        yield writes
        count = len(writes.done)
        wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)
        writes.stop()
        gap, acknowledged = writes.longest_gap(), {one.key for one in writes.done}
    print(f"{gap:.1f} s without a write (promised: {within}), {len(writes.failed)} of {len(writes.all)} failed")
    at = leader(store) or leader(store, "db2")
    assert at is not None
    lost = acknowledged - there(store, at)
    assert lost == set(), f"{len(lost)} of {len(acknowledged)} that were acknowledged"
    assert within is None or gap <= LATER * within


def signal(store: Clone, host: str, name: str) -> None:
    """Send a signal to Patroni in the member on a host."""
    each = "for each in /proc/[0-9]*; do tr '\\0' ' ' <$each/cmdline"
    find = f"{each} | grep -q '^[^ ]*python3 [^ ]*patroni /' && kill -{name} ${{each#/proc/}}; done; true"
    member = container(store, host, f"postgres-{host}")
    # Whoever kills a container's first process ends with it.
    on_host(store, host, "sh", "-c", f"docker exec -u postgres {member} sh -c {shlex.quote(find)} || :")


@pytest.mark.timeout(2400)
def test_a_killed_postmaster_is_started_again_or_followed_by_the_other_one(store: Clone):
    with nothing_lost(store, within=15) as writes:
        inside(store, "db2", "sh", "-c", "kill -9 $(head -n 1 /var/lib/postgresql/data/pgdata/postmaster.pid)")
        count = len(writes.done)
        wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)


@pytest.mark.timeout(2400)
def test_a_killed_patroni_takes_its_server_with_it_and_begins_anew(store: Clone):
    def task() -> str:
        return on_host(store, "db2", "docker", "ps", "-q", "-f", f"name={store.stack}-postgres-db2").strip()

    with nothing_lost(store, within=20):
        before = task()
        signal(store, "db2", "KILL")
        wait_until(lambda: task() not in {"", before}, limit=LIMIT, what="the swarm begins it anew", every=1)
        wait_until(lambda: well(store), limit=LIMIT, what="somebody leads, and the other one follows", every=1)


@pytest.mark.timeout(2400)
def test_a_patroni_that_hangs_never_has_two_members_acknowledge(store: Clone):
    with nothing_lost(store, within=30):
        signal(store, "db2", "STOP")
        await_leader(store, "db1")


@pytest.mark.timeout(2400)
def test_a_lost_standby_holds_commits_up_for_seconds_only(store: Clone):
    with nothing_lost(store, within=10):
        lab(store, "fault", "cut", "db1")
        wait_until(lambda: set(members(store, "db2")) == {"db2"}, limit=LIMIT, what="it is seen to be gone", every=1)
        lab(store, "fault", "cut", "db1", "--undo")


@pytest.mark.timeout(2400)
def test_without_a_majority_of_etcd_whoever_leads_goes_on(store: Clone):
    with nothing_lost(store, within=10) as writes:
        for host in ("db1", "mon1"):
            name = f"{store.stack}-etcd-{host}"
            on_host(store, host, "sh", "-c", f"docker pause $(docker ps -q -f name={name})")
        # Longer than the leader's key lives: what is meant is that nothing happens.
        count, wanted = len(writes.done), 50 * 30
        wait_until(lambda: len(writes.done) > count + wanted // 2, limit=LIMIT, what="half a minute of writes", every=1)
        for host in ("db1", "mon1"):
            name = f"{store.stack}-etcd-{host}"
            on_host(store, host, "sh", "-c", f"docker unpause $(docker ps -q -f name={name})")
    assert leader(store, "db2") == "db2"


def takes_no_writes(store: Clone, host: str) -> bool:
    """Return whether the member on a host answers, and only reads."""
    # It begins anew for that, and has no socket for a moment.
    number = "$(ls -A /tmp/postgresql | sed -n 's/^[.]s[.]PGSQL[.]\\([0-9]*\\)$/\\1/p')"
    ask = f'psql -h /tmp/postgresql -p "{number}" -XAtc "SELECT pg_is_in_recovery()" -d demo 2>/dev/null || :'
    return inside(store, host, "sh", "-c", ask).strip() == "t"


@pytest.mark.timeout(2400)
def test_without_a_majority_of_etcd_and_the_other_member_nobody_takes_writes(store: Clone):
    with nothing_lost(store, within=None):
        lab(store, "fault", "cut", "db1")
        name = f"{store.stack}-etcd-mon1"
        on_host(store, "mon1", "sh", "-c", f"docker pause $(docker ps -q -f name={name})")
        # On either side of the cut somebody could lead, and nobody can know of the other one that it does not.
        for host in ("db2", "db1"):
            wait_until(lambda host=host: takes_no_writes(store, host), limit=LIMIT, what=f"{host} only reads", every=1)
        on_host(store, "mon1", "sh", "-c", f"docker unpause $(docker ps -q -f name={name})")
        lab(store, "fault", "cut", "db1", "--undo")
        wait_until(lambda: well(store) and is_well(store), limit=LIMIT, what="all is well again", every=3)


def stays_lost(store: Clone) -> list[str]:
    """Return what `status` says of hosts that the swarm has lost, once it has for a minute; nothing if all is well."""
    since: list[float] = []

    def settled() -> bool:
        if well(store) and is_well(store):
            since.clear()
            return True
        if lost(store):
            since.append(time.monotonic())
        else:
            since.clear()
        return bool(since) and since[-1] - since[0] > LOST

    wait_until(settled, limit=LIMIT, what="all is well again", every=3)
    return lost(store) if since else []


def lost(store: Clone) -> list[str]:
    return [one["what"] for one in says(store)["problems"] if "the swarm has lost" in one["what"]]


@pytest.mark.timeout(2400)
def test_without_a_majority_of_the_swarm_the_store_heals_itself(store: Clone):
    with nothing_lost(store, within=15) as writes:
        for host in ("db1", "mon1"):
            lab(store, "fault", "kill-docker", host)
        inside(store, "db2", "sh", "-c", "kill -9 $(head -n 1 /var/lib/postgresql/data/pgdata/postmaster.pid)")
        count = len(writes.done)
        wait_until(lambda: len(writes.done) > count + 50, limit=LIMIT, what="writes go on", every=1)
        gap = writes.longest_gap()
        print(f"its server killed without a majority of the swarm: {gap:.1f} s without a write")
        for host in ("db1", "mon1"):
            lab(store, "fault", "kill-docker", host, "--undo")
        if named := stays_lost(store):
            # Swarm loses count of hosts that come back just then: `status` says so, and what helps.
            print(f"{', '.join(named)}, and {store.run('up', store.stack).output}")
        wait_until(lambda: well(store) and is_well(store), limit=LIMIT, what="all is well again", every=3)


@pytest.mark.timeout(2400)
def test_a_host_that_comes_anew_has_a_member_again(store: Clone):
    with nothing_lost(store, within=10):
        refused = store.run("hosts", "replace", store.stack, "db2", code=1).output
        assert re.search(rf"db2 leads the data store postgres, .* data switchover {store.stack} postgres", refused)
        store.run("data", "switchover", store.stack, "postgres")
        assert "db2 has left the swarm" in store.run("hosts", "replace", store.stack, "db2").output
        lab(store, "renew", "db2")
        store.up()
        wait_until(lambda: well(store), limit=LIMIT, what="it has all again", every=2)
    said = store.run("data", "status", store.stack).output
    assert len(re.findall(r"^etcd +\w+ +(?:leader|follower) +running", said, re.MULTILINE)) == 3, said


@contextmanager
def asynchronous(store: Clone) -> Iterator[None]:
    """Have commits wait for nobody."""
    store.edit(store.stack_file.name, "members: 2,", "members: 2, durability: asynchronous,", subject="Wait for nobody")
    store.up()
    try:
        wait_until(
            lambda: [one["Role"] for one in members(store).values()].count("Replica") == 1,
            limit=LIMIT,
            what="nobody is waited for",
            every=2,
        )
        yield
    finally:
        store.edit(store.stack_file.name, " durability: asynchronous,", "", subject="Wait for the other one again")
        store.up()


@contextmanager
def apart(store: Clone) -> Iterator[None]:
    """Have the other managers hear nothing of db2, which its clients still reach."""
    for host in ("db1", "mon1"):
        on_host(store, host, "iptables", "-I", "INPUT", "-s", address(32), "-j", "DROP")
    try:
        yield
    finally:
        for host in ("db1", "mon1"):
            on_host(store, host, "iptables", "-D", "INPUT", "-s", address(32), "-j", "DROP")
        # What was kept apart begins anew; an `up` in the middle of that says that not everything runs.
        wait_until(lambda: is_well(store), limit=LIMIT, what="all runs again", every=3)


@pytest.mark.timeout(2400)
def test_the_counter_sees_what_an_asynchronous_store_loses(store: Clone, cluster: BackedUp):
    # The writer is on the side of the lost one, which tells it of commits that nobody else will ever have; in the
    # repository the next leader would find them.
    with (
        asynchronous(store),
        writing(store, service="api-blue", host="app1", to="postgres") as writes,
        cluster.bucket.refusing(),
    ):
        with apart(store):
            await_leader(store, "db1")
            writes.stop()
            acknowledged = {one.key for one in writes.done}
        lost = acknowledged - there(store, "db1")
        print(f"asynchronous: {len(lost)} of {len(acknowledged)} lost")
        assert lost, "who waits for nobody loses something, or nothing is counted"
    wait_until(lambda: well(store), limit=LIMIT, what="the other one is waited for", every=2)
