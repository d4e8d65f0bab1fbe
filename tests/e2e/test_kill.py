"""The engine is killed in the middle of an `up`; the old line comes back; `colorway up` mends it by itself."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from colorway.spec.names import STACK_LABEL
from tests.support.demo import Demo, docker
from tests.support.load import Load, get
from tests.support.releasing import LEAST, PLAN
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("engine"), pytest.mark.needs("pgrep")]


def live_generation(demo: Demo) -> str:
    (container,) = demo.containers("lb-localhost")
    return docker("exec", container, "curl", "-s", "http://127.0.0.1:8081/generation").strip()


def services(demo: Demo) -> dict[str, str]:
    """The version of each service of the stack; any update raises it."""
    names = docker("service", "ls", "--format", "{{.Name}}", "--filter", f"label={STACK_LABEL}={demo.stack}").split()
    told = docker("service", "inspect", "--format", "{{.Spec.Name}} {{.Version.Index}}", *names)
    return dict(line.split() for line in told.splitlines())


def services_that_share_work(demo: Demo) -> set[str]:
    """Those that a change of the active color touches: each kind of work is done by one color at a time."""
    return {f"{demo.stack}-{kind}-{color}" for kind in ("worker", "scheduler") for color in ("blue", "green")}


def printed(text: str) -> Callable[[str], bool]:
    return lambda output: text in output


MOMENTS = {
    "before the first resource": printed(""),
    "after the program has begun": printed("plugins:"),
    "while the routing is checked": printed("blue-green"),
    "after the check": printed("routing-check-localhost ("),
    "while the new traffic is said to be live": printed("is live"),
    "after the apply": printed("routing-apply-localhost ("),
    "after the first of blue's workers is off": printed("-blue ("),
    "while blue's workers are waited for": printed("scheduler-blue ("),
    "after the barrier": printed("workers-barrier ("),
    "while the workers change over": printed("worker-blue ("),
}
GATE = {"after the apply"}
"""The moment that the gate tries: new traffic that no state knows of."""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "moment", [pytest.param(one, marks=[] if one in GATE else [pytest.mark.full]) for one in MOMENTS]
)
def test_a_kill_is_mended_by_the_next_up(demo: Demo, moment: str):
    before, untouched = live_generation(demo), services(demo)
    with Load(target=demo.target, plan=PLAN) as load:
        demo.clone.traffic(0)
        kill_at(demo, MOMENTS[moment], name=moment)
        demo.clone.traffic(100)
        ran = demo.clone.up()
        assert live_generation(demo) == before, f"live and configured traffic agree again\n{ran.output}"
        changed = {name for name, version in services(demo).items() if version != untouched.get(name)}
        assert changed <= services_that_share_work(demo), "what the interrupted run did not touch stays as it is"
        again = demo.clone.up()
        assert "nothing changes" in again.output, "the next `up` finds nothing left to do"
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], "no kill loses a request"
    assert b'"blue"' in get(demo.target, "/whoami"), "the old line is what serves"


def kill_at(demo: Demo, reached: Callable[[str], bool], *, name: str) -> None:
    """Start an `up` and kill its whole process group, engine and plugins, when its output says so."""
    process = demo.clone.start("up", demo.stack)
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
