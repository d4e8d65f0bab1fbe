"""What people read: history, progress, plans; and what of errors ends up in commits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from colorway.errors import ColorwayError
from colorway.release.plan.plan import simulate
from colorway.release.plan.situation import read_state
from colorway.release.plan.steps import Apply, AwaitHealthy, Commit, PullImages, RestoreFile
from colorway.release.ports.git import GitError
from colorway.release.ports.images import BuiltHere, RegistryImages
from colorway.release.ports.protocols import ColorFigures, StageProgress
from colorway.release.run.blame import MOST_LINES, StepFailedError, blame, failure_of
from colorway.release.tell.history import records
from colorway.release.tell.report import LOG_EVERY, LineReporter, describe, progress_line
from colorway.spec.traffic import Color
from colorway.swarm.connections import RefusedError
from tests.release.fakes import FakeClock
from tests.release.situations import commits, installed, release, rollback, situation


@pytest.mark.parametrize(
    ("found", "log", "outcomes"),
    [
        (("1.0.0/2.0.0", "90:10"), ["2.0.0 10 5", "2.0.0 start 6"], ["2.0.0: under way, at 10 %"]),
        (("1.0.0/2.0.0", "100:0"), ["2.0.0 start 6"], ["2.0.0: under way, started"]),
        (("1.0.0/2.0.0", "0:100"), ["2.0.0 100 5", "2.0.0 start 6"], ["2.0.0: released; 1.0.0 is hot"]),
        (("1.0.0/2.0.0", "100:0"), ["2.0.0 rollback 5", "2.0.0 10 6"], ["2.0.0: being rolled back"]),
        (("1.0.0/-", "100:0"), ["2.0.0 off 4", "2.0.0 rollback 5", "2.0.0 start 6"], ["2.0.0: rolled back"]),
        (
            ("1.0.0/-", "100:0"),
            ["2.0.0 off 1", "2.0.0 start 2", "2.0.0 off 4", "2.0.0 start 6"],
            ["2.0.0: rolled back", "2.0.0: rolled back"],
        ),
        (
            ("3.0.0/2.0.0", "10:90"),
            ["3.0.0 10 1 2.0.0", "3.0.0 start 2 2.0.0", "2.0.0 finish 3", "2.0.0 100 60", "2.0.0 start 70"],
            ["3.0.0: under way, at 10 %", "2.0.0: released"],
        ),
        ((("1.0.0/-"), "100:0"), ["2.0.0 off 1", "3.0.0 start 2"], ["2.0.0: rolled back", "3.0.0: given up"]),
    ],
)
def test_history_tells_how_each_release_ended(found, log, outcomes) -> None:
    commits_ = commits(*log)
    told = [f"{one.version}: {one.outcome}" for one in records(commits_, read_state(installed(*found), commits_))]
    assert told == outcomes, "newest first"


def test_history_tells_steps_times_and_people() -> None:
    log = commits("2.0.0 10 5", "2.0.0 start 6")
    [record] = records(log, read_state(installed("1.0.0/2.0.0", "90:10"), log))
    assert record.steps == "start, 10 % +1m", "each step with its time"
    assert (record.people, record.previous) == ("Ana", "1.0.0"), "who, and from which version"


FIGURES = StageProgress(
    percent=10,
    left=timedelta(minutes=9, seconds=12),
    said="the bake of 10m is not over",
    is_held=False,
    colors={
        Color.GREEN: ColorFigures(version="2.0.0", share=10, requests_per_second=4.04, error_ratio=0.001, p95=0.0812),
        Color.BLUE: ColorFigures(version="1.0.0", share=90, requests_per_second=None, error_ratio=None, p95=None),
    },
)


def test_progress_is_one_line_with_both_colors() -> None:
    assert progress_line(FIGURES) == (
        "10 %, 9m12s left | green 2.0.0 10 %: 4.04/s 0.1 % failed p95 81 ms | "
        "blue 1.0.0 90 %: ?/s no requests | the bake of 10m is not over"
    ), "stage, time left, requests, errors, p95, and what is waited for"


@pytest.mark.parametrize(
    ("rate", "text"), [(2238.7, "2,239/s"), (123.4, "123/s"), (40.04, "40.0/s"), (4.04, "4.04/s"), (0.0004, "0.00/s")]
)
def test_rates_are_plain_numbers(rate, text) -> None:
    green = replace(FIGURES.colors[Color.GREEN], requests_per_second=rate)
    line = progress_line(replace(FIGURES, colors={Color.GREEN: green}))
    assert f"10 %: {text} 0.1 % failed" in line, "as people write them"


def test_a_terminal_shows_every_look_in_one_line_and_a_log_only_some() -> None:
    clock, out = FakeClock(), []
    terminal = LineReporter(write=out.append, is_terminal=True, clock=clock)
    terminal.progress(FIGURES)
    terminal.progress(FIGURES)
    terminal.say("next")
    assert sum("\n" in text for text in out) == 2, "looks overwrite each other; other lines begin anew"
    out.clear()
    log = LineReporter(write=out.append, is_terminal=False, clock=clock)
    for _ in range(13):
        log.progress(FIGURES)
        clock.sleep(LOG_EVERY / 6)
    assert len(out) == 3, "a log gets a line now and then"
    assert "\x1b" not in "".join(out), "without control characters"


def test_a_plan_shows_each_commit_with_its_diff() -> None:
    lines = describe(situation(), simulate(situation(), release()))
    text = "\n".join(lines)
    assert "- commit: Start 2.0.0 as green on test" in text, "the commit"
    assert '    -  colorway:versions: {blue: "1.0.0", green: null}  # strings' in lines, "what was"
    assert '    +  colorway:versions: {blue: "1.0.0", green: "2.0.0"}  # strings' in lines, "what comes"
    assert sum(line.startswith("    +") for line in lines) == 4, "one line a commit"
    assert "watching green at 10 % for 10m or longer" in text, "and how long it is watched"
    assert describe(situation(), simulate(situation(), rollback()))[0] == "test: no release is under way", (
        "refusals too"
    )


# Whose fault


def test_an_error_of_several_lines_is_a_reason_and_its_evidence() -> None:
    failure = failure_of(ColorwayError("web-green: task failed\n  health check: 500\n  | no database\n\n"))
    assert failure.reason == "web-green: task failed", "one sentence"
    assert failure.evidence == ("  health check: 500", "  | no database"), "and what shows it"


def test_evidence_fits_into_a_commit() -> None:
    failure = failure_of(StepFailedError("why", tuple(f"line {number} {'x' * 999}" for number in range(100))))
    assert len(failure.evidence) == MOST_LINES + 1, "few lines"
    assert failure.evidence[-1] == f"({100 - MOST_LINES} more lines)", "and it says that there were more"
    assert max(map(len, failure.evidence)) <= 200, "none of them long"


@pytest.mark.parametrize(
    ("step", "error", "is_colors_fault"),
    [
        (Apply(), ColorwayError("x"), True),
        (AwaitHealthy(color=Color.GREEN), ColorwayError("x"), True),
        (Apply(), GitError("push refused"), False),
        (PullImages(version="2.0.0"), ColorwayError("x"), False),
        (RestoreFile(why="x"), ColorwayError("x"), False),
        (next(one for one in simulate(situation(), release()) if isinstance(one, Commit)), GitError("x"), False),
    ],
)
def test_only_what_the_color_did_is_its_fault(step, error, is_colors_fault) -> None:
    found = situation("1.0.0/2.0.0", log=["2.0.0 start 5"])
    session = blame(found, release(), step, error)
    assert (session.failure is not None) == is_colors_fault, "undone or stopped"
    assert (session.stopped is not None) != is_colors_fault, "never both"


# Images


class Node:
    """A node's Docker, whose registry may not have everything."""

    def __init__(self, *, lacks: str = "") -> None:
        self.pulled, self.lacks = [], lacks

    def pull(self, reference: str) -> None:
        if self.lacks and self.lacks in reference:
            raise RefusedError("app2: Docker refused", status=404, said="manifest unknown")
        self.pulled.append(reference)


def test_images_are_pulled_on_every_node() -> None:
    nodes = {"app1": Node(), "app2": Node()}
    images = ["registry:5000/team/crm:1.9.0@sha256:abc", "redis@sha256:def"]
    assert RegistryImages(lambda: nodes).pull(images) == ("2 images are on 2 nodes.",), "said"
    for node in nodes.values():
        assert node.pulled == images, "all of them"


def test_a_node_that_cannot_get_an_image_is_named() -> None:
    nodes = {"app1": Node(), "app2": Node(lacks="crm")}
    with pytest.raises(ColorwayError, match=r"app2: cannot pull registry:5000/team/crm:1\.9\.0@sha256:abc: manifest"):
        RegistryImages(lambda: nodes).pull(["registry:5000/team/crm:1.9.0@sha256:abc"])


def test_images_that_are_built_here_are_not_pulled() -> None:
    assert BuiltHere().pull(["colorway/demo:2.0.0-abc"]) == ("1 images are built on this machine; nothing to pull.",)
