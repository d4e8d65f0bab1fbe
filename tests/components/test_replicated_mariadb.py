"""A MariaDB with two members: who runs where, what is told to whom, and that a promotion restarts nobody."""

from __future__ import annotations

import re

import pytest

from colorway.render.firewall import let_in
from tests.components.pieces import constraints, joined, secret_files
from tests.program.stacks import run_spec
from tests.support.pairs import pair_spec
from tests.support.recorder import CONFIG, SERVICE

ADDRESSES = {"db1": "10.0.0.14", "db2": "10.0.0.15"}


@pytest.fixture(scope="module")
def recording():
    return run_spec(pair_spec())


@pytest.fixture(scope="module")
def promoted():
    return run_spec(pair_spec(primary="db2"))


def entry_text(recording):
    """Return what the HAProxy before the members is told."""
    [name] = [one["configName"] for one in recording.one("orders-service").container["configs"]]
    [text] = [
        one.inputs["dataRaw"]
        for key, one in recording.of_type(CONFIG).items()
        if re.fullmatch(rf"{key}-[0-9a-f]{{7}}", name)
    ]
    return text


def test_what_is_made_is_what_the_inventory_says(recording):
    found = pair_spec().inventory()
    made = recording.of_type(SERVICE).values()
    assert {one.inputs["name"] for one in made} == {service.name for service in found.services}
    mounts = [mount for one in made for mount in one.container["mounts"]]
    assert {mount["source"] for mount in mounts if mount["type"] == "volume"} == {one.name for one in found.volumes}


@pytest.mark.parametrize("host", ADDRESSES)
def test_each_member_stays_on_its_host_and_knows_the_other_by_address(recording, host):
    service = recording.one(f"orders-{host}-service")
    assert constraints(service) == [f"node.labels.colorway-lab-host=={host}"], "elsewhere its volume is empty"
    assert list(joined(service)) == ["host"], "addresses of overlays change"
    assert service.inputs["updateConfig"]["order"] == "stop-first", "two servers on one volume would spoil it"
    env = service.container["env"]
    [other] = [address for name, address in ADDRESSES.items() if name != host]
    assert (env["COLORWAY_ADDRESS"], env["COLORWAY_OTHER"]) == (ADDRESSES[host], other)
    assert secret_files(service) == ["colorway-member.pem"], "the application's password reaches no member's task"


def test_each_member_has_a_server_id_of_its_own(recording):
    ids = {recording.one(f"orders-{host}-service").container["env"]["COLORWAY_ID"] for host in ADDRESSES}
    assert len(ids) == len(ADDRESSES), "a replica ignores what has its own"


def test_a_promotion_moves_the_entry_and_changes_no_members_task(recording, promoted):
    for host in ADDRESSES:
        before, after = (one.one(f"orders-{host}-service") for one in (recording, promoted))
        assert before.inputs == after.inputs, "the new primary would restart under its users"
    lines = {
        name: [line.strip() for line in entry_text(one).splitlines() if line.startswith("  server ")]
        for name, one in (("db1", recording), ("db2", promoted))
    }
    port = pair_spec().store_ports("orders").main
    ways = {host: f"server {host} {address}:{port}" for host, address in ADDRESSES.items()}
    assert lines["db1"] == [ways["db1"], f"{ways['db2']} disabled"]
    assert lines["db2"] == [f"{ways['db1']} disabled", ways["db2"]]


def test_the_primary_is_replaced_last_and_the_entry_follows_it(promoted):
    assert "orders-db1-service" in promoted.waits_for(promoted.one("orders-db2-service"))
    assert "orders-db2-service" in promoted.waits_for(promoted.one("orders-service"))


def test_hosts_let_each_other_in_to_members():
    spec = pair_spec()
    main = spec.store_ports("orders").main
    for host in spec.settings.hosts:
        assert (main in {port for port, _ in let_in(spec, host).hosts}) is (host.name in ADDRESSES)


def test_no_etcd_runs_for_a_mariadb(recording):
    assert not [name for name in recording.of_type(SERVICE) if name.startswith("etcd")]
