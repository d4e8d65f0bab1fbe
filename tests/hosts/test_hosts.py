"""Bare machines become the file's swarm: what is asked, what is refused, and the steps, each from what is there."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.hosts import bootstrap, membership, preflight, system
from colorway.hosts.preflight import Facts
from colorway.hosts.reach import Said, first_manager
from colorway.render.templates import host_script
from colorway.spec.hosts import HostSpec, Role
from colorway.swarm.nodes import Node
from tests.support.specs import HOST_KEY, ROOT

ROLES = {"lb1": ("load-balancer",), "app1": ("web",), "db1": ("manager", "database"), "db2": ("manager",)}
HOSTS = {
    name: HostSpec.model_validate(
        {"name": name, "address": f"10.77.0.{number}", "roles": list(roles), "host-key": HOST_KEY}
    )
    for number, (name, roles) in enumerate(ROLES.items(), start=11)
}


def said(host="lb1", *lines, code=0, errors="", seconds=0.2):
    return Said(host=HOSTS[host], code=code, output="\n".join(lines), errors=errors, seconds=seconds)


def bare(name, **changes):
    """Return what a host without a swarm says that is as it should be."""
    facts = Facts(
        host=HOSTS[name],
        hostname=name,
        architecture="aarch64",
        skew=0.1,
        user="root",
        is_root=True,
        memory=3900,
        processors=4,
        disk_free=30_000,
        system="debian 13",
        kernel_lacks=frozenset(),
        device="eth0",
        mtu=1500,
        networks=(IPv4Network("10.77.0.0/24"),),
        listeners=(),
        applied="",
        in_place=frozenset(),
        has_firewall=False,
        daemon_json="",
        docker_installed=True,
        docker_version="28.5.2",
        swarm_state="inactive",
        is_manager=False,
        cluster="",
        node="",
    )
    return replace(facts, **changes)


def member(name, *, manager):
    return bare(name, swarm_state="active", is_manager=manager, cluster="c1" if manager else "", node=f"node-{name}")


def steps(*facts):
    return [str(step) for step in membership.plan(facts)]


ALL = tuple(bare(name) for name in HOSTS)


def test_the_first_manager_of_the_file_begins_and_managers_join_before_workers():
    assert steps(*ALL) == [
        "db1 begins a swarm",
        "db2 joins as a manager",
        "lb1 joins as a worker",
        "app1 joins as a worker",
    ], "a quorum stands before what it serves"


def test_a_swarm_that_is_the_files_is_left_alone():
    assert steps(*(member(name, manager=name.startswith("db")) for name in HOSTS)) == []


@pytest.mark.parametrize("begun", [1, 2, 3])
def test_a_half_done_run_is_gone_on_with(begun):
    order = ("db1", "db2", "lb1", "app1")
    there = [member(name, manager=name.startswith("db")) for name in order[:begun]]
    missing = [bare(name) for name in order[begun:]]
    assert [step.split()[0] for step in steps(*there, *missing)] == list(order[begun:])
    assert not any("begins" in step for step in steps(*there, *missing)), "never a second swarm"


def test_a_host_that_was_installed_anew_joins_again():
    there = [member(name, manager=name.startswith("db")) for name in ("app1", "db1", "db2")]
    assert steps(*there, bare("lb1")) == ["lb1 joins as a worker"]


def test_roles_that_changed_are_changed_one_by_one_first_those_that_add_a_manager():
    facts = [member("lb1", manager=True), member("app1", manager=False), member("db1", manager=True)]
    facts.append(member("db2", manager=False))
    assert steps(*facts) == ["db2 becomes a manager", "lb1 is no manager any more"]


@pytest.mark.parametrize(
    ("silent", "found"),
    [((), "db1"), (("db1",), "db2"), (("db1", "db2"), None)],
    ids=["all there", "first dead", "none"],
)
def test_commands_go_to_the_first_manager_that_answers(silent, found):
    def reach(host, script, *, limit):
        assert limit < 30, "it delays every command"
        return Said(host=host, code=255 if host.name in silent else 0, output="", errors="", seconds=1)

    chosen = first_manager([HOSTS["db1"], HOSTS["db2"]], reach=reach)
    assert (chosen and chosen.name) == found


def test_the_program_asks_the_same_manager_as_the_command(monkeypatch):
    assert stack_files.from_file(root=ROOT, stack="lab").manager.name == "db1"
    monkeypatch.setenv("COLORWAY_MANAGER", "db2")
    assert stack_files.from_file(root=ROOT, stack="lab").manager.name == "db2"
    monkeypatch.setenv("COLORWAY_MANAGER", "app1")
    assert stack_files.from_file(root=ROOT, stack="lab").manager.name == "db1", "that one is no manager"
    monkeypatch.setenv("COLORWAY_MANAGER", "mon1")
    assert stack_files.from_file(root=ROOT, stack="local").manager.name == "localhost"


def test_a_strangers_swarm_is_not_joined_and_not_left():
    with pytest.raises(ColorwayError, match=r"^lb1: in a swarm that no manager of the stack's file manages; .*leave`$"):
        membership.plan([member("lb1", manager=True), bare("app1"), bare("db1"), bare("db2")])


class Engine:
    """One host's engine; writes down what it is told."""

    told: list

    def __init__(self, host, told):
        self.host, self.told = host, told

    def ask(self, what, question):
        return question(self)

    def init_swarm(self, **given):
        self.told.append((self.host.name, "init", given["advertise_addr"]))

    def inspect_swarm(self):
        return {"JoinTokens": {"Manager": "for-managers", "Worker": "for-workers"}}

    def join_swarm(self, *, remote_addrs, join_token, **given):
        self.told.append((self.host.name, join_token, remote_addrs, given["advertise_addr"]))

    def inspect_node(self, node):
        return {"Version": {"Index": 7}, "Spec": {"Role": "worker", "Availability": "drain", "Labels": {"a": "b"}}}

    def update_node(self, node, version, spec):
        self.told.append((self.host.name, node, version, spec))


def carried_out(*facts):
    told, lines = [], []
    membership.carry_out(membership.plan(facts), facts, say=lines.append, connect=lambda host: Engine(host, told))
    assert lines == steps(*facts), "each step is said"
    return told


def test_tokens_go_from_engine_to_engine():
    assert carried_out(*ALL) == [
        ("db1", "init", "10.77.0.13"),
        ("db2", "for-managers", ["10.77.0.13:2377"], "10.77.0.14"),
        ("lb1", "for-workers", ["10.77.0.13:2377"], "10.77.0.11"),
        ("app1", "for-workers", ["10.77.0.13:2377"], "10.77.0.12"),
    ], "on the private addresses, and each as what the file says"


def test_a_role_is_changed_and_nothing_else_of_the_node():
    facts = [member("db1", manager=True), member("db2", manager=False)]
    assert carried_out(*facts) == [
        ("db1", "node-db2", 7, {"Role": "manager", "Availability": "drain", "Labels": {"a": "b"}})
    ]


def table(*found):
    with pytest.raises(ColorwayError) as caught:
        preflight.refuse(found, file="Pulumi.lab.yaml")
    return str(caught.value).splitlines()


WRONG = {
    "hostname": {"hostname": "debian"},
    "rights": {"is_root": False, "user": "deploy"},
    "clock": {"skew": -3.4},
    "disk": {"disk_free": 900},
    "memory": {"memory": 512},
    "swarm": {"swarm_state": "locked"},
}


@pytest.mark.parametrize("what", WRONG)
def test_each_thing_that_is_wrong_is_found(what):
    [one] = preflight.findings([bare("lb1"), bare("db1", **WRONG[what])])
    assert (one.host, one.what) == ("db1", what)


def test_what_is_as_it_should_be_is_nothing_to_say():
    assert preflight.findings(ALL) == []
    preflight.refuse([], file="Pulumi.lab.yaml")


def test_another_architecture_is_said_of_all_since_nobody_knows_which_is_wrong():
    found = preflight.findings([bare("lb1"), bare("db1", architecture="x86_64")])
    assert [(one.host, one.found) for one in found] == [("lb1", "aarch64"), ("db1", "x86_64")]


def test_managers_of_two_swarms_are_found():
    found = preflight.findings([member("db1", manager=True), replace(member("db2", manager=True), cluster="c2")])
    assert [one.what for one in found] == ["swarm", "swarm"]


def test_all_problems_are_one_table():
    found = preflight.findings([bare("lb1", memory=512, skew=9.0), bare("db1", disk_free=1)])
    head, columns, *rows = table(*found)
    assert head == "Pulumi.lab.yaml: 2 hosts are not ready; nothing was changed"
    assert columns.split() == ["host", "what", "is", "should", "be"]
    assert [row.split()[:2] for row in rows] == [["lb1", "clock"], ["lb1", "memory"], ["db1", "disk"]]


def test_who_does_not_answer_is_in_the_same_table_with_the_last_words():
    spec = stack_files.from_file(root=ROOT, stack="lab")

    def reach(host, text, *_arguments, **_options):
        assert text == host_script("facts")
        if host.name == "lb2":
            return Said(host=host, code=255, output="", errors="noise\nHost key verification failed.\n", seconds=1)
        facts = {"hostname": host.name, "architecture": "x86_64", "clock": "", "user": "root", "is-root": "yes"}
        facts |= {"memory": "100", "disk-free": "100000", "system": "debian 13", "device": "eth0", "mtu": "1500"}
        lines = "\n".join(f"{key}={value}" for key, value in facts.items())
        return Said(host=host, code=0, output=lines, errors="", seconds=1)

    with pytest.raises(ColorwayError) as caught:
        bootstrap.check(spec, reach=reach)
    text = str(caught.value)
    assert "7 hosts are not ready" in text, "one that is silent does not hide what is wrong with the others"
    assert "Host key verification failed." in text
    assert text.count("memory") == 6


@pytest.fixture
def swarm_of_seven(monkeypatch):
    """Make the lab's hosts ready, some of which do not answer; return what was said."""
    spec = stack_files.from_file(root=ROOT, stack="lab")

    def make_ready(*silent, fenced=(), down=(), without=(), changed=None, nodes=(), done=None):
        class Known:
            def __init__(self, manager, *, stack):
                assert manager.host == spec.manager
                assert stack == "lab"

            def fenced(self):
                return fenced

            def down(self):
                return down

            def all(self):
                return nodes

            def forget(self, node):
                done.append(node.id)

        def joins(found, _facts, *, say):
            done.extend(map(str, found))

        def reach(host, _text, *_arguments, **_options):
            if host.name in silent:
                return Said(host=host, code=255, output="", errors="No route to host", seconds=1)
            known = member("db1", manager=host.has(Role.MANAGER))
            facts = {"hostname": host.name, "architecture": "x86_64", "clock": "", "user": "root", "is-root": "yes"}
            facts |= {"memory": "4000", "disk-free": "100000", "docker-installed": "yes", "docker-version": "28.5"}
            facts |= {"swarm-state": "active", "swarm-manager": str(known.is_manager).lower(), "swarm-node": host.name}
            facts |= {"swarm-cluster": known.cluster, "system": "debian 13", "device": "eth0", "mtu": "1500"}
            facts |= {"applied": system.wanted(spec, host).digest, "in-place": "firewall ssh", "has-firewall": "yes"}
            facts |= (changed or {}).get(host.name, {})
            return Said(host=host, code=0, output="\n".join(f"{k}={v}" for k, v in facts.items()), errors="", seconds=0)

        monkeypatch.setattr(bootstrap, "Nodes", Known)
        monkeypatch.setattr(membership, "carry_out", joins)
        heard = []
        bootstrap.make_ready(spec, progress=lambda *_a, **_k: None, say=heard.append, reach=reach, without=without)
        return heard

    return make_ready


def test_a_dead_host_does_not_block_the_others(swarm_of_seven):
    assert swarm_of_seven() == []
    assert swarm_of_seven("app2", down=("app2",)) == ["app2: is gone (No route to host); the others go on without it"]


def test_one_that_the_swarm_still_has_is_no_dead_host(swarm_of_seven):
    with pytest.raises(ColorwayError, match=r"app2 +SSH +No route to host"):
        swarm_of_seven("app2")


def test_a_dead_load_balancer_is_named_with_what_goes_on_without_it(swarm_of_seven):
    with pytest.raises(ColorwayError) as refused:
        swarm_of_seven("lb2", down=("lb2",))
    assert str(refused.value).splitlines()[-1] == "To go on without a load balancer: colorway up lab --without lb2"
    assert swarm_of_seven("lb2", down=("lb2",), fenced=("lb2",)) == [
        "lb2: is gone (No route to host); the others go on without it"
    ]


def test_one_that_is_named_need_not_answer(swarm_of_seven):
    assert swarm_of_seven("lb2", without=("lb2",)) == ["lb2: is gone (No route to host); the others go on without it"]


def test_with_all_load_balancers_gone_there_is_nothing_to_go_on_with(swarm_of_seven):
    with pytest.raises(ColorwayError, match="2 hosts are not ready") as refused:
        swarm_of_seven("lb1", "lb2", down=("lb1", "lb2"))
    assert "--without" not in str(refused.value)


@pytest.mark.parametrize(
    ("said_of_app2", "forgotten"),
    [
        ({"swarm-state": "inactive", "swarm-node": ""}, ["old"]),
        ({"swarm-state": "", "swarm-node": "", "docker-version": "28.5"}, []),
    ],
    ids=["installed anew", "an engine that says nothing of its swarm"],
)
def test_what_a_host_was_is_forgotten_before_it_joins_by_its_own_word(swarm_of_seven, said_of_app2, forgotten):
    done = []
    swarm_of_seven(changed={"app2": said_of_app2}, nodes=[node_of("app2", "old")], done=done)
    assert done[: len(forgotten) + 1] == [*forgotten, "app2 joins as a worker"]


def node_of(name, identifier):
    return Node(id=identifier, hostname=name, host=name, address="10.0.0.1", state="ready", is_manager=False, labels={})


@pytest.mark.parametrize(("clock", "skew"), [(1000, 0), (1004, 0), (997, -3), (1007.5, 3.5)])
def test_a_clock_is_wrong_by_what_a_slow_answer_does_not_explain(clock, skew):
    facts = preflight.read_facts(said("lb1", f"clock={clock}", seconds=4.0), now=1004.0)
    assert facts.skew == pytest.approx(skew), "it was read between 1000 and 1004"


def test_the_script_says_every_fact_of_this_machine_and_changes_nothing():
    ran = subprocess.run(
        ["/bin/sh", "-euc", host_script("facts"), "colorway", "127.0.0.1", "lab", "stack-lab"],
        capture_output=True,
        text=True,
        check=True,
    )
    facts = preflight.read_facts(said("lb1", *ran.stdout.splitlines()), now=0)
    assert facts.hostname
    assert facts.architecture
    assert facts.memory > 0
    assert facts.processors > 0
    assert facts.disk_free > 0
    assert (facts.device, facts.mtu > 0) == ("lo", True)
    assert facts.applied == "", "nobody has set this machine to anything"
    assert facts.system
