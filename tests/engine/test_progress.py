"""What a person sees of a long step."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest

from colorway.machine.progress import Count, TerminalProgress, duration


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def shown(self):
        """What is left on the screen, line by line."""
        return [line.rsplit("\x1b[2K", 1)[-1] for line in self.getvalue().split("\n")]


@pytest.fixture
def clock():
    return Clock()


def test_a_log_gets_one_line_per_step_and_one_every_ten_seconds(clock):
    log = io.StringIO()
    with TerminalProgress(log, clock=clock) as progress:
        progress("compile", Count(done=1, total=4, unit="package"))
        clock.now += 9
        progress("compile", Count(done=2, total=4, unit="package"))
        clock.now += 1
        progress("compile", Count(done=2, total=4, unit="package"))
        progress("compile", Count(done=3, total=4, unit="package"))
    assert log.getvalue().splitlines() == [
        "compile",
        "compile: package 2 of 4 (50 %), 10 s, about 10 s left",
        "compile: took 10 s",
    ], "a log must not get a line per event"


def test_a_terminal_keeps_only_steps_that_took_a_second(clock):
    terminal = Terminal()
    with TerminalProgress(terminal, clock=clock) as progress:
        progress("look")
        clock.now += 0.2
        progress("download")
        clock.now += 75
    assert terminal.shown() == ["download: took 1 min 15 s", ""], "quick steps are noise once they are over"


def test_a_line_is_never_wider_than_the_terminal(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    progress = TerminalProgress(terminal, clock=clock)
    progress("x" * 50)
    assert terminal.shown() == ["x" * 19], "a wrapped line cannot be rewritten"


def test_a_lasting_line_survives_the_step_around_it(clock):
    terminal = Terminal()
    with TerminalProgress(terminal, clock=clock) as progress:
        progress("look")
        progress("pulumi 3.1.0 is passed over", lasting=True)
        progress("look")
    assert "pulumi 3.1.0 is passed over" in terminal.shown(), "a fact stays on the screen"


def test_a_failed_step_says_that_it_stopped(clock):
    log = io.StringIO()
    progress = TerminalProgress(log, clock=clock)
    with suppress(ZeroDivisionError), progress:
        progress("compile")
        clock.now += 12
        _ = 1 / 0
    assert log.getvalue().splitlines()[-1] == "compile: stopped after 12 s", "it must not look finished"


def test_a_silent_step_is_kept_current_by_the_thread():
    log = io.StringIO()
    clock = Clock()
    progress = TerminalProgress(log, clock=clock)
    progress("link")
    clock.now += 11
    progress.tick()
    assert log.getvalue().splitlines() == ["link", "link, 11 s"], "a step without events still shows its time"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (Count(done=1, unit="module"), "1 module"),
        (Count(done=0, unit="module"), "0 modules"),
        (Count(done=1, total=8, unit="image"), "image 1 of 8 (12 %)"),
        (Count(done=9, total=10, unit="package", time_share=0.5), "package 9 of 10 (50 %)"),
    ],
)
def test_a_count_reads_as_a_person_says_it(count, text):
    assert str(count) == text, "time share, where known, is the percentage"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (362, "6 min 2 s")])
def test_a_duration_is_in_seconds_then_minutes(seconds, text):
    assert duration(seconds) == text, "no fractions, no hours"
