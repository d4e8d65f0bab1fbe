"""Who backs a MariaDB up, who proves it, and what each of them is given."""

from __future__ import annotations

import base64

import pytest

from colorway.render.templates import entry
from tests.components.pieces import constraints, joined, read_by, secret_files
from tests.program.stacks import run_spec, value_of
from tests.support.pairs import backed_up_pair, pair_spec
from tests.support.recorder import SECRET, SERVICE

ADDRESSES = {"db1": "10.0.0.14", "db2": "10.0.0.15"}
OPENERS = {"colorway-restic-keys", "colorway-restic-passphrase"}


@pytest.fixture(scope="module")
def recording():
    return run_spec(backed_up_pair())


def test_the_program_makes_what_the_inventory_says(recording):
    wanted, made = backed_up_pair().inventory(), recording.of_type(SERVICE).values()
    assert {one.inputs["name"] for one in made} == {one.name for one in wanted.services}
    mounts = [mount for one in made for mount in one.container["mounts"]]
    assert {one["source"] for one in mounts if one["type"] == "volume"} == {one.name for one in wanted.volumes}
    assert constraints(recording.one("orders-verify-service")) == ["node.labels.colorway-lab-host==mon1"]


@pytest.mark.parametrize("host", ADDRESSES)
def test_what_backs_up_sees_the_data_which_it_cannot_change_and_asks_both_members(recording, host):
    service = recording.one(f"orders-backup-{host}-service")
    assert constraints(service) == [f"node.labels.colorway-lab-host=={host}"]
    assert list(joined(service)) == ["host"]
    [data] = [mount for mount in service.container["mounts"] if mount["type"] == "volume"]
    assert (data["source"], data["target"], data["readOnly"]) == (f"lab-orders-{host}", "/var/lib/mysql", True)
    env, [other] = service.container["env"], [one for name, one in ADDRESSES.items() if name != host]
    assert (env["COLORWAY_ADDRESS"], env["COLORWAY_OTHER"], env["COLORWAY_HOST"]) == (ADDRESSES[host], other, host)
    member = recording.one(f"orders-{host}-service").container["env"]
    assert {key: env[key] for key in member if key in env}.items() <= member.items(), "it finds what the member has"
    assert set(secret_files(service)) == {*OPENERS, "colorway-member.pem"}


def test_the_proof_needs_no_member(recording):
    assert set(secret_files(recording.one("orders-verify-service"))) == OPENERS


def test_nothing_that_opens_the_repository_is_in_the_clear(recording):
    texts = {
        name: base64.b64decode(one.inputs["data"]).decode()
        for name, one in recording.of_type(SECRET).items()
        if name.startswith("orders-repository")
    }
    assert value_of("backup-passphrase") == texts["orders-repository-passphrase"]
    assert value_of("backup-secret") in texts["orders-repository-keys"]
    for secret in ("backup-key", "backup-secret", "backup-passphrase"):
        for one in recording.of_type(SERVICE).values():
            assert value_of(secret) not in str(one.container), "every `docker inspect` would show it"


@pytest.mark.parametrize("host", ADDRESSES)
def test_a_member_does_not_restart_for_backups(recording, host):
    before = run_spec(pair_spec()).one(f"orders-{host}-service")
    assert recording.one(f"orders-{host}-service").container == before.container


LATER = {"generation": 2, "begins-from": {"generation": 1, "backup": "0a1b2c3d", "to": "0-10-500"}}


@pytest.fixture(scope="module")
def later():
    return run_spec(backed_up_pair(kept=LATER))


@pytest.mark.parametrize("host", ADDRESSES)
def test_a_later_generation_has_volumes_and_a_repository_of_its_own_and_reads_that_of_the_earlier(later, host):
    member, backup = later.one(f"orders-{host}-service"), later.one(f"orders-backup-{host}-service")
    for service in (member, backup):
        [data] = [mount for mount in service.container["mounts"] if mount["type"] == "volume"]
        assert data["source"] == f"lab-orders.2-{host}"
    assert backup.container["env"]["RESTIC_REPOSITORY"].endswith("/lab/restic/orders.2")
    env = member.container["env"]
    assert env["RESTIC_REPOSITORY"].endswith("/lab/restic/orders"), "where the backup is that it begins from"
    assert (env["COLORWAY_FROM"], env["COLORWAY_TO"]) == ("0a1b2c3d", "0-10-500")
    assert set(secret_files(member)) == {*OPENERS, "colorway-member.pem"}


def test_a_later_generation_is_told_to_begin_once_more(recording, later):
    of = [one.one("orders-begin-run").inputs["create"] for one in (recording, later)]
    assert of[0] != of[1], "its volumes are empty, and nothing begins on an empty one by itself"


def test_members_of_a_generation_and_who_backs_them_up_know_each_other_alone(recording, later):
    for name in ("orders-db1-service", "orders-backup-db1-service"):
        assert "COLORWAY_GENERATION" not in recording.one(name).container["env"], (
            "none of the first one restarts for it"
        )
        assert later.one(name).container["env"]["COLORWAY_GENERATION"] == "2"
    first, second = (one.one("orders-db1-service").container["healthcheck"]["tests"][-1] for one in (recording, later))
    assert " --user=member --" in first
    assert " --user=member-$COLORWAY_GENERATION --" in second, "else no replica hears of the primary's commits"


def test_a_generation_that_began_from_a_later_one_knows_whose_user_it_has():
    past = {"generation": 3, "begins-from": {"generation": 2, "backup": "0a1b2c3d", "to": "0-10-500"}}
    env = run_spec(backed_up_pair(kept=past)).one("orders-db1-service").container["env"]
    assert (env["COLORWAY_GENERATION"], env["COLORWAY_EARLIER"]) == ("3", "2")


def test_the_entry_begins_anew_with_each_generation(recording, later):
    of = [read_by(one, one.one("orders-service")) for one in (recording, later)]
    assert of[0] != of[1], "a promotion that the file never said would lead to a replica of another generation"


def test_both_generations_volumes_are_known(later):
    volumes = {one.name for one in backed_up_pair(kept=LATER).inventory().volumes}
    assert {"lab-orders-db1", "lab-orders.2-db1", "lab-orders-db2", "lab-orders.2-db2"} <= volumes
    assert later.one("orders-verify-service").container["env"]["RESTIC_REPOSITORY"].endswith("/orders.2")


ONE = {"members": 1, "promotion": None, "entry": None}
SOCKET = "/var/lib/mysql/sockets/mariadb.sock"


@pytest.fixture(scope="module")
def one():
    return run_spec(backed_up_pair(**ONE))


def test_of_one_member_the_program_makes_what_the_inventory_says(one):
    wanted, made = backed_up_pair(**ONE).inventory(), one.of_type(SERVICE).values()
    assert {each.inputs["name"] for each in made} == {each.name for each in wanted.services}
    mounts = [mount for each in made for mount in each.container["mounts"]]
    assert {each["source"] for each in mounts if each["type"] == "volume"} == {each.name for each in wanted.volumes}


def test_who_backs_one_member_up_asks_it_through_its_socket_on_the_volume(one):
    service = one.one("orders-backup-db1-service")
    assert constraints(service) == constraints(one.one("orders-service")), "the volume is on that host"
    [data] = [mount for mount in service.container["mounts"] if mount["type"] == "volume"]
    assert (data["source"], data["target"], data["readOnly"]) == ("lab-orders", "/var/lib/mysql", True)
    assert service.container["env"]["COLORWAY_SOCKET"] == SOCKET
    assert set(secret_files(service)) == OPENERS, "it needs no password of the store"
    assert set(secret_files(one.one("orders-verify-service"))) == OPENERS


def test_one_member_without_backups_is_what_it_was():
    old = entry("mariadb", has_backup=False)
    assert "sockets=/tmp/mariadb\n" in old
    assert "backup" not in old, "no store restarts for a newer Colorway"
    assert "sockets=$volume/sockets\n" in entry("mariadb", has_backup=True)
