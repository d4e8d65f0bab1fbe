"""Who backs a queue up, who proves it, and what each of them is given."""

from __future__ import annotations

import pytest

from colorway.render.templates import entry
from tests.components.pieces import constraints, joined, secret_files
from tests.program.stacks import run_spec, value_of
from tests.support.recorder import SERVICE
from tests.support.specs import demo_spec
from tests.support.stores import HOSTS, backed_up_queue, queue_spec

MEMBERS = {"db1": "10.0.0.14", "db2": "10.0.0.15", "mon1": "10.0.0.16"}
OPENERS = ["colorway-restic-keys", "colorway-restic-passphrase"]
NUMBERS = (3, 1)


@pytest.fixture(scope="module")
def recordings():
    return {number: run_spec(backed_up_queue(members=number)) for number in NUMBERS}


@pytest.mark.parametrize("number", NUMBERS)
def test_the_program_makes_what_the_inventory_says(recordings, number):
    wanted, made = backed_up_queue(members=number).inventory(), recordings[number].of_type(SERVICE).values()
    assert {one.inputs["name"] for one in made} == {one.name for one in wanted.services}
    mounts = [mount for one in made for mount in one.container["mounts"]]
    assert {one["source"] for one in mounts if one["type"] == "volume"} == {one.name for one in wanted.volumes}
    assert constraints(recordings[number].one("redis-verify-service")) == ["node.labels.colorway-lab-host==mon1"]


@pytest.mark.parametrize("host", MEMBERS)
def test_who_backs_several_members_up_asks_all_of_them_from_the_hosts_own_network(recordings, host):
    service = recordings[3].one(f"redis-backup-{host}-service")
    assert constraints(service) == [f"node.labels.colorway-lab-host=={host}"]
    assert list(joined(service)) == ["host"]
    env = service.container["env"]
    assert (env["COLORWAY_ADDRESS"], env["COLORWAY_MEMBERS"].split()) == (MEMBERS[host], list(MEMBERS.values()))
    assert env["COLORWAY_PORT"] == recordings[3].one(f"redis-{host}-service").container["env"]["COLORWAY_PORT"]
    configs = [one["fileName"] for one in service.container["configs"]]
    assert env["COLORWAY_CA"] in configs, "it knows whom it gives the password to"
    assert secret_files(service) == [*OPENERS, "redis-password"], "it is no member"


def test_who_backs_the_only_member_up_asks_it_as_a_service_does(recordings):
    service, store = recordings[1].one("redis-backup-db1-service"), recordings[1].one("redis-service")
    assert list(joined(service)) == list(joined(store)) != ["host"]
    assert constraints(service) == constraints(store), "what goes over the network stays on the host"
    env = service.container["env"]
    assert (env["COLORWAY_ADDRESS"], env["COLORWAY_PORT"]) == ("redis", "6379")
    assert "COLORWAY_MEMBERS" not in env
    assert env["REDIS_PASSWORD_FILE"] == "/run/secrets/redis-password"
    assert secret_files(service) == [*OPENERS, "redis-password"]


@pytest.mark.parametrize("number", NUMBERS)
def test_no_backup_sees_a_volume_of_the_queue_and_no_proof_its_password(recordings, number):
    made = recordings[number].of_type(SERVICE)
    for name in [one for one in made if one.startswith("redis-backup-")]:
        assert [one for one in made[name].container["mounts"] if one["type"] == "volume"] == []
    assert secret_files(made["redis-verify-service"]) == OPENERS


@pytest.mark.parametrize("number", NUMBERS)
def test_no_secret_is_in_an_argument_a_variable_or_a_config(recordings, number):
    for secret in ("backup-key", "backup-secret", "backup-passphrase", "redis-password"):
        for one in recordings[number].of_type(SERVICE).values():
            assert value_of(secret) not in str(one.container), "every `docker inspect` would show it"


@pytest.mark.parametrize(
    ("number", "before"),
    [(3, queue_spec()), (1, demo_spec(settings={"hosts": list(HOSTS), "environment": "lab"}, stack="lab"))],
    ids=["three", "one"],
)
def test_no_member_restarts_for_backups(recordings, number, before):
    old = run_spec(before).of_type(SERVICE)
    members = [name for name in old if name.startswith("redis")]
    assert len(members) == (7 if number == 3 else 1)
    for name in members:
        assert recordings[number].one(name).inputs == old[name].inputs


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_each_kind_asks_by_its_own_programs(kind):
    other = {"redis": "valkey", "valkey": "redis"}[kind]
    for script in ("queue-backup", "queue-verify"):
        text = entry(script, program=kind)
        assert f"{kind}-cli" in text
        assert other not in text.lower(), "the image of the one has not the programs of the other"
