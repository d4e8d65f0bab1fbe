"""Creates, updates and deletes of services: waiting, giving up, and cancelling."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from offline_plugins.docker.provider import DockerProvider
from tests.contract.fake_daemon import FakeDaemon, VirtualPatience
from tests.contract.programs import SECRET, SERVICE
from tests.contract.servicer import Failed, KeptLog, Servicer, secret


def service(*, health: str = "true", env: str = "1", **more: Any) -> Mapping[str, Any]:
    container = {
        "image": "web:1",
        "env": {"A": env},
        "stopGracePeriod": "5s",
        "healthcheck": {"tests": ["CMD", health], "interval": "1s"},
    }
    return {
        "name": "web",
        "taskSpec": {"containerSpec": container},
        "endpointSpec": {"mode": "dnsrr"},
        "mode": {"replicated": {"replicas": 2}},
        "convergeConfig": {"delay": "1s", "timeout": "20s"},
        **more,
    }


def patience(docker: Servicer) -> VirtualPatience:
    waiting = docker.provider._patience
    assert isinstance(waiting, VirtualPatience)
    return waiting


def test_a_create_waits_for_the_delay_and_then_for_the_tasks(docker: Servicer) -> None:
    docker.create(SERVICE, "web", docker.checked(SERVICE, "web", service()))
    assert patience(docker).clock == 1, "one delay, then all replicas run"


def test_a_service_that_does_not_converge_is_deleted_again(docker: Servicer, daemon: FakeDaemon) -> None:
    inputs = docker.checked(SERVICE, "web", service(health="false"))
    with pytest.raises(Failed, match=r"Service with ID \(\w{25}\) did not converge after 20s") as failure:
        docker.create(SERVICE, "web", inputs)
    assert failure.value.left is None, "nothing of it is kept in state"
    assert daemon.services == {}, "and nothing of it on the swarm"
    assert 20 <= patience(docker).clock < 21, "after the time that was given"


def test_a_timeout_is_told_as_go_writes_durations(docker: Servicer) -> None:
    config = {"delay": "1s", "timeout": "1m"}
    inputs = docker.checked(SERVICE, "web", service(health="false", convergeConfig=config))
    with pytest.raises(Failed, match="did not converge after 1m0s"):
        docker.create(SERVICE, "web", inputs)


def test_without_converge_config_nothing_is_waited_for(docker: Servicer) -> None:
    program = dict(service(health="false"))
    del program["convergeConfig"]
    docker.create(SERVICE, "web", docker.checked(SERVICE, "web", program))
    assert patience(docker).clock == 0, "the daemon took it, that is all"


def test_a_failed_update_leaves_what_was_wanted_and_the_reason(docker: Servicer) -> None:
    inputs = docker.checked(SERVICE, "web", service())
    resource_id, state = docker.create(SERVICE, "web", inputs)
    news = docker.checked(SERVICE, "web", service(health="false", env="2"), olds=inputs)
    with pytest.raises(Failed, match="service rollback completed: update rolled back due to") as failure:
        docker.update(SERVICE, "web", resource_id, state=state, news=news)
    left = failure.value.left
    assert left is not None, "the engine is told what is left"
    assert left.id == resource_id
    assert [failure.value.text] == list(left.reasons), "the reason is the error"
    env = left.properties["taskSpec"]["containerSpec"]["env"]
    assert env["A"] == "2", "with what was wanted in state the same program again is a retry without differences"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("paused", "service update paused: why"),
        ("rollback_paused", "service rollback paused: why"),
        ("rollback_completed", "service rollback completed: why"),
    ],
)
def test_an_update_that_the_swarm_gives_up_fails(
    state: str,
    text: str,
    docker: Servicer,
    daemon: FakeDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = docker.checked(SERVICE, "web", service())
    resource_id, outputs = docker.create(SERVICE, "web", inputs)

    def update(service: Any, spec: Any) -> None:
        service["Spec"] = spec
        service["UpdateStatus"] = {"State": state, "Message": "why"}

    monkeypatch.setattr(daemon, "_update", update)
    news = docker.checked(SERVICE, "web", service(env="2"), olds=inputs)
    with pytest.raises(Failed, match=text):
        docker.update(SERVICE, "web", resource_id, state=outputs, news=news)


def test_running_old_tasks_are_not_taken_for_a_finished_update(
    docker: Servicer,
    daemon: FakeDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = docker.checked(SERVICE, "web", service())
    resource_id, outputs = docker.create(SERVICE, "web", inputs)
    clock = patience(docker)
    began = clock.clock

    def status() -> Mapping[str, str]:
        passed = clock.clock - began
        return {"State": "completed" if passed >= 3 else "updating"} if passed >= 0.5 else {}

    plain = daemon._services
    monkeypatch.setattr(
        daemon,
        "_services",
        lambda method, rest, query, body: {**plain(method, rest, query, body), "UpdateStatus": status()},
    )
    docker.update(SERVICE, "web", resource_id, state=outputs, news=docker.checked(SERVICE, "web", service(env="2")))
    assert clock.clock - began >= 3, "all tasks ran from the first moment on: the old ones"


def test_after_seven_seconds_running_tasks_are_success_as_with_the_official_provider(
    docker: Servicer,
    daemon: FakeDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = docker.checked(SERVICE, "web", service())
    resource_id, outputs = docker.create(SERVICE, "web", inputs)
    began = patience(docker).clock

    def update(service: Any, spec: Any) -> None:
        service["Spec"] = spec
        service["UpdateStatus"] = {"State": "updating"}

    monkeypatch.setattr(daemon, "_update", update)
    docker.update(SERVICE, "web", resource_id, state=outputs, news=docker.checked(SERVICE, "web", service(env="2")))
    assert 7 <= patience(docker).clock - began < 9


def test_a_new_label_is_converged_at_once(docker: Servicer) -> None:
    inputs = docker.checked(SERVICE, "web", service())
    resource_id, outputs = docker.create(SERVICE, "web", inputs)
    began = patience(docker).clock
    labels = [{"label": "a", "value": "b"}]
    news = docker.checked(SERVICE, "web", service(labels=labels), olds=inputs)
    after = docker.update(SERVICE, "web", resource_id, state=outputs, news=news)
    assert after["labels"] == labels
    assert patience(docker).clock == began, "no task is exchanged for it"


def test_a_container_that_outlives_its_grace_fails_the_delete(docker: Servicer, daemon: FakeDaemon) -> None:
    resource_id, outputs = docker.create(SERVICE, "web", docker.checked(SERVICE, "web", service()))
    daemon.stubborn = True
    began = patience(docker).clock
    words = r"error on wait for container with ID '\w{64}': context deadline exceeded"
    with pytest.raises(Failed, match=words):
        docker.delete(SERVICE, "web", resource_id, outputs)
    assert patience(docker).clock - began == pytest.approx(5), "the grace period"
    assert daemon.services == {}, "the service itself is gone"
    with pytest.raises(Failed, match="service web not found"):
        docker.delete(SERVICE, "web", resource_id, outputs)
    assert docker.read(SERVICE, "web", resource_id, state=outputs, inputs={})[0] == "", "a refresh finds that out"


def test_without_a_grace_period_a_delete_waits_for_nobody(docker: Servicer, daemon: FakeDaemon) -> None:
    program = dict(service())
    program["taskSpec"] = {"containerSpec": {"image": "web:1"}}
    resource_id, outputs = docker.create(SERVICE, "web", docker.checked(SERVICE, "web", program))
    daemon.stubborn = True
    docker.delete(SERVICE, "web", resource_id, outputs)
    assert daemon.services == {}


def test_cancel_ends_the_waiting_and_leaves_no_unknown_service(daemon: FakeDaemon) -> None:
    docker = Servicer(DockerProvider(KeptLog(), daemon=daemon))
    inputs = docker.checked(SERVICE, "web", service(health="false"))
    failed: list[str] = []

    def create() -> None:
        with pytest.raises(Failed) as failure:
            docker.create(SERVICE, "web", inputs)
        failed.append(failure.value.text)

    thread = threading.Thread(target=create)
    thread.start()
    while not daemon.services:
        thread.join(0.01)
    docker.provider.Cancel(None, None)
    thread.join(5)
    assert failed == ["1 error occurred:\n\t* context canceled\n\n"], "within moments, not after 20 s"
    assert daemon.services == {}, "a service that no state knows must not stay"


def test_no_line_and_no_failure_repeats_a_secret(docker: Servicer, daemon: FakeDaemon, log: KeptLog) -> None:
    inputs = docker.checked(SECRET, "pw", {"name": "pw", "data": secret("aHVudGVyMg==")})
    docker.create(SECRET, "pw", inputs)
    with pytest.raises(Failed) as failure:
        docker.create(SECRET, "pw", inputs)
    said = failure.value.text + str(log.lines)
    assert "hunter2" not in said
    assert "aHVudGVyMg" not in said
    assert daemon.secrets, "it is there all the same"


def test_a_bug_is_told_in_one_sentence_without_values(docker: Servicer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr(docker.provider, "_swarm", broken)
    with pytest.raises(Failed) as failure:
        docker.create(SECRET, "pw", docker.checked(SECRET, "pw", {"name": "pw", "data": secret("aHVudGVyMg==")}))
    assert failure.value.text.startswith("the offline docker plugin failed unexpectedly: KeyError at ")
    assert "hunter2" not in failure.value.text
