"""A PostgreSQL with two members: what is made, where, in which order, what each task knows, and what changes none."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest

from colorway.render.replication import settings
from colorway.spec.platform_spec import PlatformSpec
from components.x509 import without_key
from tests.components.pieces import constraints, joined, secret_files
from tests.program.stacks import program, run_spec, value_of
from tests.support.recorder import AUTHORITY, CONFIG, NETWORK, SECRET, SERVICE, STASH, Recording, run_program
from tests.support.specs import HOST_KEY, demo_spec, pinned, small_spec
from tests.support.stores import HOSTS, replicated_spec

ETCD = ("etcd-db1", "etcd-db2", "etcd-mon1")
MEMBERS = ("postgres-db1", "postgres-db2")
ENTRIES = ("postgres-direct", "postgres")
PASSWORD = "database-password"
AUTHORITYS_KEY = AUTHORITY.partition("PRIVATE KEY-----\n")[2].partition("\n")[0]
"""A line of it, which no quoting breaks."""


@cache
def made() -> Recording:
    return run_spec(replicated_spec())


def on_hosts(hosts, **postgres):
    """Return what is made on other hosts; its PostgreSQL has two members, unless something else is said of it."""
    spec = demo_spec(
        settings={"hosts": hosts, "environment": "lab"},
        overrides={"data-stores": {"postgres": {"members": 2, **postgres}}},
        stack="lab",
    )
    return run_spec(spec)


def one_more(name, *roles):
    return [*HOSTS, {"name": name, "address": "10.0.0.31", "roles": roles, "host-key": HOST_KEY}]


def service(logical, recording=None):
    return (recording or made()).one(f"{logical}-service")


def configs(one):
    return {file["fileName"]: file["configName"].removesuffix("-1234567") for file in one.container["configs"]}


def texts(recording):
    return {name: one.inputs["dataRaw"] for name, one in recording.of_type(CONFIG).items()}


def settled(recording):
    return recording.one("postgres-settings-run")


def guarded() -> PlatformSpec:
    """Return a stack of production whose images come from a registry."""
    helpers = {"direct": {"image": pinned("haproxy")}, "pool": {"image": pinned("pgbouncer")}}
    return small_spec(
        hosts=HOSTS,
        settings={"environment": "production"},
        overrides={
            "etcd": {"image": pinned("etcd")},
            "data-stores": {"postgres": {"members": 2, **helpers}},
        },
    )


# --- what there is, and where


@pytest.mark.parametrize("logical", [*ETCD, *MEMBERS])
def test_what_must_know_its_peers_is_on_its_hosts_own_network(logical):
    one = service(logical)
    host = logical.rpartition("-")[2]
    assert joined(one) == {"host": None}, "Swarm's DNS knows a task once it is healthy, and overlays change addresses"
    assert constraints(one) == [f"node.labels.colorway-lab-host=={host}"], "elsewhere its volume would be empty"
    assert one.inputs["mode"] == {"replicated": {"replicas": 1}}
    assert one.inputs["updateConfig"]["order"] == "stop-first", "two servers on one directory destroy it"
    [volume] = [mount for mount in one.container["mounts"] if mount["type"] == "volume"]
    assert volume["source"] == f"lab-{logical}"


@pytest.mark.parametrize("logical", ENTRIES)
def test_services_meet_what_stands_before_the_members_on_web_hosts(logical):
    one = service(logical)
    assert joined(one) == {"net-store-postgres-id": [logical]}
    assert constraints(one) == ["node.labels.colorway-lab-web==true"]
    assert one.inputs["mode"] == {"replicated": {"replicas": 2}}, "one may be lost"
    assert not [mount for mount in one.container["mounts"] if mount["type"] == "volume"], "it keeps nothing"
    assert "capAdds" not in one.container
    assert one.container["user"] == "65534:65534"


def test_one_web_host_has_one_of_each():
    recording = on_hosts([host for host in HOSTS if host["name"] != "app2"])
    assert {service(one, recording).inputs["mode"]["replicated"]["replicas"] for one in ENTRIES} == {1}


@pytest.mark.parametrize("logical", [*ETCD, *MEMBERS])
def test_a_task_has_the_certificate_of_its_own_host_and_no_password(logical):
    one = service(logical)
    host = logical.rpartition("-")[2]
    [file] = one.container["secrets"]
    assert file["secretName"] == f"replication-authority-{host}-1234567"
    assert file["fileName"] == "colorway-member.pem"


@pytest.mark.parametrize(
    ("logical", "files"),
    [
        *(
            (one, {"/colorway-entry.sh": "etcd-entry", "/colorway-ca.pem": "replication-authority-certificate"})
            for one in ETCD
        ),
        *(
            (
                one,
                {
                    "/colorway-entry.sh": "postgres-entry",
                    "/colorway-patroni.yml": f"{one}-patroni",
                    "/colorway-ca.pem": "replication-authority-certificate",
                },
            )
            for one in MEMBERS
        ),
        (
            "postgres-direct",
            {
                "/colorway-haproxy.cfg": "postgres-direct-config",
                "/colorway-ca.pem": "replication-authority-first",
            },
        ),
        (
            "postgres",
            {
                "/colorway-entry.sh": "postgres-pool-entry",
                "/colorway-pgbouncer.ini": "postgres-pool-config",
                "/colorway-ca.pem": "replication-authority-first",
            },
        ),
    ],
)
def test_a_task_has_the_files_that_it_is_told_of_and_no_others(logical, files):
    one = service(logical)
    assert configs(one) == files
    told = str([one.container.get(key) for key in ("commands", "args", "env")])
    unsaid = {"/colorway-ca.pem"} if logical in ENTRIES else set()
    assert [path for path in files if path not in told and path not in unsaid] == [], "a file that nobody reads"


def test_the_pool_has_a_password_of_its_own_and_nobody_the_applications():
    assert [secret_files(service(one)) for one in ENTRIES] == [[], ["colorway-members-password"]]
    env = service("postgres").container["env"]
    assert env["POSTGRES_USER"] == "colorway_pool", "it asks the database for whoever comes: no new password is its"


@pytest.mark.parametrize("host", ["db1", "db2", "mon1"])
def test_each_etcd_knows_all_of_them_by_their_addresses_and_lets_members_in_alone(host):
    one = service(f"etcd-{host}")
    args = dict(word.removeprefix("--").split("=", 1) for word in one.container["args"])
    address = next(str(each["address"]) for each in HOSTS if each["name"] == host)
    assert args["listen-client-urls"] == args["advertise-client-urls"] == f"https://{address}:20000"
    assert args["listen-peer-urls"] == f"https://{address}:20001", "the private address alone, not every interface"
    every = {"db1": "10.0.0.14", "db2": "10.0.0.15", "mon1": "10.0.0.16"}
    env = one.container["env"]
    assert env["COLORWAY_CLUSTER"] == ",".join(f"{name}=https://{where}:20001" for name, where in every.items())
    assert env["COLORWAY_OTHERS"] == ",".join(
        f"https://{where}:20000" for name, where in every.items() if name != host
    ), "one that lost its volume asks these for its place"
    assert env["COLORWAY_PEER"] == args["initial-advertise-peer-urls"] == args["listen-peer-urls"]
    assert (args["client-cert-auth"], args["peer-client-cert-auth"]) == ("true", "true")
    assert args["trusted-ca-file"] == args["peer-trusted-ca-file"] == "/colorway-ca.pem"


# --- in which order


def test_they_come_one_after_the_other():
    recording = made()
    chain = (*ETCD, *MEMBERS)
    for before, after in pairwise(chain):
        waits = recording.waits_for(service(after))
        assert f"{before}-service" in waits, f"{after} beside {before}: an update of both would end a quorum, or writes"
    assert f"{MEMBERS[-1]}-service" in recording.waits_for(settled(recording))
    assert "postgres-settings-run" in recording.waits_for(service("postgres-direct"))
    assert "postgres-direct-service" in recording.waits_for(service("postgres")), "the pool asks it for the leader"


def test_a_migration_asks_the_leader_and_no_pool():
    words = made().one("migrations-blue-0001-initial-run").inputs["create"]
    assert "--env=DATABASE_HOST=postgres-direct" in words, "no lock of a session lasts in a pool"
    assert "'--env=PGOPTIONS=-c lock_timeout=5s'" in words, "nor does that option pass it"


def test_each_member_makes_way_before_it_is_replaced():
    done = {name: one.before_update for name, one in made().of_type(SERVICE).items() if one.before_update}
    assert done == {f"{one}-service": (f"{one}-makes-way",) for one in MEMBERS}, "a leader that stops fails its clients"


def test_migrations_come_after_the_way_to_the_database():
    waits = made().waits_for(made().one("migrations-blue-0001-initial-run"))
    assert {"postgres-service", "postgres-direct-service"} <= waits


# --- what is said once somebody leads


def test_the_settings_are_told_through_a_member_and_the_password_is_its_input():
    one = settled(made())
    spec = replicated_spec()
    store = spec.platform.data_stores["postgres"]
    assert one.inputs["connection"]["host"] == "10.0.0.14", "the first member's host"
    own, rest = one.inputs["stdin"].split("\n")
    assert own == "made-up-postgres-pool-value", "the pool's own, which stays"
    assert rest == value_of(PASSWORD)
    assert "stdin" in one.secrets, "the state and every log would have it"
    assert value_of(PASSWORD) not in one.inputs["create"], "`ps` shows every argument"
    for word in ("lab-postgres-db1", settings(store), "10.0.0.14,10.0.0.15", "20016,20016"):
        assert word in one.inputs["create"]
    assert one.inputs["create"] == one.inputs["update"], "what changes is told, too"


def test_other_settings_are_told_again_and_restart_no_member_through_the_swarm():
    changed = run_spec(
        replicated_spec(parameters={"work_mem": "8MB"}, extensions=["vector"], durability="asynchronous")
    )
    assert settled(changed).inputs["create"] != settled(made()).inputs["create"]
    assert "vector" in settled(changed).inputs["create"]
    unchanged(made(), changed, *MEMBERS, *ETCD)


def unchanged(before, after, *logical):
    """Assert that no task of some services is replaced: neither it nor what its files say has changed."""
    for name in logical:
        one, other = service(name, before), service(name, after)
        assert one.compared == other.compared, f"{name} would restart"
        for config in configs(one).values():
            assert texts(before)[config] == texts(after)[config], f"{name} would restart for {config}"


def test_a_changed_password_restarts_neither_a_member_nor_the_pool():
    spec = replicated_spec()
    values = {f"secrets:{name}": value_of(name) for name in spec.platform.secrets} | {f"secrets:{PASSWORD}": "another"}
    after = run_program(lambda: program().platform(spec), stack="lab", config=values, secret_keys=list(values))
    unchanged(made(), after, *ETCD, *MEMBERS, *ENTRIES)
    assert settled(after).inputs["stdin"].endswith("\nanother")
    assert settled(after).inputs["create"] == settled(made()).inputs["create"]


@pytest.mark.parametrize("role", ["web", "database"])
def test_one_more_host_changes_no_members_task(role):
    unchanged(made(), on_hosts(one_more("more", role)), *ETCD, *MEMBERS, *ENTRIES)


def test_one_member_more_leaves_the_others_alone():
    after = on_hosts(one_more("db3", "database"), members=3, durability="strict")
    assert f"{MEMBERS[-1]}-service" in after.waits_for(service("postgres-db3", after))
    unchanged(made(), after, *ETCD, *MEMBERS)
    assert "10.0.0.31:20016" in texts(after)["postgres-direct-config"], "it may lead some day"


def test_other_certificates_replace_the_members_and_leave_alone_what_stands_before_them():
    hosts = {"hosts": list(HOSTS), "environment": "lab"}
    overrides = {"data-stores": {"postgres": {"members": 2}}}
    after = run_spec(demo_spec(settings={**hosts, "certificates": 2}, overrides=overrides, stack="lab"))
    unchanged(made(), after, *ENTRIES)
    kept = [name for name in after.of_type(STASH) if name.startswith("replication-authority-")]
    assert {"replication-authority-own-value", "replication-authority-db1-10.0.0.14-2-value"} <= set(kept)
    certificates = texts(after)["replication-authority-certificate"]
    assert certificates.count("BEGIN CERTIFICATE") == 3, "the number before, its own, and the next one"


# --- what must not be lost, and what nobody may know


def test_in_production_what_has_data_is_protected():
    recording = run_spec(guarded())
    protected = {one.inputs["name"] for one in recording.of_type(SERVICE).values() if one.protect}
    assert protected == {f"test-{one}" for one in (*ETCD, *MEMBERS, "redis")}, "what stands before them keeps nothing"
    assert all(one.protect for one in recording.of_type(NETWORK).values())


def test_certificates_are_made_once():
    stashes = {name: one for name, one in made().of_type(STASH).items() if name.startswith("replication-")}
    assert set(stashes) == {
        f"replication-authority-{one}-value"
        for one in ("own", "own-2", "db1-10.0.0.14", "db2-10.0.0.15", "mon1-10.0.0.16")
    }, "the next authority is trusted before it makes a certificate"
    for name, stash in stashes.items():
        assert stash.ignore_changes == ("input",), f"{name}: another one in each run would restart every member"
        assert "input" in stash.secrets, f"{name}: a private key in the state"
    first, second = (made(), run_spec(replicated_spec()))
    assert texts(first) == texts(second)
    assert {name: one.inputs["data"] for name, one in first.of_type(SECRET).items()} == {
        name: one.inputs["data"] for name, one in second.of_type(SECRET).items()
    }


def test_a_host_with_another_address_gets_another_certificate_and_no_other_host_does():
    hosts = [{**host, "address": "10.0.0.99"} if host["name"] == "db2" else host for host in HOSTS]
    before, after = made().of_type(SECRET), on_hosts(hosts).of_type(SECRET)
    changed = [name for name in before if before[name].inputs["data"] != after[name].inputs["data"]]
    assert changed == ["replication-authority-db2"], "the old one is refused at the new address"


def test_private_keys_are_in_stashes_and_secrets_alone():
    recording = made()
    assert AUTHORITYS_KEY, "this test looks for something"
    for one in recording.resources:
        assert AUTHORITYS_KEY not in one.text, f"{one.name}: who has the authority's key is any member that he likes"
        if one.type != STASH:
            assert "PRIVATE KEY" not in one.text, one.name
    assert "PRIVATE KEY" not in str(recording.outputs)
    for one in recording.of_type(SECRET).values():
        assert "data" in one.secrets
    certificate = recording.one("replication-authority-certificate")
    assert certificate.inputs["dataRaw"] == 2 * without_key(AUTHORITY), "its own, and the next one's"
    assert not certificate.secrets, "it is no secret, and a diff may show it"
