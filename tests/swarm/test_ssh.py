"""One connection to a host, kept for all that go there meanwhile."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from colorway.errors import ColorwayError
from colorway.spec.hosts import HostSpec
from colorway.swarm.ssh import docker_command, engine_socket, kept
from tests.support.specs import HOST_KEY, REMOTE_HOSTS

REMOTE = HostSpec.model_validate(REMOTE_HOSTS[2])
HERE = HostSpec.model_validate({"name": "localhost", "address": "127.0.0.1", "roles": ["manager"]})
ROOT = Path(__file__).parents[2]


@pytest.fixture
def ssh(monkeypatch, tmp_path):
    """A program `ssh` that notes its process and its words, and runs the last of them as ssh does on the host."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >{tmp_path}/words.new\nmv {tmp_path}/words.new {tmp_path}/words\n'
        f'echo $$ >{tmp_path}/pid.new\nmv {tmp_path}/pid.new {tmp_path}/pid\nfor word; do :; done\nexec "$word"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def noted(path: Path) -> str:
    """Wait until the program has noted something."""
    while not path.exists():
        time.sleep(0.01)
    return path.read_text()


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_connection_is_there_for_others_and_ends_with_the_block(ssh) -> None:
    with kept(REMOTE):
        pid, words = int(noted(ssh / "pid")), noted(ssh / "words")
        assert is_running(pid)
        assert "ControlMaster=auto" in words, "others could not share it"
        shared = next(word for word in words.split() if word.startswith("ControlPath="))
        assert shared in docker_command(REMOTE), "the others would not find it"
        assert "ControlMaster=no" in docker_command(REMOTE), "one that shares must not outlive what it was made for"
        assert f"-L {engine_socket(REMOTE)}:/var/run/docker.sock" in words, "each question would be a shell on the host"
        assert "StreamLocalBindUnlink=yes" in words, "what one that was killed has left would be in the way"
        assert "ExitOnForwardFailure=no" in words, "a host that forwards nothing would be let in by nobody"
        assert "-L" not in docker_command(REMOTE)
        assert stat.S_IMODE((ssh / ".ssh").stat().st_mode) == 0o700, "ssh makes its socket there, and nobody else may"
    assert not is_running(pid)


def test_the_way_to_an_engine_ends_with_its_connection_and_not_before(ssh) -> None:
    shared = Path(REMOTE.ssh_socket).expanduser()
    for is_somebody_elses in (True, False):
        with kept(REMOTE):
            noted(ssh / "pid")
            engine_socket(REMOTE).touch()
            shared.touch()
            if not is_somebody_elses:
                shared.unlink()
        assert engine_socket(REMOTE).exists() == is_somebody_elses


def test_a_connection_ends_with_a_program_that_is_killed(ssh) -> None:
    script = (
        "from colorway.spec.hosts import HostSpec\nfrom colorway.swarm.ssh import kept\nimport os, time\n"
        f"with kept(HostSpec.model_validate_json({REMOTE.model_dump_json()!r})):\n    time.sleep(600)\n"
    )
    program = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    pid = int(noted(ssh / "pid"))
    program.send_signal(signal.SIGKILL)
    program.wait()
    while is_running(pid):
        time.sleep(0.01)


def test_hosts_that_come_in_are_waited_for_and_one_that_does_not_holds_up_nobody(ssh) -> None:
    program = ssh / "bin" / "ssh"
    other = HostSpec.model_validate(REMOTE_HOSTS[1])
    path = f'path=$(echo "$@" | sed "s|.*ControlPath=~/||; s| .*||"); touch "{ssh}/$path"'
    gone = f'case "$*" in *{other.address}*) exit 255;; esac'
    program.write_text(f"#!/bin/sh\n{gone}\nsleep 0.3; {path}\nexec cat\n")
    with kept(REMOTE, other, within=60):
        assert Path(REMOTE.ssh_socket).expanduser().exists(), "who asks at once would make a connection of its own"
    program.write_text(f"#!/bin/sh\n{gone}\nexec cat\n")
    Path(REMOTE.ssh_socket).expanduser().unlink()
    with kept(REMOTE, other, within=0.1):
        pass


def test_a_machine_without_ssh_is_told_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ColorwayError) as refused:
        docker_command(REMOTE)
    told = f"{REMOTE.name}: is reached by SSH, and this machine has none; `apt install openssh-client`"
    assert str(refused.value) == told


def test_this_machine_needs_no_connection(ssh) -> None:
    with kept(HERE):
        pass
    assert not (ssh / "pid").exists()
    assert not (ssh / ".ssh").exists()


def test_who_has_another_key_is_another_host() -> None:
    def shared(host: HostSpec) -> str:
        return next(option for option in host.ssh_trust if option.startswith("ControlPath="))

    other = REMOTE.model_copy(update={"host_key": HOST_KEY[:-4] + "AAAA"})
    assert shared(other) != shared(REMOTE), "a kept connection to a host that was replaced would still be trusted"
    commented = REMOTE.model_copy(update={"host_key": f"{REMOTE.host_key} a comment"})
    assert shared(commented) == shared(REMOTE)
    longest = max(shared(REMOTE), f"{REMOTE.ssh_socket}-docker", key=len)
    assert len(longest) < 60, "with a home's path, a socket's path has some hundred bytes at most"
