"""What is wrong with a store is said with the one command that helps."""

from __future__ import annotations

import pytest

from colorway.data.status import status
from colorway.errors import ColorwayError
from colorway.swarm.connections import RefusedError
from tests.support.specs import demo_spec
from tests.support.stores import listed, queue_spec, replicated_spec

LEADER, SYNC = ("db1", "Leader", "running"), ("db2", "Sync Standby", "streaming")
ETCD = '"MemberID" : {own}\n"Leader" : 1\n'


def asking(members, *, lost=()):
    """Return who answers for the members and etcd; hosts that are lost do not."""

    def ask(host, service, command):
        if host.name in lost:
            raise RefusedError(f"{host.name}: it does not run there", status=404, said="")
        if command[0] == "etcdctl":
            return ETCD.format(own={"db1": 1, "db2": 2, "mon1": 3}[host.name])
        return listed(*members)

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


def test_a_stack_without_members_is_told_where_to_look():
    with pytest.raises(ColorwayError, match="no data store has several members; `colorway status local`"):
        status(demo_spec(), ask=asking([]))
