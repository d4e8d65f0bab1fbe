"""What is wrong with a store is said with the one command that helps."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from colorway.data.status import status as status_of
from colorway.errors import ColorwayError
from colorway.swarm.connections import NoAnswerError, RefusedError
from tests.support.pairs import backed_up_pair
from tests.support.specs import demo_spec
from tests.support.stores import backed_up_queue, listed, queue_spec, replicated_spec, running, task


def status(spec, *, ask):
    """Return how the stores with several members are, where those with one run; these have their own tests."""
    found = status_of(spec, ask=ask, tasks=lambda: running("lab-postgres", "lab-redis"))
    rows = tuple(row for row in found.rows if row.part != "only member")
    return replace(found, rows=rows)


LEADER, SYNC = ("db1", "Leader", "running"), ("db2", "Sync Standby", "streaming")
ETCD = '"MemberID" : {own}\n"Leader" : 1\n'


def asking(members, *, lost=(), scope="postgres"):
    """Return who answers for the members and etcd; hosts that are lost do not."""

    def ask(host, service, command):
        if host.name in lost:
            raise RefusedError(f"{host.name}: it does not run there", status=404, said="")
        if command[0] == "etcdctl":
            return ETCD.format(own={"db1": 1, "db2": 2, "mon1": 3}[host.name])
        return listed(*members, scope=scope)

    return ask


def test_all_is_well_and_nothing_helps():
    found = status(replicated_spec(), ask=asking([LEADER, SYNC]))
    assert [(row.store, row.host, row.part, row.state, row.behind) for row in found.rows] == [
        ("postgres", "db1", "leader", "running", ""),
        ("postgres", "db2", "sync standby", "streaming", "nothing"),
        ("etcd", "db1", "leader", "running", ""),
        ("etcd", "db2", "follower", "running", ""),
        ("etcd", "mon1", "follower", "running", ""),
    ]
    assert found.wrong == ()


def test_what_the_data_were_brought_by_may_be_left_out_once_they_are_there():
    spec = replicated_spec(**{"from": {"volume": "old_pgdata"}})
    [note] = status(spec, ask=asking([LEADER, SYNC])).notes
    assert note == "postgres: has its data; `from` says nothing any more, and may be left out"
    nobody = status(spec, ask=asking([("db1", "Replica", "streaming"), SYNC]))
    assert nobody.notes == (), "a copy may still be under way"


@pytest.mark.parametrize(
    ("members", "lost", "wrong"),
    [
        (
            [LEADER],
            ("db2",),
            [
                ("postgres: the member on db2 is not there", "colorway up lab, once the host is back"),
                (
                    "postgres: commits are on the leader alone, whose loss would take the newest",
                    "colorway up lab, once another member's host is back",
                ),
                (
                    "etcd on db2 does not answer; one more, and nobody could lead anew",
                    "colorway up lab, once the host is back",
                ),
            ],
        ),
        (
            [LEADER, ("db2", "Replica", "starting")],
            (),
            [
                (
                    "postgres: db2 does not follow: starting",
                    "docker service logs lab-postgres-db2, on a manager",
                ),
                (
                    "postgres: commits are on the leader alone, whose loss would take the newest",
                    "colorway up lab, once another member's host is back",
                ),
            ],
        ),
        (
            [("db1", "Replica", "running"), ("db2", "Replica", "running")],
            (),
            [
                ("postgres: nobody leads, so that nothing can be written", "colorway up lab"),
                ("postgres: db1 does not follow: running", "docker service logs lab-postgres-db1, on a manager"),
                ("postgres: db2 does not follow: running", "docker service logs lab-postgres-db2, on a manager"),
            ],
        ),
        (
            [LEADER, SYNC],
            ("db2", "mon1"),
            [
                (
                    "etcd on db2, mon1 does not answer, and 1 of 3 are no majority: nobody could lead anew",
                    "colorway up lab, once the host is back",
                )
            ],
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_helps(members, lost, wrong):
    found = status(replicated_spec(), ask=asking(members, lost=lost))
    assert [(one.what, one.helps) for one in found.wrong] == wrong


def test_what_runs_and_is_another_generation_than_the_file_says_is_not_offered_to_be_forgotten():
    """A revert of a restore is committed, and no `up` has followed yet."""
    ask = asking([LEADER, SYNC], scope="postgres.2")
    found = status_of(
        replicated_spec(),
        ask=ask,
        tasks=lambda: running("lab-redis"),
        others=lambda _: {2: ("db1", "db2"), 3: ("db1",)},
    )
    assert [(one.what, one.helps) for one in found.wrong] == [
        ("postgres: generation 2 runs, and the stack's file says 1", "colorway up lab")
    ]
    [beside] = found.beside
    assert beside.startswith("postgres: generation 3 is kept on db1;")


def test_who_waits_for_a_restart_is_told_what_restarts_it():
    def ask(host, service, command):
        if command[0] == "etcdctl":
            return ETCD.format(own=1)
        return listed(LEADER, SYNC).replace('"TL"', '"Pending restart": "*", "TL"')

    [wrong] = status(replicated_spec(), ask=ask).wrong
    assert wrong.what == "postgres: settings of db1, db2 wait for a restart"
    assert wrong.helps == "colorway data restart lab postgres"


def test_members_that_do_not_answer_are_rows_of_the_table():
    found = status(replicated_spec(), ask=asking([], lost=("db1", "db2")))
    assert [(row.host, row.state) for row in found.rows[:2]] == [("db1", "does not answer"), ("db2", "does not answer")]
    assert found.wrong[0].what.startswith("postgres: no member answers: db1: ")


def test_where_commits_wait_for_nobody_a_lonely_leader_is_no_problem():
    found = status(replicated_spec(durability="asynchronous"), ask=asking([LEADER, ("db2", "Replica", "streaming")]))
    assert found.wrong == ()


QUEUE = ("db1", "db2", "mon1")
ADDRESS = {host.name: str(host.address) for host in queue_spec().settings.hosts}


def of_queue(leader="db1", *, lost=(), apart=(), silent=()):
    """Return who answers for the members of a queue, as their script was seen to print it."""
    heard = "".join(f"sentinel:{ADDRESS[host]}\n" for host in QUEUE if host not in (*lost, *silent))
    good = len(QUEUE) - 1 - len({*lost, *apart} - {leader})

    def ask(host, service, command):
        assert service == f"lab-redis-{host.name}"
        assert command[-2:] == ("state", "redis")
        if host.name in lost:
            raise RefusedError(f"{host.name}: it does not run there", status=404, said="")
        if host.name == leader:
            own = f"role:master\r\nmin_slaves_good_slaves:{good}\r\nmaster_repl_offset:5000\r\n"
        else:
            link = "down" if host.name in apart else "up"
            own = f"role:slave\r\nmaster_link_status:{link}\r\nslave_repl_offset:4000\r\nmaster_repl_offset:4000\r\n"
        return f"OK\n# Replication\r\n{own}{heard}"

    return ask


def test_a_queue_has_a_row_for_each_member_and_each_sentinel():
    found = status(queue_spec(), ask=of_queue())
    assert [(row.store, row.host, row.part, row.state, row.behind) for row in found.rows] == [
        ("redis", "db1", "leader", "running", ""),
        ("redis", "db2", "replica", "following", "1Ki"),
        ("redis", "mon1", "replica", "following", "1Ki"),
        ("redis-sentinel", "db1", "", "running", ""),
        ("redis-sentinel", "db2", "", "running", ""),
        ("redis-sentinel", "mon1", "", "running", ""),
    ]
    assert found.wrong == ()


@pytest.mark.parametrize(
    ("ask", "wrong"),
    [
        (
            of_queue(lost=("db2",)),
            [
                "redis: the member on db2 does not answer",
                "redis: the Sentinel on db2 does not answer; one more, and nobody could lead anew",
            ],
        ),
        (
            of_queue("none", lost=("db1",)),
            [
                "redis: nobody leads, so that nothing can be written",
                "redis: the member on db1 does not answer",
                "redis: the Sentinel on db1 does not answer; one more, and nobody could lead anew",
            ],
        ),
        (of_queue(apart=("mon1",)), ["redis: mon1 does not follow"]),
        (
            of_queue(apart=("db2", "mon1")),
            [
                "redis: nobody follows the leader, which takes no writes alone",
                "redis: db2 does not follow",
                "redis: mon1 does not follow",
            ],
        ),
        (
            of_queue(silent=("db1", "mon1")),
            [
                "redis: the Sentinel on db1, mon1 does not answer, and 1 of 3 are no majority: nobody could lead anew",
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_queue_is_said(ask, wrong):
    found = status(queue_spec(), ask=ask)
    assert [one.what for one in found.wrong] == wrong
    assert all(one.helps.startswith(("colorway up lab", "docker service logs lab-redis-")) for one in found.wrong)


NOW = 1_000_000 + 20 * 3600
ONE = {"members": 1, "promotion": None, "entry": None}
PROVEN = {"verified": True, "at": 1_000_000, "backup": "01", "why": ""}


def lone(*tasks, proof=PROVEN, spec=None):
    """Return how the stores with one member are, given what the swarm remembers and what the last proof says."""

    def ask(host, service, command):
        assert (host.name, service, command[0]) == ("mon1", "lab-redis-verify", "cat")
        if isinstance(proof, Exception):
            raise proof
        return json.dumps(proof)

    spec = spec or backed_up_queue(members=1)
    found = status_of(spec, ask=ask, tasks=lambda: [*tasks, *running("lab-postgres")], now=lambda: NOW)
    of_redis = [row for row in found.rows if row.store == "redis"]
    assert [row.store for row in found.rows if row not in of_redis] == ["postgres"]
    return [(row.host, row.part, row.state) for row in of_redis], [(one.what, one.helps) for one in found.wrong]


def test_a_store_with_one_member_has_a_row_and_so_have_its_backups():
    rows, wrong = lone(*running("lab-redis"), *running("lab-redis-backup-db1"))
    assert rows == [
        ("db1", "only member", "running since 2026-11-28 14:00 UTC"),
        ("db1", "backup", "running since 2026-11-28 14:00 UTC"),
        ("mon1", "proof", "proven 20 h ago"),
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("proof", "state", "why"),
    [
        (PROVEN | {"at": 900_000}, "proven 48 h ago", "its backup was proven 48 h ago, and a migration wants 26 h"),
        (
            PROVEN | {"verified": False, "at": NOW - 300, "why": "the restore failed"},
            "failed 5 min ago",
            "the last restore of its backup failed: the restore failed",
        ),
        (RefusedError("mon1: cat: no such file", status=500, said=""), "none yet", "no restore has proven its backup"),
        (
            NoAnswerError("mon1: Docker does not answer"),
            "does not answer",
            "mon1, which proves its backups, does not answer",
        ),
    ],
    ids=["old", "failed", "none", "away"],
)
def test_what_is_not_proven_is_wrong(proof, state, why):
    rows, [(what, helps)] = lone(*running("lab-redis", "lab-redis-backup-db1"), proof=proof)
    assert rows[-1] == ("mon1", "proof", state)
    assert what.startswith(f"redis: {why}")
    away = isinstance(proof, NoAnswerError)
    assert helps == ("colorway status lab" if away else "colorway data verify-backup lab redis")


@pytest.mark.parametrize(
    ("tasks", "why", "helps"),
    [
        (
            [
                task("lab-redis", "starting"),
                task("lab-redis", "failed", desired="shutdown", error="task: non-zero exit (1)", exit_code=1),
            ],
            "task failed: task: non-zero exit (1)",
            "docker service logs lab-redis, on a manager",
        ),
        (
            [
                task("lab-redis", "pending", error="no suitable node (1 node not available for new tasks)"),
                task("lab-redis", "running", desired="shutdown"),
            ],
            "task pending: no suitable node (1 node not available for new tasks)",
            "colorway up lab",
        ),
        ([task("lab-redis", "starting")], "task starting", "colorway up lab"),
        ([], "it was told to have no task", "colorway up lab"),
    ],
    ids=["crashes", "host is lost", "begins", "none"],
)
def test_a_store_whose_one_task_does_not_run_is_wrong(tasks, why, helps):
    rows, wrong = lone(*tasks, *running("lab-redis-backup-db1"))
    assert rows[0] == ("db1", "only member", "does not run")
    assert wrong == [(f"redis: nobody can use it: {why}", helps)]


def test_who_makes_no_backups_is_wrong_before_the_proof_is_too_old():
    rows, wrong = lone(*running("lab-redis"))
    assert rows[1] == ("db1", "backup", "does not run")
    assert wrong == [("redis: nobody backs it up: it was told to have no task", "colorway up lab")]


def test_a_manager_that_does_not_answer_leaves_the_stores_unknown():
    def silent():
        raise NoAnswerError("db1: Docker does not answer")

    found = status_of(backed_up_queue(members=1), ask=asking([]), tasks=silent)
    assert {(row.store, row.host, row.state) for row in found.rows} == {
        ("postgres", "db1", "nobody knows"),
        ("redis", "db1", "nobody knows"),
    }
    assert [one.what for one in found.wrong] == ["db1: Docker does not answer"]


def test_each_kind_with_one_member_has_a_row():
    custom = {"kind": "custom", "build": "redis", "port": 7700, "volume": "/data", "health": {"none": "a test"}}
    search = {**custom, "limits": {"cpus": 1, "memory": "64Mi"}}
    spec = queue_spec(redis={"members": 1}, search=search)
    stores = {*spec.platform.data_stores, "orders"}
    pair = backed_up_pair(**ONE, backup=None, verify=None)
    found = [
        row
        for one in (spec, pair)
        for row in status_of(one, ask=asking([]), tasks=lambda: running("lab-orders", "lab-search")).rows
    ]
    assert {row.store for row in found} == stores
    assert {row.part for row in found} == {"only member"}
    assert {row.store for row in found if row.state.startswith("running since ")} == {"orders", "search"}


def test_a_stack_without_stores_is_told_so():
    spec = demo_spec()
    none = spec.model_copy(update={"platform": spec.platform.model_copy(update={"data_stores": {}})})
    with pytest.raises(ColorwayError, match="local has no data stores"):
        status(none, ask=asking([]))
