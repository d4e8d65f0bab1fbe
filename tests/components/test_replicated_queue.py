"""A queue with three members: who runs where, who is told what, and what a plain queue keeps."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from colorway.render.firewall import let_in
from tests.components.pieces import constraints, joined, secret_files
from tests.program.stacks import run_spec
from tests.support.recorder import CONFIG, SECRET, SERVICE
from tests.support.specs import demo_spec
from tests.support.stores import queue_spec

MEMBERS = {"db1": "10.0.0.14", "db2": "10.0.0.15", "mon1": "10.0.0.16"}
"""The hosts with the role database, then the manager that has monitoring."""
PARTS = ("redis", "redis-sentinel")
EACH = pytest.mark.parametrize("part", PARTS)


@pytest.fixture(scope="module")
def recording():
    return run_spec(queue_spec())


def text_of(recording, service, path):
    """Return the text that a service has as a file."""
    [name] = [one["configName"] for one in service.container["configs"] if one["fileName"] == path]
    [text] = [
        one.inputs["dataRaw"]
        for key, one in recording.of_type(CONFIG).items()
        if re.fullmatch(rf"{key}-[0-9a-f]{{7}}", name)
    ]
    return text


def test_what_is_made_is_what_the_inventory_says(recording):
    found = queue_spec().inventory()
    made = recording.of_type(SERVICE).values()
    assert {one.inputs["name"] for one in made} == {service.name for service in found.services}
    mounts = [mount for one in made for mount in one.container["mounts"]]
    assert {mount["source"] for mount in mounts if mount["type"] == "volume"} == {one.name for one in found.volumes}


@EACH
def test_each_server_and_each_sentinel_can_be_lost_alone(recording, part):
    for host in MEMBERS:
        service = recording.one(f"{part}-{host}-service")
        assert constraints(service) == [f"node.labels.colorway-lab-host=={host}"], "elsewhere its volume is empty"
        assert list(joined(service)) == ["host"], "addresses of overlays change, and names vanish with their hosts"
        [volume] = [one for one in service.container["mounts"] if one["type"] == "volume"]
        assert volume["source"] == f"lab-{part}-{host}"
        assert service.inputs["updateConfig"]["order"] == "stop-first"


def test_sentinels_begin_first_and_one_is_replaced_at_a_time(recording):
    tasks = [f"{part}-{host}" for part in reversed(PARTS) for host in MEMBERS]
    for earlier, later in zip(tasks, [*tasks[1:], "redis"], strict=True):
        after = recording.waits_for(recording.one(f"{later}-service"))
        assert f"{earlier}-service" in after, f"{later} asks who leads, or would be lost together with {earlier}"


def test_a_member_is_well_once_it_had_all_and_then_while_it_answers(recording, tmp_path):
    """Otherwise the leader would be replaced while the others are still copying, and one of them chosen."""
    for host, address in MEMBERS.items():
        service = recording.one(f"redis-{host}-service")
        [kind, line] = service.container["healthcheck"]["tests"]
        assert kind == "CMD-SHELL"
        assert f"redis-cli -h {address} -p 20048 --tls" in line
        assert service.container["healthcheck"]["startPeriod"] == "3m30s", "it waits for the one that led"
    (tmp_path / "password").write_text('s"e')
    (tmp_path / "redis-cli").write_text(f"#!/bin/sh\ncat >{tmp_path}/told\ncat {tmp_path}/says\n")
    (tmp_path / "redis-cli").chmod(0o755)

    def well(*lines):
        (tmp_path / "says").write_text("\n".join(lines) + "\n")
        run = ["/bin/sh", "-c", line.replace("/tmp/joined", f"{tmp_path}/joined")]
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDIS_PASSWORD_FILE": str(tmp_path / "password")}
        return subprocess.run(run, env=path, check=False).returncode == 0

    assert not well("NOAUTH Authentication required.", "NOAUTH Authentication required.")
    assert not well("OK", "PONG", "role:slave\r", "master_link_status:down\r"), "it still copies"
    assert well("OK", "PONG", "role:slave\r", "master_link_status:up\r")
    assert well("OK", "PONG", "role:slave\r", "master_link_status:down\r"), "nobody is killed for the loss of another"
    assert not well("Could not connect to Redis")
    assert (tmp_path / "told").read_text() == 'AUTH "s\\"e"\nPING\nINFO replication\n'


@EACH
def test_no_password_is_in_an_argument_a_variable_or_a_config(recording, part):
    secrets = {one.name for one in recording.of_type(SECRET).values()}
    assert "redis-members" in secrets
    for host in MEMBERS:
        service = recording.one(f"{part}-{host}-service")
        own = ["redis-password"] if part == "redis" else []
        assert secret_files(service) == ["colorway-members-password", *own, "colorway-member.pem"]
        text = text_of(recording, service, "/colorway-member.conf")
        assert not re.search(r"requirepass|masterauth|auth-pass", text), "its entry script adds them, from files"


def test_members_speak_tls_and_know_each_other_by_address(recording):
    for host, address in MEMBERS.items():
        server = text_of(recording, recording.one(f"redis-{host}-service"), "/colorway-member.conf")
        assert "\nport 0\ntls-port 20048\n" in server, "nothing is answered in plain text"
        assert f"\nbind {address}\n" in server
        assert "\ntls-replication yes\n" in server
        watcher = text_of(recording, recording.one(f"redis-sentinel-{host}-service"), "/colorway-member.conf")
        assert f"\nbind {address}\n" in watcher
        assert "\ntls-auth-clients yes\n" in watcher, "whoever comes in gives the lead to whom he likes"
        assert "\nsentinel monitor redis 10.0.0.14 20048 2\n" in watcher, "all begin with the same leader"


def test_a_leader_that_is_cut_off_takes_no_writes_before_another_one_is_chosen(recording):
    server = text_of(recording, recording.one("redis-db1-service"), "/colorway-member.conf")
    watcher = text_of(recording, recording.one("redis-sentinel-db1-service"), "/colorway-member.conf")
    assert "\nmin-replicas-to-write 1\n" in server
    lag = re.search(r"^min-replicas-max-lag (\d+)$", server, re.MULTILINE)
    down = re.search(r"^sentinel down-after-milliseconds redis (\d+)$", watcher, re.MULTILINE)
    assert lag
    assert down
    assert 1000 * (int(lag[1]) + 1) < int(down[1]), "what it took afterwards would be lost"


def test_services_find_the_leader_under_the_name_of_the_store(recording):
    entry = recording.one("redis-service")
    assert list(joined(entry).values()) == [["redis"]], "one network, in which that is its name"
    assert entry.inputs["mode"]["replicated"]["replicas"] == 2
    text = text_of(recording, entry, "/colorway-haproxy.cfg")
    assert "bind :6379" in text
    servers = [f"  server {host} {address}:20048" for host, address in MEMBERS.items()]
    assert [line for line in text.splitlines() if line.startswith("  server ")] == servers
    assert "verify required" in text
    assert secret_files(entry) == [], "it asks who leads without a password"


def test_hosts_let_each_other_in_to_servers_and_sentinels():
    spec = queue_spec()
    for host in spec.settings.hosts:
        ports = {port for port, _ in let_in(spec, host).hosts}
        assert ({20048, 20049} <= ports) is (host.name in MEMBERS)


def test_a_member_on_a_host_without_the_role_database_gets_its_image():
    [member] = [one for one in queue_spec().inventory().services if one.logical == "redis-mon1"]
    assert [host.name for host in queue_spec().settings.hosts if member.may_run_on(host)] == ["mon1"]


def test_a_host_may_rest_while_the_two_others_go_on():
    found = queue_spec().inventory()
    names = {"lab-redis-db2", "lab-redis-sentinel-db2"}
    assert names <= found.resting_with("db2", there=["db1", "mon1"])
    assert not names & found.resting_with("db2", there=["db1"]), "a leader that nobody follows takes no writes"


def test_no_etcd_runs_for_a_queue(recording):
    assert not [name for name in recording.of_type(SERVICE) if name.startswith("etcd")]


def test_a_queue_of_one_member_has_nothing_of_it():
    services = demo_spec(overrides={"data-stores": {"redis": {"entry": {"build": "haproxy"}}}}).inventory().services
    assert [one.logical for one in services if "redis" in one.logical] == ["redis"]
