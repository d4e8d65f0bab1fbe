"""Migrations change the data only where it could be brought back, and where they do no harm."""

from __future__ import annotations

import json

import pytest

from colorway.cli.data import gate
from colorway.data.gate import ClosedError, Gate
from colorway.swarm.connections import NoAnswerError
from tests.support.pairs import backed_up_pair
from tests.support.stores import backed_up_queue, backed_up_spec, listed, replicated_spec

LEADER, SYNC = ("db1", "Leader", "running"), ("db2", "Sync Standby", "streaming")
DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/loop0 1000 {used} {free} 50% /data\n"
WELL = {"oldest": 0.5, "whose": None, "archive_fails": False}
NOW = 1_000_000 + 20 * 3600


PROVEN = '{"store": "postgres", "verified": true, "at": 1000000, "why": ""}\n'


class Store:
    """A store that answers what the gate asks."""

    def __init__(self, *, members=(LEADER, SYNC), free=500, archived=2, proof=PROVEN, disk=DF, **state):
        self.members, self.free, self.archived = members, free, archived
        self.disk = disk
        self.proof = proof
        self.state = WELL | state
        self.points: list[str] = []
        self.now = 0.0

    def ask(self, host, service, command):
        words = " ".join(command)
        if "patronictl" in words:
            return listed(*self.members)
        if command[0] == "cat":
            assert (host.name, service) == ("mon1", "lab-postgres-verify")
            return self.proof
        if command[0] == "df":
            return self.disk.format(used=1000 - self.free, free=self.free)
        assert host.name == "db1", "the leader is asked"
        if "json_build_object" in words:
            return json.dumps(self.state) + "\n"
        if "pg_create_restore_point" in words:
            self.points.append(words)
            return "000000010000000000000006 000000010000000000000007\n"
        self.archived -= 1
        return f"00000001000000000000000{6 if self.archived else 7}\n"

    def sleep(self, seconds):
        self.now += seconds

    def gate(self, spec=None):
        spec = spec or backed_up_spec()
        return Gate(spec=spec, ask=self.ask, sleep=self.sleep, clock=lambda: self.now, now=lambda: NOW)


def test_a_store_that_could_be_brought_back_has_a_point_to_come_back_to():
    store = Store()
    said = store.gate().make(point="release-2.0.0")
    assert said == (
        "postgres is on db1 and db2, its backup is proven by a restore, restore point release-2.0.0 is archived"
    )
    assert "pg_create_restore_point('release-2.0.0')" in store.points[0]
    assert store.now > 0, "it waited for the archive"


def test_a_disk_that_nobody_knows_the_size_of_keeps_it_closed():
    with pytest.raises(ClosedError, match="postgres: how much of the disk of db1 is free, `df` there did not say: ''"):
        Store(disk="").gate().make(point="release-2.0.0")


def test_a_store_without_a_backup_has_another_member_at_least():
    store = Store()
    assert store.gate(replicated_spec()).make(point="release-2.0.0") == "postgres is on db1 and db2"
    assert store.points == []


def test_where_commits_wait_for_nobody_no_other_member_is_asked_for():
    store = Store(members=[LEADER])
    assert store.gate(replicated_spec(durability="asynchronous")).make(point="release-2.0.0") == "postgres is on db1"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"members": [SYNC]}, "postgres: nobody leads; see `colorway data status lab`; no migration runs"),
        (
            {"members": [LEADER, ("db2", "Replica", "starting")]},
            "postgres: commits are on db1 alone, whose loss would take the migration; see `colorway data status lab`",
        ),
        (
            {"oldest": 312.2, "whose": "psql, process 77"},
            r"postgres: a transaction has been open for 312 s \(psql, process 77\), .* then run the command again",
        ),
        ({"free": 120}, "postgres: 12% of the disk of db1 is free, and a migration may need 20%; make room there"),
        (
            {"archive_fails": True},
            "postgres: its archive fails, .* see the log of lab-postgres-db1, then run the command again",
        ),
        (
            {"proof": PROVEN.replace("true", "false").replace('""', '"there is no backup"')},
            "postgres: the last restore of its backup failed: there is no backup; `colorway data verify-backup lab",
        ),
        (
            {"proof": PROVEN.replace("1000000", "900000")},
            "postgres: its backup was proven 48 h ago, .* wants 26 h; ",
        ),
        ({"proof": "cat: no"}, "postgres: no restore has proven its backup yet; `colorway data verify-backup lab post"),
        ({"archived": 10_000}, "restore point release-2.0.0 is not in the archive after 60 s; see the log of lab-post"),
    ],
)
def test_the_gate_is_closed_with_what_opens_it(wrong, said):
    store = Store(**wrong)
    with pytest.raises(ClosedError, match=said):
        store.gate().make(point="release-2.0.0")
    assert len(store.points) == (1 if "archived" in wrong else 0), "nothing is made where something is wrong already"


def test_a_store_that_does_not_answer_keeps_the_gate_closed():
    def ask(host, service, command):
        raise NoAnswerError(f"{host.name}: Docker does not answer")

    gate = Gate(spec=replicated_spec(), ask=ask)
    with pytest.raises(
        ClosedError, match=r"no member answers: db1: Docker does not answer; .* no migration runs before"
    ):
        gate.make(point="release-2.0.0")


ONE = {"members": 1, "promotion": None, "entry": None}


@pytest.mark.parametrize(
    ("proof", "closed"),
    [
        ('{"store": "orders", "verified": true, "at": 1000000, "why": ""}', None),
        ('{"store": "orders", "verified": false, "at": 1000000, "why": "the restore failed"}', "the restore failed"),
        ('{"store": "orders", "verified": true, "at": 900000, "why": ""}', "h ago"),
        ("", "no restore has proven its backup yet"),
    ],
    ids=["proven", "failed", "long ago", "never"],
)
def test_a_store_with_one_member_has_nothing_but_its_backup(proof, closed):
    def ask(host, service, command):
        assert (host.name, service, command[0]) == ("mon1", "lab-orders-verify", "cat")
        return proof

    made = Gate(spec=backed_up_pair(**ONE), ask=ask, now=lambda: NOW)
    if closed is None:
        assert made.make(point="release-2.0.0") == "orders has one member, its backup is proven by a restore"
        return
    with pytest.raises(ClosedError, match=closed):
        made.make(point="release-2.0.0")


def test_a_postgresql_with_one_member_is_proven_like_any_other():
    def ask(host, service, command):
        assert (host.name, service, command[0]) == ("mon1", "lab-postgres-verify", "cat")
        return '{"store": "postgres", "verified": true, "at": 1000000, "why": ""}'

    made = Gate(spec=backed_up_spec(members=1), ask=ask, now=lambda: NOW)
    assert made.make(point="release-2.0.0") == "postgres has one member, its backup is proven by a restore"


@pytest.mark.parametrize(("members", "words"), [(1, "one member"), (3, "3 members")])
def test_a_queue_is_asked_for_its_proof_alone(members, words):
    proofs = ['{"store": "redis", "verified": true, "at": 1000000, "why": ""}', ""]

    def ask(host, service, command):
        assert (host.name, service, command[0]) == ("mon1", "lab-redis-verify", "cat")
        return proofs.pop(0)

    made = Gate(spec=backed_up_queue(members=members), ask=ask, now=lambda: NOW)
    assert made.make(point="release-2.0.0") == f"redis has {words}, its backup is proven by a restore"
    with pytest.raises(ClosedError, match="redis: no restore has proven its backup yet"):
        made.make(point="release-2.0.0")


@pytest.mark.parametrize(
    "spec",
    [backed_up_pair(**ONE), backed_up_spec(members=1), backed_up_queue(), backed_up_queue(members=1)],
    ids=["mariadb", "postgresql", "queue", "queue of one"],
)
def test_a_stack_with_any_backup_has_a_gate(spec):
    assert gate(spec) is not None
