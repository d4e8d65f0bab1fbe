"""Runs that meet, or are cut off: nothing is lost, a sentence says what is, the next command mends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colorway.spec import names
from tests.e2e.test_kill import engine_runs, services
from tests.support.clone import Clone
from tests.support.demo import Demo, docker, left_behind
from tests.support.load import Load
from tests.support.places import free_place
from tests.support.releasing import LEAST, PLAN
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("engine"), pytest.mark.needs("pgrep")]

BUSY = "changes this stack since"
"""How the second of two runs is told that there is a first."""
LINES = 60
"""Lines of output after which a run that never reached its moment counts as missed."""


def until(process: subprocess.Popen[str], reached: Callable[[str], bool]) -> str:
    """Read a run's output until it says so, or ends."""
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if reached(output):
            break
    return output


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a run with everything that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not engine_runs(process.pid), limit=10, what="the killed engine is gone")


@pytest.fixture
def fresh(empty_machine: None, pulumi_cli: Path, tmp_path: Path) -> Iterator[Clone]:
    """A checkout of a stack of its own that nothing has been done with; what it made is removed at the end."""
    with free_place() as place:
        clone = Clone.make(tmp_path / "clone", place=place)
        clone.versions(blue="1.0.0", green=None)
        yield clone
        if left_behind(place.name):
            clone.down("--orphans")
        assert left_behind(place.name) == []


@pytest.mark.full
@pytest.mark.timeout(900)
def test_ctrl_c_ends_a_run_in_words_and_the_next_one_goes_on(fresh: Clone):
    run = fresh.start("up", fresh.stack)
    begun = until(run, lambda output: "+ redis (" in output)
    os.killpg(run.pid, signal.SIGINT)
    rest, _ = run.communicate(timeout=300)
    assert run.returncode == 128 + signal.SIGINT, f"it was interrupted, and says so to scripts:\n{begun}{rest}"
    assert "Traceback" not in rest, "a user must never see one"
    assert "interrupted: the engine ends what it has begun" in rest, "or people press it again"
    last = rest.strip().splitlines()[-1]
    assert last.startswith(f"{fresh.stack}: interrupted; "), "the last line is what helps, not the engine's"
    assert "the lock is taken away" not in fresh.up().output, "whoever ends by itself gives the engine's lock back"
    fresh.run("status", fresh.stack)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("second", ["up", pytest.param("down", marks=pytest.mark.full)])
def test_of_two_runs_at_once_the_second_changes_nothing(demo: Demo, second: str):
    before = services(demo)
    with Load(target=demo.target, plan=PLAN) as load:
        demo.clone.traffic(0)
        first = demo.clone.start("up", demo.stack)
        begun = until(first, lambda output: "routing-check" in output)
        refused = demo.clone.run(second, demo.stack, *(["--yes"] if second == "down" else []), code=1)
        rest, _ = first.communicate(timeout=300)
        report = load.stop()
    assert BUSY in refused.output, "who works, since when, and that waiting helps"
    assert first.returncode == 0, f"the first run never noticed:\n{begun}{rest}"
    assert set(services(demo)) == set(before), "no service was taken away"
    assert report.problems(least_rate=LEAST) == [], "and no user noticed"


@pytest.mark.full
@pytest.mark.timeout(600)
def test_two_first_runs_at_once_make_one_platform(fresh: Clone):
    first = fresh.start("up", fresh.stack)
    begun = until(first, lambda output: "postgres" in output)
    refused = fresh.up(code=1)
    rest, _ = first.communicate(timeout=400)
    assert BUSY in refused.output
    assert first.returncode == 0, f"what a live run has pending is never an orphan:\n{begun}{rest}"
    assert "nothing changes" in fresh.up().output
    fresh.down()


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_checkout_that_is_behind_never_touches_what_it_does_not_know(demo: Demo, tmp_path: Path):
    demo.clone.versions(blue="1.0.0", green=None)
    demo.clone.up()
    stale = demo.clone.beside(tmp_path / "stale")
    demo.clone.versions(blue="1.0.0", green="2.0.0")
    demo.clone.up()
    demo.to(0)
    before = services(demo)
    for command in (["up"], ["down", "--yes"]):
        refused = stale.run(command[0], stale.stack, *command[1:], code=1)
        assert "work from the checkout that ran last" in refused.output, "where, what, and what would be right"
    assert services(demo) == before, "it would have deleted the color that has all the users"
    new = Clone.make(tmp_path / "new", place=demo.clone.place)
    assert "knows nothing of it" in new.up(code=1).output, "a fresh checkout is no better"
    assert services(demo) == before
    assert "nothing changes" in demo.clone.up().output, "the checkout that ran last goes on"


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", ["up", "down"])
def test_a_state_that_was_cut_short_is_mended_by_the_next_run(fresh: Clone, command: str):
    fresh.up()
    (file,) = (fresh.path / ".colorway/state").rglob(f"stacks/colorway/{fresh.stack}.json")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    said = fresh.run("status", fresh.stack)
    assert "wrong:" not in said.output, "the last whole copy says what is there"
    assert "colorway up" in fresh.run("preview", fresh.stack, code=1).output, "one sentence, and what helps"
    assert file.read_bytes() == whole[: len(whole) // 2], "neither of them writes"
    ran = fresh.run(command, fresh.stack, *(["--data", "--yes"] if command == "down" else []))
    assert "its last whole copy is back" in ran.output
    if command == "up":
        assert "nothing changes" in fresh.up().output
        fresh.down()
    assert left_behind(fresh.stack) == []


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", ["up", "down"])
def test_a_state_that_refers_to_what_is_gone_is_mended_by_the_next_run(fresh: Clone, command: str):
    """As a way back leaves it that went on past a failure: the engine itself ends with a crash at every command."""
    fresh.up()
    (file,) = (fresh.path / ".colorway/state").rglob(f"stacks/colorway/{fresh.stack}.json")
    state = json.loads(file.read_bytes())
    barrier = next(one for one in state["checkpoint"]["latest"]["resources"] if "workers-barrier" in one["urn"])
    barrier["dependencies"] = [*barrier.get("dependencies", []), f"{barrier['urn']}-gone"]
    file.write_text(json.dumps(state))
    assert "takes them out" in fresh.run("preview", fresh.stack, code=1).output, "one sentence, and what helps"
    ran = fresh.run(command, fresh.stack, *(["--data", "--yes"] if command == "down" else []))
    assert "recovering: the last run left references to workers-barrier" in ran.output
    if command == "up":
        assert "nothing changes" in ran.output, "it is only the state that was wrong"
        fresh.down()
    assert left_behind(fresh.stack) == []


DOWN = ("routing-apply", "- worker", "- web-blue", "- postgres", "- net-")
"""What `down` prints about half a dozen of its resources; it is killed right after."""


@pytest.mark.full
@pytest.mark.timeout(1500)
def test_a_killed_down_is_ended_by_the_next_one(fresh: Clone):
    for text in DOWN:
        fresh.up()
        process = fresh.start("down", fresh.stack, "--data", "--yes")
        output = until(process, lambda output, text=text: text in output)
        kill(process)
        assert text in output, "it was killed where the test means it"
        ran = fresh.down()
        assert left_behind(fresh.stack) == [], f"killed after {text!r}, `down` goes on by itself:\n{ran.output}"


UP = ("+ net-", "+ secret", "+ postgres", "migrations", "+ web-blue")


@pytest.mark.full
@pytest.mark.timeout(1500)
def test_a_killed_first_up_is_ended_by_the_next_one(fresh: Clone):
    for text in UP:
        process = fresh.start("up", fresh.stack)
        output = until(process, lambda output, text=text: text in output)
        kill(process)
        assert text in output, "it was killed where the test means it"
        ran = fresh.up()
        assert "nothing changes" in fresh.up().output, f"killed after {text!r}: whole\n{ran.output}"
        fresh.down()
        assert left_behind(fresh.stack) == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param("3=deadline", marks=pytest.mark.full),
        pytest.param("*=deadline", marks=pytest.mark.full),
        pytest.param("2=gone,4=deadline", marks=pytest.mark.full),
    ],
)
def test_down_gets_through_deletes_that_fail_although_they_work(fresh: Clone, faults: str):
    fresh.up()
    ran = fresh.having(COLORWAY_PLUGINS="offline", COLORWAY_OFFLINE_FAULTS=faults).down()
    assert "a delete failed although the service may be gone" in ran.output, "the fault was there"
    assert left_behind(fresh.stack) == [], "half of a platform that nobody can remove is the worst of both"


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_color_goes_off_although_its_deletes_fail(demo: Demo):
    demo.clone.versions(blue="1.0.0", green=None)
    ran = demo.clone.having(COLORWAY_PLUGINS="offline", COLORWAY_OFFLINE_FAULTS="2=deadline").up()
    assert "a delete failed although the service may be gone" in ran.output, "the fault was there"
    gone = [name for name in services(demo) if name.endswith("-green")]
    assert gone == [], "the color is off"
    assert "nothing changes" in demo.clone.up().output


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_docker_that_is_silent_for_30_s_ends_an_up_in_one_sentence(demo: Demo):
    """The daemon is stopped as a machine without breath is: it answers nobody, and its containers go on."""
    pid = int(subprocess.run(["pgrep", "-x", "dockerd"], capture_output=True, text=True, check=True).stdout.split()[0])
    with Load(target=demo.target, plan=PLAN) as load:
        demo.clone.traffic(0)
        process = demo.clone.start("up", demo.stack)
        begun = until(process, lambda output: "routing-check" in output)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=30)
        finally:
            os.kill(pid, signal.SIGCONT)
        rest, _ = process.communicate(timeout=400)
        ran = demo.clone.up()
        report = load.stop()
    assert "Traceback" not in begun + rest, "one clear sentence"
    assert "nothing changes" in demo.clone.up().output, f"the next command mends it:\n{begun}{rest}\n{ran.output}"
    assert report.problems(least_rate=LEAST) == [], "whoever does not ask Docker does not notice"


@pytest.mark.full
def test_the_note_of_the_last_state_is_the_stacks_and_goes_with_it(fresh: Clone):
    fresh.up()
    assert docker("config", "ls", "--quiet", "--filter", f"name={names.state_record(fresh.stack)}").strip()
    fresh.down()
    assert not docker("config", "ls", "--quiet", "--filter", f"name={names.state_record(fresh.stack)}").strip()
