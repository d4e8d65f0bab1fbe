"""Members begin anew one after the other: never the one that leads under its clients, and never two at once."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from colorway.data.entries import Entries
from colorway.data.members import MembersError, cluster
from colorway.data.rolling import Rolling
from colorway.data.switchover import Switchover
from colorway.swarm.connections import NoAnswerError, RefusedError
from colorway.swarm.inside import Ran
from tests.support.stores import replicated_spec

WAYS = "# pxname,svname,status,\nwrite,db1,{db1},\nwrite,db2,{db2},\n"


class Patroni:
    """Two members with one parameter, of which whoever follows keeps the leader's value where that is larger."""

    def __init__(self, *, runs: int = 200, wanted: int = 200, durability: str = "synchronous") -> None:
        self.leader, self.wanted = "db1", wanted
        self.durability = self.filed = durability
        self.runs = {"db1": runs, "db2": runs}
        self.silent, self.part_of_other, self.state_of_other = False, "Sync Standby", "streaming"
        self.unnoticed = 0
        self.has_entries = True
        self.back_after, self.scope = 0, "postgres"
        self.paused = False
        self.done, self.held, self.said = [], [], []
        self.now = 0.0

    @property
    def other(self):
        return "db2" if self.leader == "db1" else "db1"

    def ask(self, host, service, command):
        if command[0] == "setpriv":
            return "0\n"
        if self.silent:
            raise NoAnswerError(f"{host.name}: Docker does not answer")
        does = {"list": self.listed, "restart": self.restart, "switchover": self.switchover, "show-config": self.config}
        return does[command[3]](*command[4:])

    def config(self):
        return f"loop_wait: 5\nsynchronous_mode: {str(self.durability == 'synchronous').lower()}\nttl: 20\n"

    def listed(self, *_words):
        self.back_after -= 1
        self.unnoticed -= 1
        state, part = (self.state_of_other, self.part_of_other) if self.back_after < 0 else ("starting", "Replica")
        told = [(self.leader, "Leader", "running"), (self.other, part, state)]
        return json.dumps(
            [
                {"Cluster": self.scope, "Member": host, "Role": role, "State": state, "TL": 1}
                | ({"Pending restart": "*"} if self.unnoticed < 0 and self.runs[host] != self.wanted else {})
                for host, role, state in told
            ]
        )

    def restart(self, _store, host, force):
        assert force == "--force", "nobody is there to be asked"
        assert self.held == ["held"], "nothing is changed before the lock is held"
        assert self.back_after < 0, "two would be gone at once"
        if host == self.leader:
            assert self.paused, "its clients would fail"
            self.runs[host] = self.wanted
        else:
            self.runs[host] = max(self.wanted, self.runs[self.leader])
            self.back_after = 3
        self.done.append(f"restart {host}")
        return ""

    def switchover(self, *words):
        assert self.paused, "clients would fail"
        assert self.part_of_other == "Sync Standby" or self.durability == "asynchronous", "commits could be lost"
        self.leader = words[words.index("--candidate") + 1]
        self.done.append(f"{self.leader} leads")
        self.back_after = 3
        return ""

    def ask_each(self, host, service, command):
        if not self.has_entries:
            raise RefusedError("it does not run there", status=404, said="")
        if service == "lab-postgres":
            self.paused = "USR1" in command[2]
            return [Ran(code=0, said="")]
        return [Ran(code=0, said=WAYS.format(**{"db1": "DOWN", "db2": "DOWN", self.leader: "UP"}))]

    @contextmanager
    def hold(self, _reason):
        self.held.append("held")
        yield
        self.held.append("let go")

    def sleep(self, seconds):
        self.now += seconds

    def rolling(self):
        spec = replicated_spec(durability=self.filed)
        return Rolling(
            switchover=Switchover(
                cluster=cluster(spec, "postgres", ask=self.ask),
                entries=Entries(spec=spec, store="postgres", ask=self.ask_each),
                hold=self.hold,
                say=self.said.append,
                sleep=self.sleep,
                clock=lambda: self.now,
            )
        )


# --- restarts


def test_whoever_follows_restarts_first_and_then_gets_the_lead():
    patroni = Patroni(wanted=250)
    patroni.rolling().restart()
    assert patroni.done == ["restart db2", "db2 leads", "restart db1"]
    assert patroni.held == ["held", "let go"]
    assert patroni.runs == {"db1": 250, "db2": 250}
    assert not patroni.paused, "clients go on"
    assert patroni.said[-1] == "postgres: the members have restarted, and all of them are well"


def test_a_lowered_value_has_the_leader_restart_where_it_is():
    patroni = Patroni(wanted=150)
    patroni.rolling().restart()
    assert patroni.done == ["restart db2", "restart db1", "restart db2"], "db2 keeps the leader's value until then"
    assert patroni.runs == {"db1": 150, "db2": 150}


def test_what_was_killed_on_its_way_is_gone_on_with():
    patroni = Patroni(wanted=250)
    patroni.runs["db2"] = 250
    patroni.rolling().restart()
    assert patroni.done == ["db2 leads", "restart db1"]


def test_nobody_restarts_without_a_reason():
    patroni = Patroni()
    patroni.rolling().restart()
    assert (patroni.done, patroni.held) == ([], [])
    assert patroni.said == ["postgres: no member has settings that only a restart gives it; nothing was changed"]


def test_settings_that_were_told_a_moment_ago_are_waited_for():
    patroni = Patroni(wanted=250)
    patroni.unnoticed = 20
    patroni.rolling().restart()
    assert patroni.runs == {"db1": 250, "db2": 250}


def test_a_dry_run_says_the_order_and_changes_nothing():
    patroni = Patroni(wanted=250)
    patroni.rolling().restart(dry=True)
    assert (patroni.done, patroni.held) == ([], [])
    assert patroni.said == [
        "postgres: restarts db2 and then db1; who leads gives the lead away before, and clients wait some seconds"
    ]


def test_a_member_that_does_not_come_back_ends_it():
    patroni = Patroni(wanted=250)
    patroni.state_of_other = "stopped"
    with pytest.raises(MembersError, match=r"120 s after db1 was to lead: .*db2 is a sync standby, stopped"):
        patroni.rolling().restart()
    assert patroni.done == ["restart db2"], "its leader goes on as it is"


# --- what an `up` asks for before it replaces a member


def test_who_leads_gives_the_lead_away_before_it_is_replaced():
    patroni = Patroni()
    patroni.rolling().make_way("db1")
    assert (patroni.done, patroni.said) == (["db2 leads"], ["postgres: the lead goes from db1 to db2"])
    assert not patroni.paused, "clients go on"


def test_a_member_of_another_generation_than_what_comes_is_not_waited_for():
    patroni = Patroni()
    # The files are back at the first one; the members of the second one go, whoever leads and whatever they lack.
    patroni.scope, patroni.back_after = "postgres.2", 100
    for host in ("db1", "db2"):
        patroni.rolling().make_way(host)
    assert (patroni.done, patroni.now) == ([], 0), (
        "the first one that comes may be one that only the other one can lead"
    )


def test_who_follows_may_go_as_it_is():
    patroni = Patroni()
    patroni.rolling().make_way("db2")
    assert patroni.done == []


def test_the_next_one_waits_until_the_one_before_has_all():
    patroni = Patroni()
    patroni.back_after = 100
    patroni.rolling().make_way("db1")
    assert patroni.now > 0
    assert patroni.done == ["db2 leads"]


@pytest.mark.parametrize(
    ("part", "state", "durability"),
    [("Sync Standby", "stopped", "synchronous"), ("Replica", "streaming", "synchronous")],
)
def test_who_leads_stays_where_nobody_else_has_all(part, state, durability):
    patroni = Patroni(durability=durability)
    patroni.part_of_other, patroni.state_of_other = part, state
    with pytest.raises(MembersError, match=r"without db1 nobody would have all, or could write: .*it stays as it is"):
        patroni.rolling().make_way("db1")
    assert patroni.done == []


def test_where_commits_wait_for_nobody_a_replica_is_enough():
    patroni = Patroni(durability="asynchronous")
    patroni.part_of_other = "Replica"
    patroni.rolling().make_way("db1")
    assert patroni.done == ["db2 leads"]


def test_whether_they_wait_is_told_by_an_up_and_not_by_the_file():
    patroni = Patroni(durability="asynchronous")
    patroni.part_of_other, patroni.filed = "Replica", "synchronous"
    patroni.rolling().make_way("db1")
    assert patroni.done == ["db2 leads"], "what makes them wait comes with this `up`, after its members"


def test_a_broken_member_may_be_replaced_by_its_cure():
    patroni = Patroni()
    patroni.state_of_other = "start failed"
    patroni.rolling().make_way("db2")
    assert patroni.done == []


def test_where_the_ways_lead_to_nobody_nothing_is_waited_for():
    patroni = Patroni()
    patroni.silent, patroni.has_entries = True, False
    patroni.rolling().make_way("db1")
    assert patroni.now == 0, "a first `up` that was cut short would go on after minutes only"


def test_while_nobody_knows_who_could_follow_the_leader_stays():
    patroni = Patroni()
    patroni.silent = True
    with pytest.raises(MembersError, match="no member answers"):
        patroni.rolling().make_way("db1")
