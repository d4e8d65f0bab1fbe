"""The demo's ways to be a bad release: each fault does what its name says, and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections import Counter

import pytest
from demo import faults
from demo.asgi import Answer, with_shortcut
from demo.faults import FaultError, Faults, parse, with_faults


async def good(_scope, _receive, send):
    await Answer({"fine": True}).send(send)


def ask(app, path="/api/whoami", *, times=1) -> Counter[int]:
    """Send requests one after another and count the answers by status."""

    async def run():
        statuses: Counter[int] = Counter()

        async def send(message):
            if message["type"] == "http.response.start":
                statuses[message["status"]] += 1

        for _ in range(times):
            await app({"type": "http", "path": path, "method": "GET"}, None, send)
        return statuses

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Faults()),
        ("never-healthy", Faults(never_healthy=True)),
        ("errors:0.2", Faults(error_share=0.2)),
        ("slow:10", Faults(slow_factor=10)),
        ("crash-after:3", Faults(crash_after=3)),
        ("smoke, errors:0.5", Faults(smoke=True, error_share=0.5)),
        ("errors:0.2@api", Faults(error_share=0.2)),
        ("errors:0.2@web", Faults()),
        ("errors:0.2@web, smoke@api", Faults(smoke=True)),
    ],
)
def test_faults_are_read_for_the_service_that_they_name(text, found):
    assert parse(text, service="api") == found


@pytest.mark.parametrize("text", ["helthy", "errors", "errors:many", "crash-after:0.5"])
def test_a_fault_that_cannot_be_read_stops_the_start(text):
    with pytest.raises(FaultError, match="DEMO_FAULT: "):
        parse(text, service="web")


def test_without_a_fault_the_application_is_untouched():
    assert with_faults(good, Faults(smoke=True, never_healthy=True)) is good, "the hot path must pay nothing"


def test_errors_come_in_the_asked_share_and_never_to_health_checks():
    app = with_faults(good, Faults(error_share=0.2))

    statuses = ask(app, times=2000)

    assert 300 < statuses[500] < 500, "400 of 2000 are wanted; outside of this lies one run in millions"
    assert ask(app, "/healthz", times=100) == {200: 100}, "a release that fails slowly is healthy to the swarm"
    assert ask(with_faults(good, Faults(error_share=1)), "/readyz") == {200: 1}


def test_a_release_may_be_good_for_as_long_as_only_smoke_tests_ask():
    app = with_faults(good, Faults(error_share=1, sound_for=3))

    assert ask(app, times=3) == {200: 3}
    assert ask(app, times=5) == {500: 5}, "then it is what it is"


def test_a_slow_release_is_slower_by_a_quarter_of_a_second_at_least(monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(faults.asyncio, "sleep", sleep)
    app = with_faults(good, Faults(slow_factor=10))

    ask(app, times=3)
    ask(app, "/healthz")

    assert slept == [0.25, 0.25, 0.25], "a fast handler times ten would not be noticed; health checks are not slowed"


def test_a_slow_release_takes_a_multiple_of_its_own_median(monkeypatch):
    clock = iter(x * 0.1 for x in range(100))
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(faults.asyncio, "sleep", sleep)
    monkeypatch.setattr(faults.time, "perf_counter", lambda: next(clock))

    ask(with_faults(good, Faults(slow_factor=10)), times=2)

    assert slept[1] == pytest.approx(0.9), "0.1 s of its own and 0.9 s more are ten times 0.1 s"


def test_a_crash_comes_after_exactly_so_many_requests(monkeypatch):
    class Crashed(BaseException):
        pass

    def leave(_code):
        raise Crashed

    monkeypatch.setattr(os, "_exit", leave)
    app = with_faults(good, Faults(crash_after=3))

    assert ask(app, times=3) == {200: 3}
    ask(app, "/healthz")
    with pytest.raises(Crashed):
        ask(app)


def test_the_shortcut_answers_gets_of_its_path_only():
    async def other(_scope, _receive, send):
        await Answer({}, status=404).send(send)

    app = with_shortcut(other, path="/api/whoami", answer=Answer({"color": "blue"}))

    assert ask(app, "/api/whoami") == {200: 1}
    assert ask(app, "/api/visits") == {404: 1}
