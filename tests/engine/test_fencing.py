"""A load balancer that cannot be told to go back: fenced, left out, and let in again with what the others serve."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from colorway.engine.fencing import Edge, resources_of, to_run_again
from colorway.engine.state import read_deployment
from colorway.errors import ColorwayError
from colorway.hosts.reach import Said
from colorway.render.templates import host_script
from colorway.spec.hosts import HostSpec
from colorway.swarm.connections import Connection, NoAnswerError
from colorway.swarm.services import Swarm
from tests.support.specs import HOST_KEY, THIS_MACHINE, small_spec
from tests.swarm.fake_api import HERE, FakeApi, refused

TWO = [
    {"name": name, "address": f"10.0.0.{number}", "roles": roles, "host-key": HOST_KEY}
    for number, (name, roles) in enumerate(
        [
            ("lb1", ["load-balancer"]),
            ("lb2", ["load-balancer"]),
            ("app1", ["manager", "web", "database", "monitoring"]),
        ],
        start=1,
    )
]
SERVED = "# colorway generation abc blue\nevents {}\n"
LABEL = "colorway-test-edge"


class Manager(FakeApi):
    """A manager's engine that knows the nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.labels = {name: {"colorway-test-host": name, "other": "stays"} for name in ("lb1", "lb2", "app1")}
        self.changes = 0
        self.collisions = 0

    def nodes(self):
        self._ask("nodes")
        return [
            {"ID": f"id-{name}", "Version": {"Index": 7}, "Spec": {"Role": "worker", "Labels": labels}}
            for name, labels in self.labels.items()
        ]

    def update_node(self, node, version, spec):
        self._ask("update_node")
        if self.collisions:
            self.collisions -= 1
            raise refused(500, "rpc error: update out of sequence")
        assert spec["Role"] == "worker", "what is not named would be taken away"
        self.labels[node.removeprefix("id-")] = spec["Labels"]

    def inspect_service(self, name):
        self._ask("inspect_service")
        return {"Spec": {"TaskTemplate": {"ContainerSpec": {"Image": f"image of {name}"}}}}


@dataclass
class Hosts:
    """Two load balancers' hosts: what SSH says of each, and what each serves."""

    api: Manager = field(default_factory=Manager)
    gone: dict[str, str] = field(default_factory=dict)
    serves: dict[str, str | None] = field(default_factory=lambda: {"lb1": "abc", "lb2": "old"})
    given: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    refuses: str = ""
    mute: bool = False
    """Whether nobody says what it serves."""
    slow: list[str] = field(default_factory=list)
    """Hosts whose next answer does not come in time."""

    def reach(self, host: HostSpec, script: str, *arguments: str, given: str = "", limit: float) -> Said:
        self.asked.append(host.name)
        if host.name in self.gone:
            return Said(host=host, code=255, output="", errors=self.gone[host.name], seconds=1)
        if given:
            if self.refuses:
                return Said(host=host, code=1, output="", errors=self.refuses, seconds=1)
            if script == host_script("readmit"):
                assert LABEL in self.api.labels[host.name], (
                    "it would begin to serve before it has what the others serve"
                )
            self.given[host.name] = given
            self.serves[host.name] = "abc"
        return Said(host=host, code=0, output="can be told", errors="", seconds=1)

    def ask(self, host: HostSpec) -> Swarm:
        serves = self

        class Served(Swarm):
            def file_of(self, service: str, path: str) -> str:
                if serves.mute:
                    raise NoAnswerError(f"{host.name}: Docker does not answer")
                return SERVED

            def live_generation(self, service: str) -> str | None:
                if host.name in serves.slow:
                    serves.slow.remove(host.name)
                    return None
                if host.name in serves.gone:
                    raise NoAnswerError(f"{host.name}: Docker does not answer")
                return serves.serves[host.name]

        return Served(host)

    def edge(self, hosts=TWO) -> Edge:
        swarm = Swarm(HERE, connection=Connection(HERE, client=lambda: self.api))
        return Edge(
            spec=small_spec(hosts=hosts),
            swarm=swarm,
            say=self.said.append,
            reach=self.reach,
            ask=self.ask,
            sleep=lambda _seconds: None,
        )

    @property
    def fenced(self) -> list[str]:
        return [name for name, labels in self.api.labels.items() if labels.get(LABEL) == "fenced"]


def test_what_can_be_told_is_not_fenced() -> None:
    hosts = Hosts()
    assert hosts.edge().fence_lost() == ()
    assert hosts.fenced == []


def test_what_cannot_be_told_is_fenced_after_a_second_question() -> None:
    hosts = Hosts(gone={"lb2": "connect to host 10.0.0.2 port 22: No route to host"})
    [told] = hosts.edge().fence_lost()
    assert hosts.fenced == ["lb2"]
    assert hosts.asked.count("lb2") == 2, "a slow answer would cost its users"
    assert hosts.api.labels["lb2"]["other"] == "stays", "labels of others are theirs"
    assert told.startswith("Load balancer lb2 (10.0.0.2) cannot be told to go back (connect to host 10.0.0.2 port 22")
    assert told.endswith("still has users, take 10.0.0.2 out of DNS."), "what the swarm cannot do, a person can"
    assert hosts.edge().fence_lost() == (), "it is, already"


def test_the_last_load_balancer_is_never_fenced() -> None:
    hosts = Hosts(gone={"lb1": "no", "lb2": "no"})
    assert hosts.edge().fence_lost() == (), "there would be nobody to go back to"
    assert hosts.fenced == []
    hosts = Hosts(gone={"lb2": "no"})
    hosts.edge().fence_lost()
    hosts.gone["lb1"] = "no"
    assert hosts.edge().fence_lost() == ()
    assert hosts.fenced == ["lb2"]


def test_somebody_can_go_on_without_one_by_name() -> None:
    hosts = Hosts()
    [told] = hosts.edge().without(["lb2"])
    assert told.startswith("Load balancer lb2 (10.0.0.2) is fenced, as asked for: the swarm keeps it from serving.")
    assert hosts.fenced == ["lb2"]
    assert hosts.edge().without(["lb2"]) == (), "it is, already"
    with pytest.raises(ColorwayError, match="no load balancer would be left without lb1"):
        hosts.edge().without(["lb1"])
    with pytest.raises(ColorwayError, match="app1 is no load balancer that the others could go on without; known: lb1"):
        hosts.edge().without(["app1"])
    assert hosts.fenced == ["lb2"], "and nothing was changed"


def test_an_up_that_told_only_some_is_taken_back_on_those() -> None:
    hosts = Hosts(serves={"lb1": "abc", "lb2": "abc"})
    before = hosts.edge().serves()
    assert before == {"lb1": "abc", "lb2": "abc"}
    hosts.serves["lb1"] = "new"
    [told] = hosts.edge().step_back(before)
    assert told == "load balancer lb1 serves generation abc again: lb2 could not be told the new one"
    assert hosts.given == {"lb1": SERVED}, "its own text, which it keeps"
    hosts.refuses, hosts.serves["lb1"] = "no space left on device", "new"
    [told] = hosts.edge().step_back(before)
    assert told == "load balancer lb1 could not be taken back to generation abc: no space left on device"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"lb1": "abc", "lb2": "abc"}, {"lb1": "new", "lb2": "new"}),
        ({"lb1": "abc", "lb2": "abc"}, {"lb1": "abc", "lb2": "abc"}),
        ({"lb1": "abc", "lb2": "old"}, {"lb1": "new", "lb2": "old"}),
        ({"lb1": None, "lb2": None}, {"lb1": "new", "lb2": None}),
        ({}, {"lb1": "new", "lb2": None}),
    ],
    ids=["all are told", "nobody is", "they were not in step", "a first up", "only one"],
)
def test_nothing_is_taken_back_where_there_is_nothing_to_go_back_to(before, now) -> None:
    hosts = Hosts(serves=now)
    assert hosts.edge().step_back(before) == ()
    assert hosts.given == {}


def test_one_that_is_lost_on_the_way_takes_the_others_back() -> None:
    hosts = Hosts(serves={"lb1": "new", "lb2": "abc"}, gone={"lb2": "No route to host"})
    [told] = hosts.edge().step_back({"lb1": "abc", "lb2": "abc"})
    assert told.startswith("load balancer lb1 serves generation abc again")


def test_labels_that_change_meanwhile_are_no_trouble() -> None:
    hosts = Hosts(gone={"lb2": "no"})
    hosts.api.collisions = 3
    hosts.edge().fence_lost()
    assert hosts.fenced == ["lb2"]


def test_a_manager_that_is_silent_says_so() -> None:
    hosts = Hosts()
    hosts.api.trouble = ConnectionRefusedError(111, "Connection refused")
    with pytest.raises(NoAnswerError):
        hosts.edge().fence_lost()


def test_this_machine_asks_nobody() -> None:
    hosts = Hosts()
    edge = hosts.edge(hosts=THIS_MACHINE)
    assert edge.fence_lost() == edge.let_in() == ()
    assert hosts.api.asked == [], "each question is time of every `up`"


def test_one_that_comes_back_gets_what_the_others_serve_before_it_is_let_in() -> None:
    hosts = Hosts(gone={"lb2": "no"})
    hosts.edge().fence_lost()
    assert hosts.edge().let_in() == ("lb2",), "it is left out"
    assert hosts.fenced == ["lb2"]
    hosts.gone.clear()
    assert hosts.edge().let_in() == ()
    assert hosts.given == {"lb2": SERVED}
    assert hosts.fenced == []
    assert hosts.said[-1] == "load balancer lb2 is let in again; it serves what the others serve"


def test_one_whose_check_fails_stays_fenced_with_the_reason() -> None:
    hosts = Hosts(gone={"lb2": "no"})
    hosts.edge().fence_lost()
    hosts.gone.clear()
    hosts.refuses = "nginx: [emerg] no certificate"
    with pytest.raises(
        ColorwayError, match=r"lb2 is fenced and cannot be let in again: nginx: \[emerg\] no certificate"
    ):
        hosts.edge().let_in()
    assert hosts.fenced == ["lb2"]


def test_one_that_does_not_serve_what_it_was_given_is_fenced_again(monkeypatch) -> None:
    monkeypatch.setattr("colorway.engine.fencing._HEALTHY_WITHIN", 0)
    hosts = Hosts(gone={"lb2": "no"})
    hosts.edge().fence_lost()
    hosts.gone.clear()
    hosts.ask = Stuck
    with pytest.raises(ColorwayError, match=r"serves generation old and not abc, so it is fenced again"):
        hosts.edge().let_in()
    assert hosts.fenced == ["lb2"]


class Stuck(Swarm):
    def file_of(self, service: str, path: str) -> str:
        return SERVED

    def live_generation(self, service: str) -> str | None:
        return "old"


def test_only_what_is_on_the_host_is_left_out() -> None:
    tree = {
        "lb-lb2": ("lb-lb2-directory", "lb-lb2-something-new", "lb-lb2-service"),
        "lb-lb2-directory": ("lb-lb2-directory-run",),
        "mtail-lb2": ("mtail-lb2-service",),
        "monitoring": ("mtail-lb2", "mtail-lb2-program", "mtail-lb1-program"),
        "routing": ("routing-check-lb2", "routing-apply-lb2", "routing-check-lb1"),
        "routing-check-lb2": ("routing-check-lb2-run",),
        "routing-check-lb1": ("routing-check-lb1-run",),
        "lb-lb22": ("lb-lb22-service",),
    }
    parents = {child: parent for parent, children in tree.items() for child in children}

    def urn(name: str) -> str:
        return f"urn:pulumi:test::colorway::x:y:Z::{name}"

    resources = [
        {"urn": urn(name), "type": "x:y:Z", **({"parent": urn(parents[name])} if name in parents else {})}
        for name in {*tree, *parents}
    ]
    left_out = resources_of(["lb2"], read_deployment({"resources": resources}))
    assert {one.rpartition("::")[2] for one in left_out} == {
        "lb-lb2",
        "lb-lb2-directory",
        "lb-lb2-directory-run",
        "lb-lb2-something-new",
        "lb-lb2-service",
        "mtail-lb2",
        "mtail-lb2-service",
        "mtail-lb2-program",
        "routing-check-lb2",
        "routing-check-lb2-run",
        "routing-apply-lb2",
    }, "whatever a load balancer gets one day is left out, too; and nothing of the others"


def test_the_scripts_of_a_host_that_was_installed_anew_run_again_and_no_others() -> None:
    def script(parents: str, name: str) -> dict[str, object]:
        urn = f"urn:pulumi:test::colorway::{parents}command:remote:Command::{name}"
        parent = f"urn:pulumi:test::colorway::colorway:host:HostScript::{name.removesuffix('-run')}"
        return {"urn": urn, "type": "command:remote:Command", "custom": True, "parent": parent}

    check, other = script("", "routing-check-lb2-run"), script("", "routing-check-lb1-run")
    cron = script("colorway:web:CronLoop$", "backup-directory-run")
    above = [{"urn": one["parent"], "type": "colorway:host:HostScript"} for one in (check, other, cron)]
    service = {"urn": "urn:pulumi:test::colorway::docker:index/service:Service::lb-lb2", "type": "docker:index/service"}
    deployed = read_deployment({"resources": [*above, check, other, cron, service]})
    assert to_run_again(["lb2"], deployed) == {check["urn"], cron["urn"]}, "a cron's directory may have been there"
    assert to_run_again([], deployed) == frozenset()


def test_one_that_is_named_stays_out_of_this_run_although_it_can_be_told() -> None:
    hosts = Hosts()
    hosts.edge().without(["lb2"])
    assert hosts.edge().let_in(without=["lb2"]) == ("lb2",)
    assert hosts.fenced == ["lb2"], "it would be let in by the very run that was to go on without it"
    assert hosts.edge().let_in() == ()


def test_nobody_is_let_in_while_nobody_says_what_the_others_serve() -> None:
    hosts = Hosts(gone={"lb2": "no"})
    hosts.edge().fence_lost()
    hosts.gone, hosts.mute = {}, True
    assert hosts.edge().let_in() == ("lb2",)
    assert hosts.fenced == ["lb2"], "what it has may be what was taken back"
    assert "nobody says what the others serve" in hosts.said[-1]


def test_a_slow_answer_takes_nobody_back() -> None:
    hosts = Hosts(serves={"lb1": "new", "lb2": "new"}, slow=["lb2"])
    assert hosts.edge().step_back({"lb1": "abc", "lb2": "abc"}) == ()
    assert hosts.given == {}
