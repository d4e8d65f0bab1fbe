"""The lead goes to a member that has all, or to nobody."""

from __future__ import annotations

import os
import pty
import re
from contextlib import contextmanager

import pytest

from colorway.data.entries import LONGEST_PAUSE, Entries, live_servers
from colorway.data.members import MembersError, cluster, read_members
from colorway.data.switchover import Switchover, candidate
from colorway.render.templates import fill_in
from colorway.swarm.connections import NoAnswerError, RefusedError
from colorway.swarm.inside import Ran
from tests.support.stores import listed, replicated_spec
from tests.support.wait import wait_until

LEADER, SYNC = ("db1", "Leader", "running"), ("db2", "Sync Standby", "streaming")
REPLICA = ("db3", "Replica", "streaming")


@pytest.mark.parametrize(
    ("members", "to", "chosen"),
    [
        ([LEADER, SYNC], None, "db2"),
        ([LEADER, REPLICA, SYNC], None, "db2"),
        ([LEADER, SYNC], "db2", "db2"),
        # Without synchronous ones nobody promised that all is there.
        ([LEADER, REPLICA], None, "db3"),
    ],
)
def test_the_lead_goes_to_whoever_has_all(members, to, chosen):
    assert candidate(read_members(listed(*members)), store="postgres", to=to).host == chosen


@pytest.mark.parametrize(
    ("members", "to", "said"),
    [
        ([SYNC], None, "postgres: nobody leads, so there is nothing to give"),
        ([LEADER, SYNC], "db1", "postgres: db1 leads already"),
        ([LEADER, SYNC], "db9", "postgres: db9 has no member that could lead; others than the leader: db2"),
        (
            [LEADER],
            None,
            "no other member has all that db1 has, so commits could be lost: there is none; nothing",
        ),
        ([LEADER, ("db2", "Sync Standby", "stopped")], None, "db2 is a sync standby, stopped; nothing was changed"),
        ([LEADER, REPLICA, SYNC], "db3", "db3 is a replica, streaming; nothing was changed"),
    ],
)
def test_it_goes_to_nobody_who_lacks_something(members, to, said):
    with pytest.raises(MembersError, match=said):
        candidate(read_members(listed(*members)), store="postgres", to=to)


STATISTICS = (
    "HTTP/1.0 200 OK\n\n# pxname,svname,status,\nalive,FRONTEND,OPEN,\nwrite,FRONTEND,OPEN,\nwrite,db1,{db1},\n"
    "write,db2,{db2},\nwrite,BACKEND,UP,\nread,db1,UP,\n"
)
"""As HAProxy 3.2 has it, of its many columns those that count."""
POOL = {"direct": "postgres-direct", "mode": "transaction", "size": 20, "clients": 100, "ca": "/ca"}


class Patroni:
    """Members that do as they are told, some time later."""

    def __init__(self, *, well_after: int = 2, known_after: int = 2) -> None:
        self.leader, self.well_after, self.scope = "db1", well_after, "postgres"
        self.known_after, self.is_synchronous = known_after, True
        self.paused, self.fails, self.under_way = False, False, 3
        self.told, self.held, self.said = [], [], []
        self.now = 0.0

    def ask(self, host, service, command):
        if command[0] == "setpriv":
            assert self.paused, "new transactions would come for ever"
            self.under_way -= 1
            return f"{self.under_way}\n"
        if command[3] == "list":
            other = "db2" if self.leader == "db1" else "db1"
            self.well_after -= bool(self.told)
            state = "streaming" if not self.told or self.well_after <= 0 else "starting"
            # A leader says in its next round who is its standby.
            self.known_after -= bool(self.told) and self.well_after <= 0
            part = "Sync Standby" if not self.told or self.known_after <= 0 else "Replica"
            part = part if self.is_synchronous else "Replica"
            return listed((self.leader, "Leader", "running"), (other, part, state), scope=self.scope)
        if command[3] == "show-config":
            return f"maximum_lag_on_failover: 1048576\nsynchronous_mode: {str(self.is_synchronous).lower()}\n"
        assert self.held == ["held"], "nothing is changed before the lock is held"
        assert self.paused, "clients wait meanwhile"
        if self.fails:
            raise RefusedError("db1: patronictl: no", status=500, said="no")
        self.told.append(command[3:])
        self.leader = command[command.index("--candidate") + 1]
        return ""

    @contextmanager
    def hold(self, reason):
        self.held.append("held")
        try:
            yield
        finally:
            self.held.append("let go")

    def ask_each(self, host, service, command):
        if host.name == "app2":
            raise NoAnswerError("app2: Docker does not answer")
        if service == "lab-postgres":
            assert self.held == ["held"], "nobody waits before the lock is held"
            self.paused = "USR1" in command[2]
            return [Ran(code=0, said="")]
        assert service == "lab-postgres-direct"
        return [Ran(code=0, said=STATISTICS.format(**{"db1": "DOWN", "db2": "DOWN", self.leader: "UP"}))]

    def sleep(self, seconds):
        self.now += seconds

    def switchover(self):
        found = cluster(replicated_spec(), "postgres", ask=self.ask)
        entries = Entries(spec=replicated_spec(), store="postgres", ask=self.ask_each)
        more = {"say": self.said.append, "sleep": self.sleep, "clock": lambda: self.now}
        return Switchover(cluster=found, entries=entries, hold=self.hold, **more)


def test_a_switchover_holds_the_lock_until_all_is_well():
    patroni = Patroni()
    patroni.switchover().run()
    assert patroni.told == [("switchover", "--leader", "db1", "--candidate", "db2", "--force", "postgres")]
    assert patroni.held == ["held", "let go"]
    assert patroni.said == ["postgres: the lead goes from db1 to db2, and all of its members are well"]
    assert not patroni.paused, "clients go on"


def test_nothing_is_well_before_another_member_could_lead():
    patroni = Patroni(known_after=20)
    patroni.switchover().run()
    assert patroni.known_after <= 0, "a leader lost before it has said who has all would leave nobody to lead"


def test_where_commits_wait_for_nobody_no_standby_is_waited_for():
    patroni = Patroni()
    patroni.is_synchronous = False
    patroni.switchover().run()
    assert patroni.said == ["postgres: the lead goes from db1 to db2, and all of its members are well"]


def test_the_lead_of_the_generation_that_runs_moves_whatever_the_files_say():
    patroni = Patroni()
    # The file is back at the first one, and no `up` has brought it yet.
    patroni.scope = "postgres.2"
    patroni.switchover().run()
    assert patroni.told == [("switchover", "--leader", "db1", "--candidate", "db2", "--force", "postgres.2")]


def test_clients_go_on_whatever_becomes_of_it():
    patroni = Patroni()
    patroni.fails = True
    with pytest.raises(MembersError, match="no member answers"):
        patroni.switchover().run()
    assert not patroni.paused


def test_who_has_begun_something_long_is_told():
    patroni = Patroni()
    patroni.under_way = 1_000
    patroni.switchover().run()
    assert re.fullmatch(r"postgres: \d+ transactions are longer than 10 s, and fail", patroni.said[0])
    assert patroni.told, "and nobody else waits for them"


def test_a_pool_goes_on_by_itself_before_its_clients_are_given_up():
    waits = re.search(r"^query_wait_timeout = (\d+)$", fill_in("stores/pgbouncer.ini.j2", **POOL), re.MULTILINE)
    assert waits
    assert int(waits[1]) - LONGEST_PAUSE >= 15


def test_haproxys_statistics_say_who_is_led_to():
    assert live_servers(STATISTICS.format(db1="UP 1/2", db2="DOWN")) == {"db1"}
    assert live_servers("HTTP/1.0 503 Service Unavailable\n\nno") == set()


def test_what_would_be_done_is_said_and_not_done():
    patroni = Patroni()
    patroni.switchover().run(dry=True)
    assert (patroni.told, patroni.held) == ([], [])
    assert patroni.said[0].startswith("postgres: the lead goes from db1 to db2; clients wait some seconds")


def test_members_that_are_not_well_in_time_are_named():
    patroni = Patroni(well_after=10_000)
    with pytest.raises(
        MembersError, match=r"not all is well 120 s after db2 was to lead: .*db1 is a replica, starting"
    ):
        patroni.switchover().run()
    assert patroni.held == ["held", "let go"]


@pytest.mark.parametrize("is_resumed", [False, True], ids=["nobody comes back", "resumed"])
def test_a_pause_ends_once_though_its_terminal_is_gone(tmp_path, is_resumed):
    told: list[str] = []

    def each(host, service, command):
        told.append(command[2])
        return [Ran(code=0, said="")]

    entries = Entries(spec=replicated_spec(), store="postgres", ask=each)
    entries.pause()
    entries.resume()
    pause, resume = dict.fromkeys(told)
    # Signals to PgBouncer are lines of a file; others are what they are.
    kill = f'kill() {{ case $1 in -USR?) echo "$1" >>{tmp_path}/signals ;; *) command kill "$@" ;; esac; }}; '
    for text in (pause, *([resume] if is_resumed else [])):
        line = kill + text.replace("/tmp/pause", f"{tmp_path}/pause").replace(f"sleep {LONGEST_PAUSE}", "sleep 1")
        # As Docker's exec does it: a terminal of its own, which ends with the shell.
        assert os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", line], lambda fd: os.read(fd, 100))) == 0
    signals = tmp_path / "signals"
    wait_until(lambda: "-USR2" in signals.read_text(), limit=30, what="the pool goes on")
    if is_resumed:
        assert not (tmp_path / "pause").exists(), "nothing is left that would end the next pause"
    assert signals.read_text().split() == ["-USR1", "-USR2"]
