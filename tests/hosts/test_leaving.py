"""Hosts that leave the file, change their roles or come back anew: by id, in the right order, and said."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest

from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.hosts.leaving import twins
from colorway.hosts.members import Members
from colorway.hosts.reach import Said
from colorway.hosts.upkeep import Upkeep
from colorway.render.templates import host_script, script
from colorway.spec.hosts import HostSpec
from colorway.spec.names import node_labels
from colorway.swarm.connections import Connection
from colorway.swarm.nodes import Node, Nodes
from colorway.swarm.services import Swarm
from tests.support.specs import ROOT
from tests.swarm.fake_api import FakeApi, refused

SPEC = stack_files.from_file(root=ROOT, stack="lab")
HOSTS = {host.name: host for host in SPEC.settings.hosts}


def without(*names):
    """Return the lab's stack after hosts have left its file."""
    hosts = tuple(host for name, host in HOSTS.items() if name not in names)
    return SPEC.model_copy(update={"settings": SPEC.settings.model_copy(update={"hosts": hosts})})


def changed(name, **changes):
    """Return the lab's stack with another one of its hosts."""
    hosts = tuple(host.model_copy(update=changes) if host.name == name else host for host in HOSTS.values())
    return SPEC.model_copy(update={"settings": SPEC.settings.model_copy(update={"hosts": hosts})})


def labelled(host):
    return {label: value for label, value in node_labels("lab", host=host.name, roles=host.roles).items() if value}


class Managers(FakeApi):
    """The managers of a swarm, with the words that Docker 28.5 refuses in."""

    def __init__(self):
        super().__init__()
        self.known = {}
        self.done = []
        self.raft = 2
        """Looks until a manager that was demoted is none any more for the others."""
        for host in HOSTS.values():
            self.add(f"id-{host.name}", host.name, role="manager" if "manager" in host.roles else "worker")

    def add(self, identifier, hostname, *, role="worker", state="ready", labels=None):
        self.known[identifier] = {
            "ID": identifier,
            "Version": {"Index": 1},
            "Spec": {
                "Role": role,
                "Availability": "active",
                "Labels": labelled(HOSTS[hostname]) if labels is None else labels,
            },
            "Description": {"Hostname": hostname},
            "Status": {"State": state, "Addr": "10.77.0.99"},
            "raft": role == "manager",
        }

    def nodes(self):
        return list(self.known.values())

    def tasks(self, *, filters):
        found = super().__getattr__("tasks")(filters=filters)
        return [task for task in found if task.get("NodeID") in filters.get("node", [task.get("NodeID")])]

    def update_node(self, node, version, spec):
        if version != self.known[node]["Version"]["Index"]:
            raise refused(500, "rpc error: code = Unknown desc = update out of sequence")
        before = self.known[node]["Spec"]
        self.known[node] = {**self.known[node], "Spec": spec, "Version": {"Index": version + 1}}
        self.done += [f"{node} {spec[key].lower()}" for key in ("Role", "Availability") if spec[key] != before[key]]
        if spec["Availability"] == "drain":
            for task in self.stored["tasks"]:
                if task.get("NodeID") == node:
                    task["NodeID"] = "id-app1"

    def update_service(self, name, version, **given):
        super().update_service(name, version, **given)
        takes = [node for node in ("id-app2", "id-app1") if self.known[node]["Spec"]["Availability"] == "active"]
        for task in self.stored["tasks"]:
            if task["ServiceID"] == f"id-{name}":
                task["NodeID"] = takes[0]

    def remove_node(self, node, *, force):
        if node not in self.known:
            raise refused(404, f"node {node} not found")
        if self.known[node]["raft"]:
            if self.known[node]["Spec"]["Role"] == "worker":
                self.raft -= 1
                self.known[node]["raft"] = self.raft > 0
            raise refused(
                400,
                f"node {node} is a cluster manager and is a member of the raft cluster. It must be demoted to worker "
                "before removal",
            )
        if self.known[node]["Status"]["State"] != "down" and not force:
            raise refused(400, f"node {node} is not down and can't be removed")
        del self.known[node]
        self.done.append(f"{node} forgotten")


@dataclass
class World:
    spec: object = SPEC
    api: Managers = field(default_factory=Managers)
    said: list[str] = field(default_factory=list)
    told: list[tuple[str, ...]] = field(default_factory=list)
    unreachable: tuple[str, ...] = ()
    cut_off: bool = False
    """Whether no manager answers a host that the swarm has lost."""
    pauses: int = 0
    registers_after: int | None = None
    """Pauses until hosts that are lost register by themselves; none = never."""

    def reach(self, host: HostSpec, text, *arguments, given="", limit=120.0) -> Said:
        if host.name in self.unreachable:
            return Said(host=host, code=255, output="", errors="Connection timed out", seconds=limit)
        if text.startswith("docker info"):
            return Said(host=host, code=0, output="", errors="", seconds=1)
        if text == host_script("restart-docker") and self.cut_off:
            return Said(host=host, code=1, output="", errors="none of its managers answers it\n", seconds=9)
        named = {
            host_script("leave"): "leave",
            script("make-directory"): "make-directory",
            host_script("restart-docker"): "start Docker anew",
        }
        self.told.append((host.name, named[text], *arguments))
        self.api.done.append(f"{host.name} told to {named[text]}")
        if named[text] == "start Docker anew":
            self.api.known[f"id-{host.name}"]["Status"]["State"] = "ready"
        return Said(host=host, code=0, output="", errors="", seconds=1)

    def connection(self, host=None) -> Connection:
        return Connection(host or SPEC.manager, client=lambda: self.api)

    def members(self, known=HOSTS) -> Members:
        return Members(
            spec=self.spec,
            swarm=Swarm(self.spec.manager, connection=self.connection()),
            say=self.said.append,
            known=known,
            reach=self.reach,
            sleep=self.sleep,
        )

    def sleep(self, _seconds):
        self.pauses += 1
        if self.pauses == self.registers_after:
            for known in self.api.known.values():
                known["Status"]["State"] = "ready"

    def upkeep(self) -> Upkeep:
        return Upkeep(
            spec=self.spec,
            say=self.said.append,
            reach=self.reach,
            connect=self.connection,
            hold=lambda _swarm, _reason: nullcontext(),
            sleep=lambda _seconds: None,
        )

    def web_on(self, *nodes):
        self.api.add_service("lab-web-blue", stack="lab", wanted=len(nodes), running=len(nodes), color="blue")
        for task, node in zip(self.api.stored["tasks"], nodes, strict=True):
            task["NodeID"] = node


def node(name, identifier, *, state="ready", host=None):
    return Node(
        id=identifier,
        hostname=name,
        host=name if host is None else host,
        address="10.0.0.1",
        state=state,
        is_manager=False,
        labels={},
    )


@pytest.mark.parametrize(
    ("here", "found"),
    [
        ({"app2": "new"}, ["old"]),
        ({"app2": ""}, ["old"]),
        ({"app2": "old"}, []),
        ({"app1": "other"}, []),
    ],
    ids=["joined again", "bare", "its engine comes back", "somebody else"],
)
def test_what_a_host_was_before_it_was_installed_anew_is_known_by_its_id(here, found):
    nodes = [node("app2", "old", state="down"), node("app1", "other")]
    assert [one.id for one in twins(nodes, here)] == found


def test_another_stacks_host_of_the_same_name_is_not_what_ours_was():
    assert twins([node("app2", "theirs", host="")], {"app2": "ours"}) == ()
    assert [one.id for one in twins([node("app2", "old")], {"app2": "new"})] == ["old"], "it says so itself"


def test_a_host_that_dies_while_the_engine_works_is_not_waited_for():
    world = World(spec=without("app2"))
    world.members().before()
    world.api.known["id-app2"]["Status"]["State"] = "down"
    world.web_on("id-app2")
    world.members().after(())
    assert world.api.done == ["id-app2 forgotten"]


def test_a_live_node_beside_another_one_of_its_name_is_not_forgotten_without_the_hosts_own_word():
    world = World()
    world.api.add("id-new", "app2", labels={})
    world.members().before()
    assert world.api.done == []


def test_a_host_that_left_the_file_rests_leaves_and_is_forgotten_after_everything_is_placed():
    world = World(spec=without("app2"))
    world.web_on("id-app1", "id-app2")
    assert world.members().before() == ()
    assert world.api.done == [], "what comes in its place is not there yet"
    world.members().after(())
    assert world.api.done == ["id-app2 drain", "app2 told to leave", "id-app2 forgotten"]
    assert world.told == [("app2", "leave", "id-app2")], "never another swarm's node"
    assert world.said == ["app2 has left the swarm, its tasks run on other hosts"]
    world.members().after(())
    assert len(world.said) == 1, "the second time there is nothing to do"


def test_a_manager_is_demoted_before_it_leaves_and_its_raft_is_waited_for():
    world = World(spec=without("db2"))
    world.members().before()
    world.members().after(())
    assert world.api.done == ["id-db2 drain", "id-db2 worker", "db2 told to leave", "id-db2 forgotten"]


def test_a_dead_host_that_left_the_file_is_forgotten_at_once():
    world = World(spec=without("db2"))
    world.api.known["id-db2"]["Status"]["State"] = "down"
    world.members().before()
    assert world.api.done == ["id-db2 worker", "id-db2 forgotten"]
    assert world.told == [], "nobody waits for the dead"
    assert world.said == ["db2 is dead and has left the stack's file; the swarm has forgotten it"]


@pytest.mark.parametrize(
    ("known", "unreachable", "why"),
    [(HOSTS, ("app2",), "Connection timed out"), ({}, (), "its host-key is not known any more")],
    ids=["no answer", "of an older Colorway"],
)
def test_what_to_type_on_a_host_that_cannot_be_told_is_said(known, unreachable, why):
    world = World(spec=without("app2"), unreachable=unreachable)
    world.members(known).after(())
    assert world.api.done == ["id-app2 drain", "id-app2 forgotten"]
    address = HOSTS["app2"].address if known else "10.77.0.99"
    assert world.said == [
        f"app2 is out of the swarm and could not be told ({why}); type there ({address}): docker swarm leave --force"
    ]


def test_a_host_that_another_stack_uses_too_only_loses_this_stacks_labels():
    world = World(spec=without("app2"))
    other = {"colorway-lab-two-host": "app2", "colorway-lab-two-web": "true", "disk": "ssd"}
    world.api.known["id-app2"]["Spec"]["Labels"].update(other)
    world.members().after(())
    assert world.api.known["id-app2"]["Spec"]["Labels"] == other, "the names of lab-two begin with those of lab"
    assert world.api.done == []
    assert world.said == ["app2 is no host of lab any more; it stays in the swarm for lab-two"]


@pytest.mark.parametrize(
    "spec", [without("app2"), changed("app2", roles=(HOSTS["mon1"].roles[1],))], ids=["leaves", "is no web host"]
)
def test_what_answers_requests_and_runs_nowhere_else_begins_elsewhere_first(spec):
    world = World(spec=spec)
    world.web_on("id-app2", "id-app2")
    world.members().before()
    assert world.api.done[:2] == ["id-app2 pause", "id-app2 active"], "its other tasks and roles stay"
    assert {task["NodeID"] for task in world.api.stored["tasks"]} == {"id-app1"}


def test_tasks_that_the_swarm_has_given_up_on_a_dead_host_hold_nobody_up():
    world = World(spec=without("app2"))
    world.web_on("id-app2", "id-app2")
    world.api.known["id-app2"]["Status"]["State"] = "down"
    world.members().before()
    assert world.api.done == ["id-app2 forgotten"]


def test_a_role_that_the_file_says_no_more_goes_and_the_fence_and_others_labels_stay():
    spec = changed("lb2", roles=(HOSTS["mon1"].roles[1],))
    world = World(spec=spec)
    world.api.known["id-lb2"]["Spec"]["Labels"].update({"colorway-lab-edge": "fenced", "disk": "ssd"})
    world.members().before()
    assert world.api.known["id-lb2"]["Spec"]["Labels"] == {
        "colorway-lab-host": "lb2",
        "colorway-lab-monitoring": "true",
        "colorway-lab-edge": "fenced",
        "disk": "ssd",
    }


def test_a_host_that_was_installed_anew_gets_its_roles_and_its_dead_twin_none():
    world = World()
    world.api.known["id-lb2"]["Status"]["State"] = "down"
    world.api.add("id-new", "lb2", labels={})
    world.api.add_service("lab-lb-lb2", stack="lab")
    assert world.members().before() == ("lb2",)
    assert world.api.done == ["id-lb2 forgotten", "lb2 told to make-directory"], "its task mounts the directory"
    mark = {"colorway-lab-anew": "true"}
    assert world.api.known["id-new"]["Spec"]["Labels"] == {**labelled(HOSTS["lb2"]), **mark}
    assert world.members().before() == ("lb2",), "a run that is cut off before all is there is gone on with"
    world.members().after(("lb2",))
    assert world.api.known["id-new"]["Spec"]["Labels"] == labelled(HOSTS["lb2"])
    assert world.members().before() == (), "once"


def test_a_host_that_the_swarm_has_lost_although_it_is_there_is_had_back():
    world = World()
    world.api.known["id-db1"]["Status"]["State"] = "down"

    world.members().before()

    managers = [str(host.address) for host in HOSTS.values() if "manager" in host.roles and host.name != "db1"]
    assert world.told == [("db1", "start Docker anew", *managers)]
    assert world.said == ["db1 answers and the swarm has lost it: its Docker engine is started anew"]
    assert world.api.known["id-db1"]["Status"]["State"] == "ready"


def test_several_that_the_swarm_has_lost_are_waited_for_at_the_same_time():
    world = World()
    for host in ("db1", "app1"):
        world.api.known[f"id-{host}"]["Status"]["State"] = "down"

    world.members().before()

    assert [host for host, *_ in world.told] == ["app1", "db1"]
    assert world.pauses == 60, "a minute for both, and none for those that are back"


def test_a_host_that_registers_by_itself_is_waited_for():
    world = World(registers_after=5)
    world.api.known["id-db1"]["Status"]["State"] = "down"

    world.members().before()

    assert world.told == [], "a new start would end what runs there"
    assert world.said == []


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (World(unreachable=("db1",)), []),
        (
            World(cut_off=True),
            [
                "db1 answers and the swarm has lost it: its Docker engine is started anew",
                "db1 stays lost: none of its managers answers it",
            ],
        ),
    ],
    ids=["dead", "cut off from the managers"],
)
def test_a_host_that_is_dead_or_cut_off_is_left_and_blocks_nothing(world, said):
    world.api.known["id-db1"]["Status"]["State"] = "down"

    world.members().before()

    assert world.told == [], "what is cut off may serve on"
    assert world.said == said


def test_before_the_first_up_the_program_labels():
    world = World()
    world.api.known["id-app1"]["Spec"]["Labels"] = {}
    assert world.members(known={}).before() == ()
    assert world.api.known["id-app1"]["Spec"]["Labels"] == {}


def test_a_change_that_another_one_came_before_is_made_again():
    world = World()
    stale = dict(world.api.known["id-app2"], Version={"Index": 0})
    answers = [[stale], [stale], list(world.api.known.values())]
    world.api.nodes = lambda: answers.pop(0)
    Nodes(world.connection(), stack="lab").rest("app2")
    assert world.api.done == ["id-app2 drain"]


def test_replace_takes_a_host_out_and_says_what_is_next():
    world = World()
    world.web_on("id-app1", "id-app2")
    world.upkeep().replace("app2")
    assert world.api.done == ["id-app2 drain", "app2 told to leave", "id-app2 forgotten"]
    assert world.said[-1].startswith("next: write the new machine's address and host-key")
    assert "Pulumi.lab.yaml as app2" in world.said[-1]
    world.upkeep().replace("app2")
    assert world.said[-2] == "app2 is not in the swarm", "a run that was cut off says the next steps, too"


def test_replace_of_a_dead_store_says_what_is_lost():
    world = World(spec=SPEC.model_copy(update={"answering_manager": "db2"}))
    world.api.known["id-db1"]["Status"]["State"] = "down"
    world.upkeep().replace("db1")
    assert world.api.done == ["id-db1 worker", "id-db1 forgotten"]
    assert world.said[0].startswith("db1 is dead, and what only it had is lost: lab-postgres, lab-redis;")


@pytest.mark.parametrize(
    ("name", "down", "reason"),
    [
        ("db1", (), "lab-postgres, lab-redis run on db1 and nowhere else"),
        ("db2", ("mon1",), "would be no majority"),
        ("lb2", ("lb1",), "the only load balancer that is there"),
    ],
)
def test_replace_refuses_what_the_others_could_not_do(name, down, reason):
    world = World()
    for one in down:
        world.api.known[f"id-{one}"]["Status"]["State"] = "down"
    with pytest.raises(ColorwayError, match=reason):
        world.upkeep().replace(name)
    assert world.api.done == []


def test_of_two_nodes_of_a_name_the_one_that_is_there_counts():
    world = World()
    world.api.add("id-dead", "app2", state="down")
    nodes = Nodes(world.connection(), stack="lab")
    found = nodes.of("app2")
    assert found is not None
    assert found.id == "id-app2"
    assert nodes.down() == ()
