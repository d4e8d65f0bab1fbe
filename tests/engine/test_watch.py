"""What is kept of failing tasks while an `up` runs."""

from __future__ import annotations

from colorway.engine import watch
from colorway.engine.watch import watched_tasks
from colorway.errors import ColorwayError
from colorway.swarm.services import TaskState
from tests.support.wait import wait_until


def task(number, state="running", **more):
    given = {"desired": "running", "message": "started", "error": "", "container": f"c{number}", "exit_code": 0, **more}
    return TaskState(id=f"t{number}", service="test-web-green", state=state, **given)


class FakeSwarm:
    """A swarm that is asked again and again, and answers the next of its looks each time."""

    def __init__(self, *looks):
        self.looks, self.asked = list(looks), 0

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


def seen(monkeypatch, *looks):
    monkeypatch.setattr(watch, "INTERVAL", 0.001)
    swarm = FakeSwarm(*looks)
    with watched_tasks(swarm, stack="test") as failures:
        wait_until(lambda: swarm.asked > len(looks), limit=10, what="the swarm was asked often enough")
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
