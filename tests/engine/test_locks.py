"""Whose lock may be taken away: only one whose process ran here and is dead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from colorway.engine.state import dead_owner, lock_owners

HERE = socket.gethostname()


def locked(*owners):
    lines = [
        f"  file:///state/locks/{n}.json: created by root@{host} (pid {pid}) at 2026-11-22T02:00:00Z"
        for n, (host, pid) in enumerate(owners)
    ]
    head = (
        f"error: the stack is currently locked by {len(owners)} lock(s). Either wait for the other process(es) to end"
    )
    return "\n".join([head, *lines])


@pytest.fixture(scope="module")
def dead():
    """The id of a process that has ended and was waited for."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_dead_process_of_this_machine_gives_its_lock_back(dead):
    assert dead_owner(locked((HERE, dead))) == dead


@pytest.fixture(scope="module")
def living(tmp_path_factory):
    """The id of a process that is called like the engine."""
    program = tmp_path_factory.mktemp("bin") / "pulumi"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "600"]) as process:
        # The kernel closes Popen's pipe before it gives the process its new name.
        name = Path(f"/proc/{process.pid}/comm")
        while name.read_text() != "pulumi\n":
            time.sleep(0.001)
        yield process.pid
        process.kill()


def test_a_living_engine_keeps_its_lock(living):
    assert dead_owner(locked((HERE, living))) is None, "two runs at once destroy the state"


def test_a_number_that_was_given_again_holds_nothing():
    assert dead_owner(locked((HERE, os.getpid()))) == os.getpid(), (
        "lock files outlive a restart of the machine, and this process is no engine"
    )


def test_a_living_engine_of_another_user_keeps_its_lock(monkeypatch, living):
    def refused(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert dead_owner(locked((HERE, living))) is None, "not being allowed to ask does not mean dead"


def test_another_machine_keeps_its_lock(dead):
    assert dead_owner(locked((f"{HERE}-other", dead))) is None, "nobody here can know whether it lives"


def test_all_locks_must_be_dead(dead, living):
    assert dead_owner(locked((HERE, dead), (HERE, living))) is None
    assert dead_owner(locked((HERE, dead), ("elsewhere", dead))) is None
    assert dead_owner(locked((HERE, dead), (HERE, dead))) == dead


@pytest.mark.parametrize(
    "text", ["", "error: [409] Conflict: Another update is currently in progress.", "pid 4 root@x"]
)
def test_a_text_without_an_owner_means_hands_off(text):
    assert dead_owner(text) is None


def test_a_state_files_locks_name_their_owners(tmp_path):
    folder = tmp_path / ".pulumi/locks/organization/colorway/local"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('{"pid": 7, "username": "root", "hostname": "here", "timestamp": "x"}')
    (folder / "b.json").write_text('{"pid": 8')
    owners = lock_owners(backend=tmp_path.as_uri(), project="colorway", stack="local")
    assert owners == [("here", 7)], "what is just being written belongs to somebody who lives, and is seen next time"
    assert lock_owners(backend="s3://bucket", project="colorway", stack="local") == []
