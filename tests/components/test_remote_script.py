"""Scripts on hosts: over SSH only to the host whose key is known, and never with a key of ours."""

from __future__ import annotations

import json
import subprocess

import pytest

from colorway.spec.hosts import HostSpec
from components.provider import providers
from components.registries import Registries
from components.remote import HostScript
from tests.support.recorder import LOCAL_COMMAND, REMOTE_COMMAND, run_program
from tests.support.specs import HOST_KEY, REMOTE_HOSTS, THIS_MACHINE, small_spec

HERE = HostSpec.model_validate(THIS_MACHINE[0])
THERE = HostSpec.model_validate(REMOTE_HOSTS[1])
TROUBLESOME = 'it\'s $HOME; "quoted" `id` \\ and a\nsecond line'


def record(host, *, script="cat\n", arguments=(), stdin=None):
    return run_program(lambda: HostScript("step", host, script=script, arguments=arguments, stdin=stdin)).one(
        "step-run"
    )


def test_this_machine_needs_no_ssh():
    made = record(HERE)
    assert made.type == LOCAL_COMMAND
    assert made.inputs["interpreter"] == ["/bin/sh", "-c"]


def test_another_host_is_only_reached_under_its_known_key():
    made = record(THERE)
    assert made.type == REMOTE_COMMAND
    connection = made.inputs["connection"]
    assert connection["hostKey"] == HOST_KEY, "anyone in between could pose as the host otherwise"
    assert (connection["host"], connection["port"], connection["user"]) == ("10.0.0.12", 2222, "root")


def test_no_private_key_is_in_the_inputs():
    connection = record(THERE).inputs["connection"]
    assert not {"privateKey", "privateKeyPassword", "password", "agentSocketPath"} & set(connection), (
        "the agent holds it: what is not given cannot be in state"
    )


@pytest.mark.parametrize("host", [HERE, THERE], ids=["here", "there"])
def test_a_script_runs_again_when_anything_of_it_changes(host):
    inputs = record(host, stdin="text").inputs
    assert inputs["create"] == inputs["update"], "an update does what the first run does"
    assert inputs["stdin"] == "text", "text is no argument: a preview shows its diff"
    assert inputs["addPreviousOutputInEnv"] is False, "a script that sees its last output is not the same twice"
    assert "delete" not in inputs, "nothing is undone: what a script made, another one removes"


def test_arguments_reach_the_script_whole():
    made = record(HERE, script='printf "%s|" "$@"; cat', arguments=["plain", TROUBLESOME, ""], stdin="in")
    run = subprocess.run(
        [*made.inputs["interpreter"], made.inputs["create"]], input="in", text=True, capture_output=True, check=True
    )
    assert run.stdout == f"plain|{TROUBLESOME}||in", "a shell between here and there must not read them"


def test_a_script_ends_at_the_first_thing_that_fails():
    made = record(HERE, script="false\necho went on\n")
    run = subprocess.run(
        [*made.inputs["interpreter"], made.inputs["create"]], text=True, capture_output=True, check=False
    )
    assert (run.returncode, run.stdout) == (1, ""), "half a script must never look like success"
    unset = record(HERE, script='echo "$nobody"\n').inputs
    run = subprocess.run([*unset["interpreter"], unset["create"]], text=True, capture_output=True, check=False)
    assert run.returncode != 0, "a forgotten variable is an error and no empty text"


def provider_of(hosts):
    spec = small_spec(hosts=hosts)
    return run_program(lambda: providers(spec, Registries(users={}, passwords={}))).one(
        "swarm", "pulumi:providers:docker"
    )


def test_the_swarm_of_this_machine_is_its_socket():
    assert provider_of(THIS_MACHINE).inputs["host"] == "unix:///var/run/docker.sock"


def test_a_remote_swarm_is_reached_through_its_manager_under_the_key_of_the_stack_file():
    inputs = provider_of(REMOTE_HOSTS).inputs
    assert inputs["host"] == "ssh://deploy@10.0.0.21:22"
    options = json.loads(inputs["sshOpts"])
    assert set(options[::2]) == {"-o"}, "each is an option of its own for ssh"
    for wanted in (
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        f"KnownHostsCommand=/bin/echo %H {HOST_KEY}",
        "UserKnownHostsFile=none",
        "GlobalKnownHostsFile=none",
    ):
        assert wanted in options[1::2], (
            f"{wanted}: no file of this machine may decide whom it trusts, and nobody is asked"
        )
