"""The engine is killed in the middle of an `up`; the old line comes back; `colorway up` mends it by itself."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.support.demo import Demo, docker
from tests.support.load import Load, LoadPlan, get
from tests.support.wait import wait_until

LEAST = 100
"""Requests a second that the load must reach here; engine, swarm and load share this machine's processors."""


def live_generation() -> str:
    container = docker("ps", "-q", "--filter", "label=com.docker.swarm.service.name=local-lb-localhost").strip()
    return docker("exec", container, "curl", "-s", "http://127.0.0.1:8081/generation").strip()


def printed(text: str) -> Callable[[str], bool]:
    return lambda output: text in output


MOMENTS = {
    "before the first resource": printed(""),
    "while the routing is checked": printed("blue-green"),
    "after the check": printed("routing-check-localhost ("),
    "after the apply": printed("routing-apply-localhost ("),
    "while the workers change over": printed("worker-blue ("),
}


@pytest.mark.timeout(1500)
def test_kills_at_five_moments_are_mended_by_the_next_up(demo: Demo):
    before = live_generation()
    with Load(target=demo.target, plan=LoadPlan()) as load:
        for name, reached in MOMENTS.items():
            demo.clone.traffic(0)
            kill_at(demo, reached, name=name)
            demo.clone.traffic(100)
            ran = demo.clone.run("up", "local")
            assert live_generation() == before, f"killed {name}: live and configured traffic agree again\n{ran.output}"
            again = demo.clone.run("up", "local")
            assert "nothing changes" in again.output, f"killed {name}: the next `up` finds nothing left to do"
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], "no kill loses a request"
    assert b'"blue"' in get(demo.target, "/whoami"), "the old line is what serves"


def kill_at(demo: Demo, reached: Callable[[str], bool], *, name: str) -> None:
    """Start an `up` and kill its whole process group, engine and plugins, when its output says so."""
    process = demo.clone.start("up", "local")
    assert process.stdout is not None
    output = ""
    if name == "before the first resource":
        wait_until(lambda: engine_runs(process.pid), limit=60, what="the engine has started")
    else:
        for line in process.stdout:
            output += line
            if reached(output):
                break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not engine_runs(process.pid), limit=10, what="the killed engine is gone")


def engine_runs(group: int) -> bool:
    found = subprocess.run(["pgrep", "-g", str(group), "-x", "pulumi"], capture_output=True, check=False)
    return found.returncode == 0
