"""Ctrl-C while the engine works: it ends by itself, and nobody sees a traceback."""

from __future__ import annotations

import signal
import threading

import pytest
from pulumi import automation as auto

from colorway.engine.ending import patient

ENDING = "local: interrupted"


class Engine:
    """Works until the terminal interrupts it, and then fails as the CLI does."""

    def __init__(self):
        self.ended = False

    def work(self, *, interrupts):
        for _ in range(interrupts):
            signal.raise_signal(signal.SIGINT)
        self.ended = True
        raise auto.CommandError(auto.CommandResult(stdout="", stderr="error: update canceled", code=255))


@pytest.fixture
def said():
    before = signal.getsignal(signal.SIGINT)
    yield []
    assert signal.getsignal(signal.SIGINT) is before, "after the engine Ctrl-C means what it meant before"


def test_the_engine_may_end_by_itself_and_the_last_line_says_what_helps(said):
    engine = Engine()
    with pytest.raises(KeyboardInterrupt), patient(said.append, ending=ENDING):
        engine.work(interrupts=1)
    assert engine.ended, "killed in the middle it would leave its lock and work that nobody knows"
    assert said[0].startswith("interrupted: "), "or people press it again"
    assert said[1:] == [ENDING]


def test_the_second_one_ends_all_at_once(said):
    engine = Engine()
    with pytest.raises(KeyboardInterrupt), patient(said.append, ending=ENDING):
        engine.work(interrupts=2)
    assert not engine.ended


def test_a_failure_without_an_interrupt_is_a_failure(said):
    with pytest.raises(auto.CommandError), patient(said.append, ending=ENDING):
        Engine().work(interrupts=0)
    assert said == []


def test_what_was_done_all_the_same_ends_as_interrupted(said):
    """A release must not go on after it was told to end."""
    with pytest.raises(KeyboardInterrupt), patient(said.append, ending=ENDING):
        signal.raise_signal(signal.SIGINT)
    assert said[-1] == ENDING


def test_a_thread_beside_the_main_one_works_as_ever(said):
    def work():
        with patient(said.append, ending=ENDING):
            done.set()

    done = threading.Event()
    beside = threading.Thread(target=work)
    beside.start()
    beside.join()
    assert done.is_set(), "signals are the main thread's"
