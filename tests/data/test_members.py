"""What Patroni lists is read, and whoever of the members answers is asked."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from colorway.data.members import MembersError, Part, cluster, read_members
from colorway.swarm.connections import RefusedError
from tests.support.stores import HOSTS, listed, queue_spec, replicated_spec

LEADER = ("db1", "Leader", "running")


def test_members_are_read_as_patroni_lists_them():
    # As Patroni 4.1.5 printed it in the lab.
    text = (
        '[{"Cluster": "postgres", "Member": "db1", "Host": "10.79.3.31:20016", "Role": "Sync Standby", '
        '"State": "streaming", "TL": 2, "Receive LSN": "0/3477488", "Receive Lag": 3, "Replay LSN": "0/3462998", '
        '"Replay Lag": 3, "Pending restart": "*"}, {"Cluster": "postgres", "Member": "db2", '
        '"Host": "10.79.3.32:20016", "Role": "Leader", "State": "running", "TL": 2}]'
    )
    leader, standby = read_members(text)
    assert (leader.host, leader.part, leader.behind, leader.is_well) == ("db2", Part.LEADER, None, True)
    assert (standby.part, standby.behind, standby.timeline, standby.is_well) == (Part.SYNC_STANDBY, 3 * 2**20, 2, True)
    assert standby.wants_restart
    assert not leader.wants_restart


def test_members_are_read_as_patronis_api_tells_them():
    # As Patroni 4.1 said it in the lab; `pending_restart` and the numbers as its documentation has them.
    text = (
        '{"members": [{"name": "db1", "role": "sync_standby", "state": "streaming", '
        '"api_url": "https://10.79.3.31:20017/patroni", "host": "10.79.3.31", "port": 20016, "timeline": 11, '
        '"pending_restart": true, "receive_lag": 24, "receive_lsn": "0/21063AB0", "replay_lag": 24, '
        '"replay_lsn": "0/21063AB0", "lag": 24, "lsn": "0/21063AB0"}, {"name": "db2", "role": "leader", '
        '"state": "running", "api_url": "https://10.79.3.32:20017/patroni", "host": "10.79.3.32", "port": 20016, '
        '"timeline": 11}], "scope": "postgres.2"}'
    )
    leader, standby = read_members(text)
    assert (leader.host, leader.part, leader.behind, leader.is_well) == ("db2", Part.LEADER, None, True)
    assert (standby.part, standby.behind, standby.timeline, standby.is_well) == (Part.SYNC_STANDBY, 24, 11, True)
    assert {leader.scope, standby.scope} == {"postgres.2"}
    assert (leader.wants_restart, standby.wants_restart) == (False, True)


@pytest.mark.parametrize(
    ("api", "asked"),
    [("HTTP/1.0 200 OK\r\n\r\n{members}", "the API"), ("HTTP/1.0 503 no\r\n\r\n", "the tool"), ("", "the tool")],
)
def test_patronis_tool_is_asked_where_its_api_does_not_answer(tmp_path, api, asked):
    commands = []
    cluster(replicated_spec(), "postgres", ask=lambda *words: commands.append(words[2]) or listed(LEADER)).members()
    script, *arguments = commands[0][2:]
    for name, does in (("openssl", f"printf '{api.format(members='the API')}'"), ("patronictl", "echo the tool")):
        (tmp_path / name).write_text(
            f"#!/bin/sh\ncat >{tmp_path}/{name}.given\necho $* >{tmp_path}/{name}.words\n{does}\n"
        )
        (tmp_path / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["sh", "-c", script, *arguments], env=path, input="", capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == asked
    assert (tmp_path / "openssl.given").read_text().startswith("GET /cluster HTTP/1.0")
    assert (tmp_path / "openssl.words").read_text().split()[-1] == arguments[1], "the member's own"


@pytest.mark.parametrize(
    ("role", "state", "part", "is_well"),
    [
        ("Leader", "running", Part.LEADER, True),
        ("Leader", "starting", Part.LEADER, False),
        ("Replica", "streaming", Part.REPLICA, True),
        ("Replica", "running", Part.REPLICA, False),
        ("Replica", "stopped", Part.REPLICA, False),
        ("Sync Standby", "in archive recovery", Part.SYNC_STANDBY, False),
    ],
)
def test_a_member_is_well_where_it_does_what_its_part_is(role, state, part, is_well):
    [member] = read_members(listed(("db1", role, state)))
    assert (member.part, member.is_well) == (part, is_well)


def test_what_nobody_knows_is_no_number():
    [member] = read_members(
        json.dumps(
            [{"Cluster": "postgres", "Member": "db1", "Role": "Replica", "State": "stopped", "Receive Lag": "unknown"}]
        )
    )
    assert member.behind is None
    assert member.timeline is None


@pytest.mark.parametrize(
    "text", ["", "Error: 'Can not find suitable configuration'", "[1]", "{}", '{"members": [1], "scope": ""}']
)
def test_what_is_no_list_is_one_sentence(text):
    with pytest.raises(MembersError, match="list of members is not readable"):
        read_members(text)


def test_the_next_member_is_asked_where_one_does_not_answer():
    asked = []

    def ask(host, service, command):
        asked.append((host.name, service, command[3]))
        if host.name == "db1":
            raise RefusedError("db1: patronictl in lab-postgres-db1: it does not run there", status=404, said="")
        return listed(("db2", "Leader", "running"))

    [member] = cluster(replicated_spec(), "postgres", ask=ask).members()
    assert member.host == "db2"
    assert asked == [("db1", "lab-postgres-db1", "list"), ("db2", "lab-postgres-db2", "list")]


def test_where_none_answers_each_of_them_is_said_why():
    def ask(host, service, command):
        raise RefusedError(f"{host.name}: down", status=500, said="")

    with pytest.raises(MembersError, match="postgres: no member answers: db1: down; db2: down"):
        cluster(replicated_spec(), "postgres", ask=ask).members()


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("postgrs", "lab has no data store postgrs; those with several members: postgres"),
        ("redis", "the data store redis has one member, so nobody else could lead; several have: postgres"),
    ],
)
def test_a_store_without_members_is_refused(store, said):
    with pytest.raises(MembersError, match=said):
        cluster(replicated_spec(), store, ask=lambda *_: "")


def test_sentinels_are_not_told_who_leads():
    with pytest.raises(MembersError, match="redis is no PostgreSQL: its Sentinels give the lead"):
        cluster(queue_spec(), "redis", ask=lambda *_: "")


def test_the_members_are_on_the_first_hosts_with_the_role():
    assert [host.name for host in cluster(replicated_spec(), "postgres", ask=lambda *_: "").hosts] == ["db1", "db2"]
    assert len(HOSTS) == 6
