"""`colorway run`: one command beside a service, which nobody takes for one that serves, and its exit code."""

from __future__ import annotations

import pytest

from colorway.errors import ColorwayError
from colorway.spec.names import ONE_OFF_LABEL
from colorway.swarm import one_off
from colorway.swarm.connections import Connection, NoAnswerError
from tests.swarm.fake_api import HERE, refused, silent

TEMPLATE = {
    "ContainerSpec": {
        "Image": "registry/web@sha256:1",
        "Command": ["/entry"],
        "Args": ["serve"],
        "Env": ["A=1"],
        "Secrets": [{"SecretName": "password"}],
        "Healthcheck": {"Test": ["CMD", "curl", "localhost"]},
    },
    "Networks": [{"Target": "blue-id", "Aliases": ["web", "web-blue"]}, {"Target": "store-id"}],
    "RestartPolicy": {"Condition": "any"},
    "Placement": {"Constraints": ["node.labels.x==true"]},
}


class OneTask:
    """As much of `docker.APIClient` as a one-off command asks; its task goes through the given states."""

    def __init__(self, *states, logs=(b"",), error=""):
        self.states, self.logs, self.error = list(states), list(logs), error
        self.made: list[dict] = []
        self.removed: list[str] = []
        self.troubles: list[Exception] = []

    def inspect_service(self, name):
        if name != "test-web-blue":
            raise refused(404, f"service {name} not found")
        return {"Spec": {"TaskTemplate": TEMPLATE}}

    def create_service(self, template, **given):
        self.made.append({"template": template, **given})
        return {"ID": "made"}

    def tasks(self, *, filters):
        assert filters == {"service": "made"}
        if self.troubles:
            raise self.troubles.pop(0)
        state, code = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return [
            {
                "ID": "t",
                "UpdatedAt": "1",
                "DesiredState": "shutdown",
                "Status": {"State": state, "Err": self.error, "ContainerStatus": {"ExitCode": code}},
            }
        ]

    def service_logs(self, made, **_given):
        assert made == "made"
        return iter([self.logs.pop(0) if len(self.logs) > 1 else self.logs[0]])

    def remove_service(self, made):
        self.removed.append(made)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(one_off, "POLL", 0)


def run(api, *, service="test-web-blue", command=("migrate", "--all")):
    printed: list[bytes] = []
    connection = Connection(HERE, client=lambda: api)
    code = one_off.run_once(connection, service=service, stack="test", command=command, write=printed.append)
    return code, printed


def test_a_commands_exit_code_and_output_are_passed_on():
    api = OneTask(("running", None), ("failed", 3), logs=(b"one\n", b"one\ntwo\n"))
    assert run(api) == (3, [b"one\n", b"two\n"]), "each line once, and as soon as it is there"
    assert api.removed == ["made"], "nothing is left behind"


def test_success_is_zero():
    assert run(OneTask(("running", None), ("complete", 0)))[0] == 0


def test_it_is_the_services_task_but_for_what_makes_it_serve():
    api = OneTask(("complete", 0))
    run(api)
    (made,) = api.made
    task = made["template"]
    assert task["ContainerSpec"]["Command"] == ["migrate", "--all"], "exec form: no shell reads it"
    assert "Args" not in task["ContainerSpec"], "the service's own arguments are not appended"
    assert task["ContainerSpec"]["Secrets"] == TEMPLATE["ContainerSpec"]["Secrets"]
    assert task["Networks"] == [{"Target": "blue-id"}, {"Target": "store-id"}], "under its names it would get requests"
    assert task["ContainerSpec"]["Healthcheck"] == {"Test": ["NONE"]}, "a check of the service would kill it"
    assert task["RestartPolicy"] == {"Condition": "none"}
    assert made["labels"] == {ONE_OFF_LABEL: "test"}, "`down` finds it, and `up` takes it for no stranger"
    assert made["name"].startswith("test-web-blue-run-")
    assert TEMPLATE["Networks"][0]["Aliases"], "what was read is not changed"


def test_a_service_that_does_not_run_is_one_sentence():
    with pytest.raises(ColorwayError, match=r"^test-api is no service that runs; `colorway status test` lists"):
        run(OneTask(("complete", 0)), service="test-api")


def test_a_task_that_cannot_start_says_why():
    api = OneTask(("rejected", None), error="No such image: x")
    with pytest.raises(ColorwayError, match="the command could not start: task rejected: No such image"):
        run(api)
    assert api.removed == ["made"]


def test_a_silent_docker_ends_no_command():
    api = OneTask(("complete", 0))
    api.troubles = [silent(), silent()]
    assert run(api)[0] == 0, "an hour's work is not lost to a hiccup"


def test_a_docker_that_is_gone_ends_in_a_sentence():
    api = OneTask(("complete", 0))
    api.troubles = [silent() for _ in range(50)]
    with pytest.raises(NoAnswerError, match="asked for its tasks"):
        run(api)


def test_an_interrupted_command_leaves_nothing():
    api = OneTask(("running", None))
    api.troubles = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        run(api)
    assert api.removed == ["made"], "Ctrl-C stops the task, too"
