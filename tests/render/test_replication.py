"""What Patroni, HAProxy and PgBouncer are told: read as they read it, and what must hold in it."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser

import pytest
from ruamel.yaml import YAML

from colorway.render import replication
from colorway.spec.hosts import Role
from colorway.spec.stores.postgresql import ARCHIVING, TOGETHER
from colorway.spec.stores.replication import Durability
from tests.support.stores import replicated_spec

CA = "/colorway-ca.pem"


def postgres(**said):
    return replicated_spec(**said).platform.data_stores["postgres"]


def members(spec):
    return spec.platform.data_stores["postgres"].tasks("postgres", hosts=spec.hosts(Role.DATABASE))


def patroni(index=0, **said):
    """Return what a member's Patroni reads in its file."""
    spec = replicated_spec(**said)
    return YAML(typ="safe").load(replication.patroni(spec, "postgres", members(spec)[index]))


def told(**said):
    return json.loads(replication.settings(postgres(**said)))


def parameters(**said):
    return told(**said)["postgresql"]["parameters"]


@pytest.mark.parametrize(("index", "name", "address"), [(0, "db1", "10.0.0.14"), (1, "db2", "10.0.0.15")])
def test_a_member_is_on_its_hosts_private_address_alone(index, name, address):
    file = patroni(index)
    assert (file["scope"], file["name"]) == ("postgres", name)
    assert file["postgresql"]["listen"] == file["postgresql"]["connect_address"] == f"{address}:20016"
    assert file["restapi"]["listen"] == file["restapi"]["connect_address"] == f"{address}:20017"
    assert file["etcd3"]["hosts"] == ["10.0.0.14:20000", "10.0.0.15:20000", "10.0.0.16:20000"]


def test_members_know_each_other_by_their_certificates_and_have_no_password():
    file = patroni()
    own = {
        "ca": "/dev/shm/colorway/ca.crt",
        "cert": "/dev/shm/colorway/member.crt",
        "key": "/dev/shm/colorway/member.key",
    }
    etcd, rest, ctl = file["etcd3"], file["restapi"], file["ctl"]
    assert (etcd["protocol"], etcd["cacert"], etcd["cert"], etcd["key"]) == ("https", *own.values())
    assert (rest["cafile"], rest["certfile"], rest["keyfile"]) == (ctl["cacert"], ctl["certfile"], ctl["keyfile"])
    assert (rest["cafile"], rest["certfile"], rest["keyfile"]) == tuple(own.values())
    assert rest["verify_client"] == "optional", "HAProxy only asks; who changes something shows a certificate"
    users = file["postgresql"]["authentication"]
    assert {key: user["username"] for key, user in users.items()} == {
        "superuser": "postgres",
        "replication": "replicator",
        "rewind": "rewinder",
    }
    assert not [key for key, user in users.items() if "password" in user], "it would be in a config"
    for key in ("replication", "rewind"):
        assert users[key]["sslmode"] == "verify-ca"
        assert (users[key]["sslrootcert"], users[key]["sslcert"], users[key]["sslkey"]) == tuple(own.values())


def test_no_member_deletes_data():
    file = patroni()["postgresql"]
    assert file["remove_data_directory_on_rewind_failure"] is False
    assert file["remove_data_directory_on_diverged_timelines"] is False


def test_nobody_comes_in_without_tls_and_members_only_by_certificate():
    rules = [line.split() for line in told()["postgresql"]["pg_hba"]]
    assert [rule for rule in rules if rule[0] not in {"local", "hostssl"}] == []
    assert [(rule[1], rule[2], rule[4]) for rule in rules if rule[0] == "hostssl"] == [
        ("replication", "replicator", "cert"),
        ("all", "postgres,rewinder", "cert"),
        ("all", "all", "scram-sha-256"),
    ], "the first rule that fits counts: a superuser's password must never be asked for"
    assert [rule[-1] for rule in rules if rule[0] == "local"] == ["peer"]
    assert told()["postgresql"]["pg_ident"] == [
        f"members member {role}" for role in ("postgres", "replicator", "rewinder")
    ]


@pytest.mark.parametrize(
    ("durability", "synchronous", "strict"),
    [("asynchronous", False, False), ("synchronous", True, False), ("strict", True, True)],
)
def test_a_commit_waits_for_what_durability_says(durability, synchronous, strict):
    store = postgres().model_copy(update={"members": 3, "durability": Durability(durability)})
    found = json.loads(replication.settings(store))
    assert (found["synchronous_mode"], found["synchronous_mode_strict"]) == (synchronous, strict)


def test_who_may_lead_is_as_the_trial_found_it():
    found = told()
    wanted = {
        "ttl": 20,
        "loop_wait": 5,
        "retry_timeout": 5,
        "check_timeline": True,
        "failsafe_mode": True,
        "primary_start_timeout": 30,
        "maximum_lag_on_failover": 2**20,
    }
    assert {key: found[key] for key in wanted} == wanted
    assert found["loop_wait"] + 2 * found["retry_timeout"] <= found["ttl"], "else Patroni's own time-outs cost the lead"
    assert found["postgresql"]["use_pg_rewind"]
    assert found["postgresql"]["use_slots"]


def test_a_cluster_begins_with_what_it_is_told_later_but_for_what_the_file_says():
    assert patroni()["bootstrap"]["dcs"] == replication.first_settings()
    first, later = replication.first_settings(), told()
    assert {**later, "synchronous_mode_strict": None} == {**first, "synchronous_mode_strict": None}
    assert patroni(parameters={"work_mem": "8MB"}, durability="asynchronous") == patroni(), (
        "a file that changes restarts its member"
    )


def test_data_has_checksums():
    assert "data-checksums" in patroni()["bootstrap"]["initdb"]


def test_parameters_of_the_file_win():
    said = {"max_connections": 300, "wal_sender_timeout": "30s", "work_mem": "8MB"}
    found = parameters(parameters=said)
    assert {key: found[key] for key in said} == {
        "max_connections": "300",
        "wal_sender_timeout": "30s",
        "work_mem": "8MB",
    }
    assert {**found, **parameters()} == {"work_mem": "8MB", **parameters()}, "and take none of the others away"


def test_what_nobody_would_get_in_by_is_taken():
    own = replication.first_settings()["postgresql"]["parameters"]
    theirs = {
        "max_connections",
        "wal_sender_timeout",
        "wal_receiver_timeout",
        "tcp_user_timeout",
        "client_connection_check_interval",
        "max_slot_wal_keep_size",
    }
    # Where there is a backup, these are refused, too.
    theirs |= ARCHIVING
    assert set(own) - theirs == set(own) & set(TOGETHER), "each that is colorway's is a file's to say, or refused there"


# --- HAProxy


def sections(text):
    """Return the lines of each section of HAProxy's file."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith(("#", " ")):
            found[line.strip()] = lines = []
        elif line.strip() and not line.startswith("#"):
            lines.append(line.strip())
    return found


WRITES = """http-check expect rstring '"role": "(primary|master)"'"""
"""Patroni's /primary says 200 as soon as a member has the lock, and its role `replica` until it is promoted."""


def test_the_direct_way_leads_to_the_leader_and_cuts_off_who_leads_no_more():
    found = sections(replication.direct(replicated_spec(), "postgres", ca=CA))
    for name, port, question in (("write", 5432, "/primary"), ("read", 5433, "/replica?lag=16MB")):
        lines = found[f"listen {name}"]
        assert f"bind :{port}" in lines
        assert f"option httpchk GET {question}" in lines, "the answer names the generation"
        waits = [line for line in lines if line.startswith("http-check expect rstring")]
        assert waits == ([WRITES] if name == "write" else []), "who leads and still reads the archive takes no writes"
        [default] = [line for line in lines if line.startswith("default-server")]
        assert "on-marked-down shutdown-sessions" in default, "a client would go on asking who leads no more"
        assert f"check-ssl ca-file {CA} verify required" in default
        assert re.search(r"inter 1s fastinter 500ms fall 2 rise 1\b", default)
        [silent] = [int(line.split()[-1].removesuffix("s")) for line in lines if line.startswith("timeout check")]
        # Before the seconds of Patroni's key are over, nobody else leads.
        late = replication.first_settings()["ttl"] - 10
        assert 8 <= 2 * silent <= late, "one that has stalled keeps its clients, and loses them before another leads"
        assert [line for line in lines if line.startswith("server")] == [
            "server db1 10.0.0.14:20016 port 20017",
            "server db2 10.0.0.15:20016 port 20017",
        ]
    assert "bind 127.0.0.1:8404" in found["listen alive"], "the swarm asks it there"
    assert {"timeout client 24h", "timeout server 24h"} <= set(found["defaults"]), "PostgreSQL ends what is idle"


# --- PgBouncer


def bouncer(**pool):
    text = replication.pool("postgres", postgres(pool=pool).pool, ca=CA)
    parser = ConfigParser(delimiters=("=",), comment_prefixes=(";",), interpolation=None)
    parser.read_string(text)
    return {key: dict(section) for key, section in parser.items() if section}


def test_the_pool_asks_the_direct_way_for_every_database():
    found = bouncer()
    assert found["databases"] == {"*": "host=postgres-direct port=5432"}
    own = found["pgbouncer"]
    assert (own["listen_port"], own["auth_type"]) == ("5432", "scram-sha-256")
    assert (own["server_tls_sslmode"], own["server_tls_ca_file"]) == ("verify-ca", CA)
    assert int(own["server_connect_timeout"]) <= 5, "a host that is cut off says nothing"


def test_the_pool_is_as_large_as_the_file_says():
    own = bouncer(mode="session", size=7, clients=90)["pgbouncer"]
    assert (own["pool_mode"], own["default_pool_size"], own["max_client_conn"]) == ("session", "7", "90")
    assert bouncer()["pgbouncer"]["pool_mode"] == "transaction"
