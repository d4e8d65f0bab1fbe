"""Who backs a store up, who proves it, and what each of them is given."""

from __future__ import annotations

import base64
from functools import cache

import pytest

from colorway.outputs import platform_outputs
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
