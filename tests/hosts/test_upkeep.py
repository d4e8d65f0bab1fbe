"""Hosts that rest: refused where the others could not do what they do, and waited for."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import pytest

from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.hosts.reach import Said
from colorway.hosts.upkeep import Upkeep, why_not
from colorway.spec.hosts import HostSpec, Role
from colorway.swarm.connections import Connection, NoAnswerError
from colorway.swarm.inside import Ran
from colorway.swarm.services import Swarm
from tests.support.pairs import pair_spec, says
from tests.support.specs import ROOT
from tests.support.stores import backed_up_spec, listed, replicated_spec
from tests.swarm.fake_api import FakeApi

SPEC = stack_files.from_file(root=ROOT, stack="lab")
HOSTS = {host.name: host for host in SPEC.settings.hosts}


@pytest.mark.parametrize(
    ("host", "stops", "resting", "down", "reason"),
    [
        ("app2", True, (), (), None),
        ("lb2", True, (), (), None),
        ("db2", True, (), (), None),
        ("app2", True, ("app1",), (), "app1 rests already"),
        ("app2", True, ("app2",), (), None),
        ("app2", True, (), ("app1",), "lab-web-blue"),
        ("lb2", True, (), ("lb1",), "lb2 is the only load balancer that is there"),
        ("db1", False, (), (), "lab-postgres, lab-redis run on db1 and nowhere else"),
        ("mon1", False, (), (), "lab-prometheus runs on mon1 and nowhere else"),
        ("db2", True, (), ("db1",), "db2 is one of 3 managers, and the 1 others would be no majority"),
        ("db2", False, (), ("db1",), None),
    ],
)
def test_a_host_rests_only_where_others_do_what_it_does(host, stops, resting, down, reason) -> None:
    found = why_not(SPEC, HOSTS[host], stops=stops, resting=resting, down=down)
    assert found is None if reason is None else (found and reason in found)


class Manager(FakeApi):
    def __init__(self) -> None:
        super().__init__()
        self.availability = dict.fromkeys(HOSTS, "active")
        self.state = dict.fromkeys(HOSTS, "ready")

    def nodes(self):
        return [
            {
                "ID": name,
                "Version": {"Index": 1},
                "Spec": {"Availability": self.availability[name], "Labels": {"colorway-lab-host": name}},
                "Status": {"State": self.state[name]},
            }
            for name in HOSTS
        ]

    def tasks(self, *, filters):
        found = super().__getattr__("tasks")(filters=filters)
        return [task for task in found if task.get("NodeID") in filters.get("node", [task.get("NodeID")])]

    def update_node(self, node, version, spec):
        self.asked.append(f"{node} {spec['Availability']}")
        self.availability[node] = spec["Availability"]

    def update_service(self, name, version, **given):
        super().update_service(name, version, **given)
        takes = [host for host in ("app2", "app1") if self.availability[host] == "active"]
        for task in self.stored["tasks"]:
            if task["ServiceID"] == f"id-{name}":
                task["NodeID"] = takes[0]


@dataclass
class World:
    api: Manager = field(default_factory=Manager)
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    web: int = 1
    """Tasks of a service on app2."""
    tasks: int = 3
    """Looks until a host's tasks are gone."""

    def connect(self, host: HostSpec) -> Connection:
        world = self

        class Own(Manager):
            def containers(self, *, filters):
                world.tasks -= 1
                there = [{"Id": str(number)} for number in range(world.web)]
                return there if world.tasks > 0 else []

        self.asked.append(host.name)
        api = self.api if "manager" in host.roles else Own()
        return Connection(host, client=lambda: api)

    @contextmanager
    def hold(self, swarm: Swarm, reason: str):
        assert set(self.api.availability.values()) == {"active"} or "activate" in reason, "before anything is changed"
        self.held.append(reason)
        yield
        self.held.append("given back")

    def upkeep(self) -> Upkeep:
        return Upkeep(
            spec=SPEC,
            say=self.said.append,
            reach=lambda host, *_arguments, limit: Said(host=host, code=0, output="", errors="", seconds=limit),
            connect=self.connect,
            hold=self.hold,
            restart=lambda host: self.restarted.append(host.name),
            sleep=lambda _seconds: None,
        )


def test_a_drain_waits_until_the_tasks_run_elsewhere() -> None:
    world = World()
    world.upkeep().drain("app2")
    assert world.tasks <= 0
    assert world.api.availability["app2"] == "drain"
    assert world.said == ["app2 rests: its tasks run on other hosts"]
    world.upkeep().activate("app2")
    assert world.api.availability["app2"] == "active"


def test_a_refused_drain_changes_nothing() -> None:
    world = World()
    with pytest.raises(ColorwayError, match="lab-postgres, lab-redis run on db1 and nowhere else"):
        world.upkeep().drain("db1")
    with pytest.raises(ColorwayError, match="has no host app3; did you mean app2"):
        world.upkeep().drain("app3")
    assert set(world.api.availability.values()) == {"active"}


@pytest.mark.parametrize(("wanted", "order"), [(2, "start-first"), (2, "stop-first"), (1, "start-first")])
def test_what_answers_requests_and_runs_nowhere_else_begins_elsewhere_first(wanted, order) -> None:
    world = World()
    world.api.add_service("lab-web-blue", stack="lab", wanted=wanted, running=wanted, color="blue", order=order)
    for task in world.api.stored["tasks"]:
        task["NodeID"] = "app2"
    world.upkeep().drain("app2")
    changes = [asked for asked in world.api.asked if asked == "update_service" or asked.startswith("app2 ")]
    assert changes == ["app2 pause", "update_service", "app2 active", "app2 drain"], (
        "paused, or they could begin on the same host again; then drained, which ends all that is there at once"
    )
    assert {task["NodeID"] for task in world.api.stored["tasks"]} == {"app1"}


def test_one_that_is_elsewhere_too_is_left_to_the_swarm() -> None:
    world = World()
    world.api.add_service("lab-web-blue", stack="lab", wanted=2, running=2, color="blue")
    for task, host in zip(world.api.stored["tasks"], ("app1", "app2"), strict=True):
        task["NodeID"] = host
    world.upkeep().drain("app2")
    assert "update_service" not in world.api.asked


def test_the_only_task_of_what_must_not_run_twice_is_not_moved() -> None:
    world = World()
    world.api.add_service("lab-web-blue", stack="lab", color="blue", order="stop-first")
    world.api.stored["tasks"][0]["NodeID"] = "app2"
    with pytest.raises(ColorwayError, match=r"all tasks of lab-web-blue run on app2, .*more replicas do"):
        world.upkeep().drain("app2")
    assert set(world.api.availability.values()) == {"active"}


def test_a_host_works_on_whose_tasks_begin_nowhere_else(monkeypatch) -> None:
    monkeypatch.setattr("colorway.hosts.moving.MOVED_WITHIN", 0)
    world = World()
    world.api.add_service("lab-web-blue", stack="lab", wanted=2, running=2, color="blue")
    for task in world.api.stored["tasks"]:
        task["NodeID"] = "app2"
    world.api.update_service = lambda *_arguments, **_given: None
    with pytest.raises(ColorwayError, match="lab-web-blue did not move to other hosts"):
        world.upkeep().drain("app2")
    assert set(world.api.availability.values()) == {"active"}, "nothing is as it was not before"


def test_a_dead_host_is_not_asked_for_its_tasks() -> None:
    world = World(tasks=1000)
    world.api.state["app2"] = "down"
    world.upkeep().drain("app2")
    assert "app2" not in world.asked


def test_a_reboot_is_a_drain_a_restart_and_work_again() -> None:
    world = World()
    world.upkeep().reboot("app2")
    assert world.restarted == ["app2"]
    assert world.held == ["reboot app2", "given back"], "no `up` and no release runs meanwhile"
    assert world.api.availability["app2"] == "active"


def test_what_rests_is_commanded_by_a_manager_that_stays() -> None:
    world = World()
    with pytest.raises(ColorwayError, match="nowhere else"):
        world.upkeep().reboot("db1")
    assert "db1" not in world.asked, "it would be gone in the middle"


def test_a_member_of_a_store_rests_with_its_host_while_another_one_goes_on():
    spec = replicated_spec()
    hosts = {host.name: host for host in spec.settings.hosts}

    def why(host: str, *, down: tuple[str, ...] = ()) -> str | None:
        return why_not(spec, hosts[host], stops=False, resting=(), down=down)

    assert why("db2") is None, "db1 has all of its data, and two of three know who leads"
    assert why("db1") == "lab-redis runs on db1 and nowhere else"
    assert why("db2", down=("mon1",)) == "lab-etcd-db2 runs on db2 and nowhere else"
    assert why("db2", down=("db1",)) == "lab-postgres-db2, lab-etcd-db2 run on db2 and nowhere else"


def test_what_backs_a_member_up_rests_with_its_host():
    spec = backed_up_spec()
    db2 = next(host for host in spec.settings.hosts if host.name == "db2")
    assert why_not(spec, db2, stops=True, resting=(), down=()) is None, "or no host with a backup could be replaced"
    assert "lab-postgres-backup-db2" not in spec.inventory().members, "a restore stops the members, and nothing else"


@pytest.mark.parametrize("name", ["production", "portal-production"])
def test_every_host_that_has_a_second_one_beside_it_may_rest(name):
    spec = stack_files.from_file(root=ROOT, stack=name)
    found = {host.name: why_not(spec, host, stops=True, resting=(), down=()) for host in spec.settings.hosts}
    print(found)
    refused = [host for host, why in found.items() if why]
    roles = {role: [host.name for host in spec.hosts(role)] for role in Role}
    alone = {host for hosts in roles.values() if len(hosts) == 1 for host in hosts}
    assert set(refused) <= alone, "what runs on it alone is what keeps a host from resting"


def test_a_host_that_leads_a_store_gives_the_lead_away_first():
    spec = replicated_spec()

    class Members(Connection):
        def ask(self, what, question):
            if what.startswith("sh in lab-postgres-db"):
                return (Ran(code=0, said=listed(("db1", "Sync Standby", "streaming"), ("db2", "Leader", "running"))),)
            return []

    upkeep = Upkeep(spec=spec, say=print, connect=Members, hold=lambda *_: nullcontext())
    with pytest.raises(
        ColorwayError, match=r"db2 leads the data store postgres, .* `colorway data switchover lab postgres`"
    ):
        upkeep.drain("db2")


@pytest.mark.parametrize(
    ("takes_writes", "leads"), [({"db1"}, "db1"), ({"db2"}, "db2"), (set(), "db2")], ids=["db1", "db2", "nobody"]
)
def test_a_host_with_a_primary_that_only_a_person_moves_is_said_to_be_one(takes_writes, leads):
    class Members(Connection):
        def ask(self, what, question):
            if not takes_writes:
                raise NoAnswerError(f"{self.host.name}: Docker does not answer")
            return (Ran(code=0, said=says(writes=self.host.name in takes_writes)),)

    upkeep = Upkeep(spec=pair_spec(primary="db2"), say=print, connect=Members, hold=lambda *_: nullcontext())
    hosts = {one.name: one for one in upkeep.spec.settings.hosts if one.name in {"db1", "db2"}}
    for name, host in hosts.items():
        assert upkeep._why_it_leads(host) == (
            f"{name} has the primary of the data store orders, whose clients would fail; make the other one the "
            "primary first: `colorway data promote lab orders --to HOST`"
            if name == leads
            else None
        ), "who takes writes, or, where nobody says it, whom the file names"
