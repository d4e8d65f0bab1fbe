"""Remote commands, with an `ssh` that writes down how it was called and runs the command here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contract.servicer import Failed, KeptLog, Servicer, secret

REMOTE = "command:remote:Command"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHpretendedhostkeyofatest0000000000000000000"
CONNECTION = {"host": "web1.example", "user": "deploy", "hostKey": HOST_KEY}

SSH = """#!{python}
import json, os, subprocess, sys
arguments = sys.argv[1:]
options = dict(arguments[index + 1].split("=", 1) for index, word in enumerate(arguments) if word == "-o")
call = {{
    "arguments": arguments,
    "options": options,
    "known": open(options["UserKnownHostsFile"]).read(),
    "environment": {{name: value for name, value in os.environ.items() if name.startswith("PULUMI_COMMAND")}},
}}
with open({calls!r}, "a") as out:
    out.write(json.dumps(call) + "\\n")
if "-N" in arguments:
    refused = {refused!r}
    tries = sum("-N" in json.loads(line)["arguments"] for line in open({calls!r}))
    if tries <= refused:
        sys.exit("ssh: connect to host web1.example port 22: Connection refused")
elif "-O" not in arguments:
    sys.exit(subprocess.run(["/bin/sh", "-c", arguments[-1]]).returncode)
"""


class FakeSsh:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.calls_file = directory / "calls"

    def install(self, *, refused: int = 0) -> None:
        script = SSH.format(python=sys.executable, calls=str(self.calls_file), refused=refused)
        path = self.directory / "ssh"
        path.write_text(script)
        path.chmod(0o755)

    @property
    def calls(self) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self.calls_file.read_text().splitlines()]


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSsh:
    fake = FakeSsh(tmp_path)
    fake.install()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent.socket")
    return fake


def made(command: Servicer, *, connection: Mapping[str, Any] = CONNECTION, **inputs: Any) -> Any:
    checked = command.checked(REMOTE, "run", {"connection": connection, **inputs})
    return command.create(REMOTE, "run", checked)[1]


def test_the_command_is_text_for_the_login_shell_and_stdin_its_input(command: Servicer, ssh: FakeSsh) -> None:
    script = 'set -eu\ncat; echo "it\'s" done >&2'
    state = made(command, create=script, stdin="in\n")
    assert (state["stdout"], state["stderr"]) == ("in", "it's done")
    dial, run, end = ssh.calls
    assert run["arguments"][-1] == script, "as one argument, for nobody but the remote shell to split"
    assert "-N" in dial["arguments"], "the connection is made first"
    assert end["arguments"][-3:-1] == ["-O", "exit"], "and ended last"


def test_the_host_key_is_demanded_and_no_configuration_is_read(command: Servicer, ssh: FakeSsh) -> None:
    made(command, create="true", connection={**CONNECTION, "port": 2222, "perDialTimeout": 3})
    for call in ssh.calls:
        assert call["known"] == f"target {HOST_KEY}\n", "the one key that is believed"
        options = call["options"]
        assert (options["StrictHostKeyChecking"], options["HostKeyAlias"]) == ("yes", "target")
        assert (options["HostName"], options["Port"], options["User"]) == ("web1.example", "2222", "deploy")
        assert options["GlobalKnownHostsFile"] == os.devnull
        assert call["arguments"][:2] == ["-F", os.devnull]
        assert (options["BatchMode"], options["ConnectTimeout"]) == ("yes", "3")


def test_the_agent_is_asked_for_the_key(command: Servicer, ssh: FakeSsh) -> None:
    made(command, create="true")
    options = ssh.calls[0]["options"]
    assert (options["IdentityAgent"], options["IdentityFile"]) == ("/run/agent.socket", "none")


def test_the_last_output_is_offered_to_the_host(command: Servicer, ssh: FakeSsh) -> None:
    inputs = command.checked(REMOTE, "run", {"create": "true", "connection": CONNECTION})
    state = {**inputs, "stdout": "line\nline", "stderr": ""}
    command.update(REMOTE, "run", "id", state=state, news=inputs)
    assert ssh.calls[1]["environment"] == {"PULUMI_COMMAND_STDOUT": "line\nline"}
    assert ssh.calls[1]["options"]["SendEnv"] == "PULUMI_COMMAND_STDOUT"


def test_a_failing_command_is_told_as_the_official_plugin_does(command: Servicer, ssh: FakeSsh) -> None:
    with pytest.raises(Failed) as failure:
        made(command, create="echo bad; exit 3")
    assert failure.value.text == 'Process exited with status 3: running "echo bad; exit 3":\nbad\n'
    assert len(ssh.calls) == 3, "it is run once, whatever it says"


def test_a_host_that_answers_late_is_tried_again(command: Servicer, ssh: FakeSsh, log: KeptLog) -> None:
    ssh.install(refused=2)
    assert made(command, create="echo up")["stdout"] == "up"
    tries = [line for _, line, _ in log.lines if line.startswith("Dial")]
    assert tries == ["Dial 1/10 failed: retrying", "Dial 2/10 failed: retrying"]


def test_a_host_that_never_answers_is_given_up(command: Servicer, ssh: FakeSsh) -> None:
    ssh.install(refused=99)
    with pytest.raises(Failed) as failure:
        made(command, create="echo up", connection={**CONNECTION, "dialErrorLimit": 1})
    assert failure.value.text == (
        "after 1 failed attempts: ssh to web1.example port 22: "
        "ssh: connect to host web1.example port 22: Connection refused"
    )


def test_the_whole_connection_is_secret_and_has_its_defaults(command: Servicer) -> None:
    inputs = command.checked(REMOTE, "run", {"create": "x", "connection": {"host": "h", "hostKey": HOST_KEY}})
    assert inputs["connection"] == secret(
        {"host": "h", "hostKey": HOST_KEY, "user": "root", "port": 22, "dialErrorLimit": 10, "perDialTimeout": 15},
    )


@pytest.mark.parametrize(
    ("inputs", "path", "sentence"),
    [
        (
            {"connection": {"host": "h"}},
            "connection.hostKey",
            "connection.hostKey: is missing; without it nobody knows which machine answers",
        ),
        (
            {"connection": {"host": "h", "hostKey": "AAAA"}},
            "connection.hostKey",
            "connection.hostKey: must be one line such as ssh-ed25519 AAAA…, as ssh-keyscan prints it after the host",
        ),
        (
            {"connection": {**CONNECTION, "password": "hunter2"}},
            "connection.password",
            "connection.password: the offline command plugin takes no such field; leave it out",
        ),
        (
            {"connection": {**CONNECTION, "privateKey": "hunter2"}},
            "connection.privateKey",
            "connection.privateKey: the offline command plugin takes no such field; leave it out",
        ),
        (
            {"connection": CONNECTION, "environment": {"A": "b"}},
            "environment",
            "environment: the offline command plugin takes no such field; leave it out",
        ),
        (
            {"connection": CONNECTION, "create": secret("hunter2")},
            "create",
            "create: is secret but would show in the list of processes; give the secret as stdin",
        ),
        ({}, "connection", "connection: must be an object with host and hostKey"),
    ],
)
def test_a_connection_that_is_not_safe_or_not_ours_is_refused(
    inputs: Mapping[str, Any],
    path: str,
    sentence: str,
    command: Servicer,
) -> None:
    _, failures = command.check(REMOTE, "run", {"create": "x", **inputs})
    assert failures == {path: sentence}
