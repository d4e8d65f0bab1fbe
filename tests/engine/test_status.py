"""What `status` says is wrong, and the one command that helps."""

from __future__ import annotations

import dataclasses

import pytest

from colorway.engine.status import Row, Status, read_status
from colorway.engine.watch import FailingTask
from colorway.outputs import PlatformOutputs, platform_outputs
from colorway.swarm.services import ServiceState
from tests.support.specs import small_spec
from tests.swarm.fake_api import FakeApi, gone, silent, swarm_of

UP = "colorway up test"


def outputs_of(spec, generation="abc"):
    return PlatformOutputs.model_validate(platform_outputs(spec, generation=generation))


class FakeSwarm:
    """A swarm that has exactly what some outputs say."""

    def __init__(self, outputs, live="abc", fences=()):
        self._outputs, self._live, self.fences = outputs, live, fences

    def services(self, _stack):
        return [
            ServiceState(
                name=s.service,
                logical=s.logical,
                color=s.color or "",
                image="",
                wanted=s.replicas,
                running=s.replicas,
                starts_first=True,
            )
            for s in self._outputs.services
        ]

    def all_objects(self, _stack):
        return []

    def live_generations(self, spec, *, without=()):
        return {host.name: self._live for host in spec.load_balancers if host.name not in without}

    def fenced(self, _spec):
        return self.fences


def status(*, configured=None, live="abc", **row_changes):
    installed = small_spec()
    outputs = outputs_of(installed)
    found = read_status(configured or installed, outputs=outputs, swarm=FakeSwarm(outputs, live))
    rows = tuple(dataclasses.replace(row, **row_changes.get(row.service.replace("-", "_"), {})) for row in found.rows)
    return dataclasses.replace(found, rows=rows)


def test_a_healthy_stack_has_no_problems():
    assert status().problems == []


def test_a_stack_that_was_never_installed_needs_an_up():
    spec = small_spec()
    never = Status(stack="test", configured=spec, outputs=None, rows=(), live={})
    assert never.problems == [("nothing is installed", UP)]


def test_a_host_that_the_swarm_has_lost_comes_before_what_it_keeps_from_running():
    lost = dataclasses.replace(status(test_redis={"running": 0}), lost=("db1",))
    assert [what for what, _ in lost.problems] == [
        "the swarm has lost host db1: nothing begins there",
        "test-redis: 0 of 1 tasks run",
    ]
    assert lost.problems[0][1] == f"{UP}, once its machine answers"


@pytest.mark.parametrize("changes", [{"traffic": "90:10"}, {"versions": {"blue": "1.0.0", "green": "2.0.1"}}])
def test_a_commit_that_nobody_applied_is_said(changes):
    assert status(configured=small_spec(**changes)).problems == [
        ("the stack file says other versions or traffic than the last finished run", UP)
    ]


@pytest.mark.parametrize(("live", "word"), [("def", "def"), (None, "unknown")])
def test_another_generation_behind_the_engines_back_is_said(live, word):
    assert status(live=live).problems == [
        (f"load balancer localhost serves generation {word}, the last finished run applied abc", UP)
    ], "plain `pulumi up` cannot see it"


def test_a_migration_that_is_due_is_said_with_the_command_that_runs_it():
    migrations = {"2.0.0": {"0002-drop": False}}
    off = small_spec(versions={"blue": None, "green": "2.0.0"}, migrations=migrations, traffic="0:100")
    outputs = outputs_of(off.model_copy(update={"kept_back": ("0002-drop",)}))
    found = read_status(off, outputs=outputs, swarm=FakeSwarm(outputs))
    assert found.problems == [
        ("0002-drop has not run yet, and what it waited for is off", "colorway finish --stack test")
    ]


def test_a_service_that_somebody_removed_is_said():
    whole = status()
    left = tuple(row for row in whole.rows if row.service != "test-redis")
    assert dataclasses.replace(whole, rows=left).problems == [("test-redis is gone from the swarm", UP)]


def test_tasks_that_do_not_run_are_said_with_the_command_that_shows_why():
    assert status(test_shop_blue={"running": 1}).problems == [
        ("test-shop-blue: 1 of 3 tasks run", "docker service ps --no-trunc test-shop-blue")
    ]


def test_several_problems_are_all_said_the_cause_first():
    found = status(configured=small_spec(traffic="90:10"), live=None, test_shop_blue={"running": 0}).problems
    assert [problem.split(" ")[0] for problem, _ in found] == ["the", "load", "test-shop-blue:"]


@pytest.mark.parametrize(
    ("wanted", "running", "health"),
    [(2, 2, "healthy"), (2, 1, "1 of 2 running"), (0, 0, "off"), (0, 1, "stopping"), (1, 2, "2 of 1 running")],
)
def test_health_is_one_word_or_two_numbers(wanted, running, health):
    assert Row(service="s", color="", version="", running=running, wanted=wanted).health == health


def test_versions_come_from_the_outputs_and_shared_services_have_none():
    versions = {row.service: row.version for row in status().rows}
    assert versions["test-shop-blue"] == "1.0.0"
    assert versions["test-shop-green"] == "2.0.0"
    assert versions["test-postgres"] == ""


# What exists, not what finished


@pytest.fixture
def api():
    """A swarm in which a first `up` failed half-way: a service waits for a network without addresses."""
    made = FakeApi()
    made.add_network("test-data", stack="test", Driver="")
    made.add_network("other-data", "10.90.2.0/24", stack="other")
    made.add_service("test-postgres", State="new", Message="created")
    made.stored["tasks"][0]["Spec"] = {"Networks": [{"Target": "id-test-data"}]}
    for number, name in enumerate(("test-password-1a2b", "test-tls-3c4d")):
        made.stored["secrets"].append({"ID": str(number), "Spec": {"Name": name, "Labels": {"colorway.stack": "test"}}})
    made.stored["configs"].append(
        {"ID": "c", "Spec": {"Name": "colorway-state-test", "Labels": {"colorway.stack": "test"}}}
    )
    return made


def test_a_first_up_that_failed_half_way_shows_what_exists_and_why_it_does_not_run(api):
    found = read_status(small_spec(), outputs=None, swarm=swarm_of(api))
    assert {made.name for made in found.made} == {
        "test-data",
        "test-postgres",
        "test-password-1a2b",
        "test-tls-3c4d",
    }, "all that `up` made, and no note of the engine's own"
    assert found.problems == [
        (
            "no `up` has finished yet, and there are 1 service, 1 network, 2 secrets",
            "colorway up test continues it, colorway down test removes it",
        ),
        (
            "test-postgres: 0 of 1 tasks run: task new: the network test-data gets no addresses: pool overlaps; "
            "another network has its range; choose another with colorway:network",
            "docker service ps --no-trunc test-postgres",
        ),
    ]


def test_what_another_checkout_made_is_no_first_up_of_this_one(api):
    found = read_status(small_spec(), outputs=None, swarm=swarm_of(api), is_known=False)
    assert "another checkout made it" in found.problems[0][0]
    assert found.problems[0][1].endswith("colorway down test --orphans removes it")


def test_an_empty_swarm_has_nothing_installed():
    found = read_status(small_spec(), outputs=None, swarm=swarm_of(FakeApi()))
    assert found.problems == [("nothing is installed", UP)]


@pytest.mark.parametrize("trouble", [silent, gone], ids=lambda made: made.__name__)
@pytest.mark.parametrize("is_installed", [True, False])
def test_a_docker_that_does_not_answer_is_one_sentence_beside_what_is_known(trouble, is_installed):
    api = FakeApi()
    api.trouble = trouble()
    spec = small_spec()
    found = read_status(spec, outputs=outputs_of(spec) if is_installed else None, swarm=swarm_of(api))
    [(what, cure)] = found.problems
    assert what.startswith("localhost: Docker does not answer, asked for its services ("), "no service is called gone"
    assert cure.startswith("start it, or choose another engine"), "what helps"
    assert (found.rows, found.live) == ((), {}), "nothing is made up"


def test_status_only_asks(api):
    read_status(small_spec(), outputs=outputs_of(small_spec()), swarm=swarm_of(api))
    assert set(api.asked) <= {"services", "tasks", "networks", "containers", "secrets", "configs"}, "it never writes"


def test_a_task_that_ended_counts_after_an_up_only_where_its_service_still_lacks_it():
    failing = [
        FailingTask(service=f"test-{name}-blue", reason="task: non-zero exit (1)") for name in ("shop", "worker")
    ]
    found = status(test_worker_blue={"running": 0})
    assert found.short_lived(failing) == failing[1:], "the shop's next task runs, and the worker's ended as well"
    assert status().short_lived(failing) == [], "whoever started twice is well"
    assert status(test_worker_blue={"running": 0}).short_lived([]) == [], "what nobody saw end may be on its way"
