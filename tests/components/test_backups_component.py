"""Who backs a store up, who proves it, and what each of them is given."""

from __future__ import annotations

import base64
from functools import cache

import pytest

from colorway.outputs import platform_outputs
from tests.components.pieces import constraints, secret_files
from tests.program.stacks import run_spec, value_of
from tests.support.recorder import SECRET, SERVICE
from tests.support.stores import backed_up_spec

MEMBERS = ("lab-postgres-db1", "lab-postgres-db2")
BACKUPS = ("lab-postgres-backup-db1", "lab-postgres-backup-db2")
VERIFY = "lab-postgres-verify"


@cache
def recorded():
    return run_spec(backed_up_spec())


def services():
    return {one.inputs["name"]: one for one in recorded().of_type(SERVICE).values()}


def test_the_program_makes_what_the_inventory_says():
    spec = backed_up_spec()
    wanted = spec.inventory()
    assert set(services()) == {one.name for one in wanted.services}
    mounts = [mount for one in services().values() for mount in one.container["mounts"]]
    assert {one["source"] for one in mounts if one["type"] == "volume"} == {one.name for one in wanted.volumes}
    places = {one.name: one.host for one in wanted.services}
    assert [places[name] for name in (*BACKUPS, VERIFY)] == ["db1", "db2", "mon1"]
    for name in (*BACKUPS, VERIFY):
        constraints = services()[name].inputs["taskSpec"]["placement"]["constraints"]
        assert constraints == [f"node.labels.colorway-lab-host=={places[name]}"]


@pytest.mark.parametrize("name", BACKUPS)
def test_what_backs_up_sees_the_data_and_cannot_change_it(name):
    [data] = [mount for mount in services()[name].container["mounts"] if mount["type"] == "volume"]
    assert data["source"] == name.replace("-backup", "")
    assert data["readOnly"] is True


def test_all_of_them_open_the_repository_by_one_secret_and_nothing_of_it_is_in_the_clear():
    files = {
        name: {file["fileName"] for file in services()[name].container["secrets"]}
        for name in (*MEMBERS, *BACKUPS, VERIFY)
    }
    assert all("colorway-pgbackrest.conf" in found for found in files.values()), files
    assert files[VERIFY] == {"colorway-pgbackrest.conf"}, "it needs no member, so that it has no certificate of one"
    [configuration] = [one for name, one in recorded().of_type(SECRET).items() if name.endswith("-configuration")]
    text = base64.b64decode(configuration.inputs["data"]).decode()
    for secret in ("backup-key", "backup-secret", "backup-passphrase"):
        assert value_of(secret) in text
        assert not [one for one in recorded().of_type(SECRET) if one == f"secret-{secret}"], "no task needs it alone"
        for one in services().values():
            assert value_of(secret) not in str(one.container), "every `docker inspect` would show it"


def test_what_backs_up_is_no_data_store_of_its_own():
    outputs = platform_outputs(backed_up_spec(), generation="0123456789ab")
    stores = {one["service"] for one in outputs["services"] if one["store_host"]}
    assert stores == {*MEMBERS, "lab-redis"}, "a proof that moves to another host loses nothing, so nothing is refused"


SOCKETS = "/var/lib/postgresql/data/sockets"


@cache
def one():
    return run_spec(backed_up_spec(members=1))


def test_of_one_member_the_program_makes_what_the_inventory_says():
    wanted, made = backed_up_spec(members=1).inventory(), one().of_type(SERVICE).values()
    assert {each.inputs["name"] for each in made} == {each.name for each in wanted.services}
    mounts = [mount for each in made for mount in each.container["mounts"]]
    assert {each["source"] for each in mounts if each["type"] == "volume"} == {each.name for each in wanted.volumes}


def test_one_member_archives_by_what_opens_the_repository():
    container = one().one("postgres-service").container
    words = container["args"]
    told = {word.split("=", 1)[0]: word.split("=", 1)[1] for word in words[1::2]}
    assert told["archive_mode"] == "on"
    assert told["archive_command"] == "pgbackrest archive-push %p"
    assert told["archive_timeout"] == "60s", "what is lost with its host is a minute"
    assert container["env"]["PGBACKREST_STANZA"] == "postgres"
    assert secret_files(one().one("postgres-service")) == ["colorway-pgbackrest.conf"]


def test_how_often_at_least_it_archives_is_what_the_store_says():
    made = run_spec(backed_up_spec(members=1, parameters={"archive_timeout": "10s"}))
    assert "archive_timeout=10s" in made.one("postgres-service").container["args"]


def test_who_backs_one_member_up_asks_it_through_its_socket_on_the_volume():
    service = one().one("postgres-backup-db1-service")
    assert constraints(service) == constraints(one().one("postgres-service")), "the volume is on that host"
    [data] = [mount for mount in service.container["mounts"] if mount["type"] == "volume"]
    assert (data["source"], data["target"], data["readOnly"]) == ("lab-postgres", "/var/lib/postgresql/data", True)
    assert service.container["env"]["PGHOST"] == SOCKETS
    assert not {key for key in service.container["env"] if key.startswith(("PGSSL", "COLORWAY"))}, "it has none"
    assert secret_files(service) == ["colorway-pgbackrest.conf"], "it needs no password of the store"
    assert secret_files(one().one("postgres-verify-service")) == ["colorway-pgbackrest.conf"]
