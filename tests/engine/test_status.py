"""What `status` says is wrong, and the one command that helps."""

from __future__ import annotations

import dataclasses

import pytest

from colorway.engine.status import Row, Status, read_status
from colorway.outputs import PlatformOutputs, platform_outputs
from colorway.swarm.services import ServiceState
from tests.support.specs import small_spec

UP = "colorway up test"


def outputs_of(spec, generation="abc"):
    return PlatformOutputs.model_validate(platform_outputs(spec, generation=generation))


class FakeSwarm:
    """A swarm that has exactly what some outputs say."""

    def __init__(self, outputs, live="abc"):
        self._outputs, self._live = outputs, live

    def services(self, _stack):
        return [
            ServiceState(
                name=s.service, logical=s.logical, color=s.color or "", image="", wanted=s.replicas, running=s.replicas
            )
            for s in self._outputs.services
        ]

    def live_generation(self, service):
        assert service == "test-lb-localhost", "the load balancer's own name in the swarm"
        return self._live


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
