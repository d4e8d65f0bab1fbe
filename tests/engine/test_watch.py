"""What is kept of failing tasks while an `up` runs."""

from __future__ import annotations

import pytest

from colorway.engine import watch
from colorway.engine.watch import watched_tasks
from colorway.errors import ColorwayError
from colorway.swarm.services import NetworkState
from colorway.swarm.tasks import TaskState
from tests.support.wait import wait_until


def task(number, state="running", **more):
    given = {"desired": "running", "message": "started", "error": "", "container": f"c{number}", "exit_code": 0, **more}
    return TaskState(id=f"t{number}", service="test-web-green", state=state, **given)


class FakeSwarm:
    """A swarm that is asked again and again, a second apart, and answers the next of its looks each time."""

    def __init__(self, *looks, no_addresses=None, unhealthy=(), registry=None):
        self.looks, self.asked = list(looks), 0
        self.registry, self.asked_registry = registry, []
        self.no_addresses, self.unhealthy = no_addresses or {}, set(unhealthy)

    def networks(self):
        return [
            NetworkState(id=key, name=name, stack="test", subnets=(), has_addresses=False)
            for key, name in self.no_addresses.items()
        ]

    def why_no_image(self, reference):
        self.asked_registry.append(reference)
        assert len(self.asked_registry) == 1, "a registry is asked once, however many tasks fail"
        return self.registry

    def unhealthy_containers(self):
        return self.unhealthy

    def tasks(self, stack):
        assert stack == "test"
        self.asked += 1
        look = self.looks[min(self.asked, len(self.looks)) - 1]
        if isinstance(look, Exception):
            raise look
        return look

    def health_output(self, container):
        return f"waiting\nHTTP 503 of {container}"

    def log_lines(self, container, *, count):
        assert count == watch.LOG_LINES
        return ["no database", "leaving"]


def seen(monkeypatch, *looks, said=None, **swarm_has):
    """Return what is left after the looks; the last one is repeated three times more."""
    monkeypatch.setattr(watch, "INTERVAL", 0.001)
    swarm = FakeSwarm(*looks, **swarm_has)
    monkeypatch.setattr(watch, "monotonic", lambda: float(swarm.asked))
    with watched_tasks(swarm, stack="test", say=(said if said is not None else []).append) as failures:
        wait_until(lambda: swarm.asked > len(looks) + 3, limit=10, what="the swarm was asked often enough", every=0.001)
    return failures


def test_a_task_that_its_health_check_ended_is_a_failure_with_its_words(monkeypatch):
    ended = task(1, "complete", desired="shutdown", message="finished")
    assert seen(monkeypatch, [task(1)], [ended])["test-web-green"].lines() == [
        "test-web-green: task complete: ended although it should run; health check: HTTP 503 of c1",
        "  | no database",
        "  | leaving",
    ], "a program that ends well on SIGTERM leaves no `failed`"


def test_a_crash_is_told_with_its_exit_code(monkeypatch):
    crashed = task(1, "failed", error="task: non-zero exit (3)", exit_code=3)
    [reason] = [failure.reason for failure in seen(monkeypatch, [task(1)], [crashed]).values()]
    assert reason == "task failed: task: non-zero exit (3)", "the code once"


def test_what_an_update_shuts_down_is_no_failure(monkeypatch):
    assert seen(monkeypatch, [task(1)], [task(1, "shutdown"), task(2)]) == {}


def test_older_failures_do_not_count(monkeypatch):
    assert seen(monkeypatch, [task(1, "failed")], [task(1, "failed"), task(2)]) == {}, "they were told when they came"


def test_a_swarm_that_does_not_answer_for_a_while_stops_nobody(monkeypatch):
    failures = seen(monkeypatch, [task(1)], ColorwayError("Docker does not answer"), [task(1, "failed", error="oom")])
    assert list(failures) == ["test-web-green"]


@pytest.mark.parametrize(
    ("registry", "told"),
    [
        ("the registry r:5000 asks for a login; name one", "the registry r:5000 asks for a login; name one"),
        (None, "build or push it, or correct the image in the release's manifest"),
    ],
)
def test_an_image_that_is_not_there_is_told_with_what_its_registry_says(monkeypatch, registry, told):
    error = "No such image: r:5000/crm:1@sha256:1"
    tasks = [task(number, "rejected", error=error, container="") for number in (1, 2)]
    said = []
    seen(monkeypatch, [], tasks, said=said, registry=registry)
    assert said == [f"test-web-green: task rejected: {error}; {told}"], "Swarm itself keeps the registry's words"


# Tasks that wait

FULL = "no suitable node (insufficient resources on 1 node)"
WAITING = task(1, "pending", message="pending task scheduling", error=FULL, container="")


def test_what_keeps_a_task_waiting_is_said_once_and_kept(monkeypatch):
    said = []
    failures = seen(monkeypatch, [], *[[WAITING]] * 10, said=said)
    assert said == [
        f"test-web-green: task pending: {FULL}; no host has the memory or CPUs left that it reserves; see limits"
    ], "once, with what helps"
    assert failures["test-web-green"].lines() == said, "and it is the reason if the engine fails"


def test_a_reason_that_does_not_last_is_none(monkeypatch):
    said = []
    assert seen(monkeypatch, [WAITING], [WAITING], [task(1)], said=said) == {}
    assert said == [], "a swarm that schedules says such things, too"


def test_a_task_that_starts_after_all_is_blamed_no_more(monkeypatch):
    said = []
    assert seen(monkeypatch, *[[WAITING]] * 5, [task(1, "preparing")], said=said) == {}, (
        "an image came, a host was added"
    )
    assert len(said) == 1, "it was said when it was so"


def test_a_task_that_waited_until_its_service_was_removed_is_the_reason(monkeypatch):
    assert list(seen(monkeypatch, *[[WAITING]] * 5, [])) == ["test-web-green"], (
        "the plugin deletes what did not converge"
    )


def test_two_tasks_that_wait_for_the_same_are_said_once(monkeypatch):
    said = []
    other = task(2, "pending", message="pending task scheduling", error=FULL, container="")
    seen(monkeypatch, *[[WAITING, other]] * 9, said=said)
    assert len(said) == 1, said


def test_a_network_without_addresses_is_named_although_swarm_says_nothing(monkeypatch):
    said = []
    made = task(1, "new", message="created", container="", networks=("n1", "n2"))
    seen(monkeypatch, *[[made]] * 9, said=said, no_addresses={"n2": "test-data"})
    assert said == [
        "test-web-green: task new: the network test-data gets no addresses: pool overlaps; another network has its "
        "range; choose another with colorway:network"
    ]


def test_a_sick_task_is_told_before_it_has_stopped(monkeypatch):
    said = []
    starting = task(1, "starting", message="starting")
    seen(monkeypatch, [starting], said=said, unhealthy=["c1"])
    assert said == ["test-web-green: task starting: its health check fails; health check: HTTP 503 of c1"], (
        "its grace may be minutes"
    )


def test_each_failure_of_a_kind_is_said_once(monkeypatch):
    said = []
    crashes = [task(number, "failed", error="task: non-zero exit (3)", exit_code=3) for number in range(5)]
    seen(monkeypatch, [], *[crashes[: number + 1] for number in range(5)], said=said)
    assert said == ["test-web-green: task failed: task: non-zero exit (3); health check: HTTP 503 of c0"]


def test_nothing_is_said_of_what_goes_well(monkeypatch):
    said = []
    steps = [("new", ""), ("pending", ""), ("assigned", ""), ("preparing", ""), ("starting", ""), ("running", "")]
    looks = [[task(1, state, error=error)] for state, error in steps for _ in range(5)]
    assert seen(monkeypatch, *looks, said=said) == {}
    assert said == []
