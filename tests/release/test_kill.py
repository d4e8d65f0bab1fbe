"""kill -9 at every call of every port, in every kind of run; whoever comes next continues or undoes.

The fakes assert all the while that users only ever meet a color that is healthy and was tried, and that every
commit changes one line. Each run is walked through call by call, so a new step is covered by itself.
"""

from __future__ import annotations

import pytest

from colorway.release.plan.situation import Request
from colorway.release.plan.steps import Done, ExitCode, code_of
from colorway.release.run.execute import execute
from tests.release.fakes import KilledError, World, shares
from tests.release.situations import FINISH, RESUME, release, rollback
from tests.release.test_execute import released

UNDONE = {"100:0"}
FINISHED = {"0:100"}


def walk(make, first: Request, then: Request):
    """Kill a run at each of its calls in turn, run the next command, and yield what came of it."""
    number = 1
    while True:
        world = make()
        world.points, world.visited, world.kill_at = 0, [], number
        try:
            execute(first, world.ports())
        except KilledError:
            where = f"killed at call {number}, {world.visited[-1]}"
        else:
            assert number > 20, "a run has many calls"
            return
        world.restart()
        yield where, world, execute(then, world.ports())
        number += 1


def check(where: str, world: World) -> None:
    assert world.lock is None or world.lock.ticket == "dead", f"{where}: nobody who lives holds the lock"
    assert world.here == world.texts[-1], f"{where}: no edit is left uncommitted"
    assert world.installed == world.committed, f"{where}: what was applied is what is committed"
    assert world.on == world.committed.versions, f"{where}: nothing else runs"


@pytest.mark.parametrize(
    ("trouble", "then", "ends"),
    [
        ({}, release(), FINISHED),
        ({}, rollback(), UNDONE),
        ({"bad": {"2.0.0"}}, release(), UNDONE),
        ({"dumb": {"2.0.0"}}, release(), UNDONE),
        ({"sick": {"2.0.0"}}, release(), UNDONE),
        ({"sick": {"2.0.0"}}, rollback(), UNDONE),
        ({"dying_at": 100}, release(), UNDONE),
    ],
)
def test_a_release_killed_anywhere_is_continued_or_undone(trouble: dict, then: Request, ends: set[str]) -> None:
    count = 0
    for where, world, ending in walk(lambda: World(**trouble), release(), then):
        count += 1
        check(where, world)
        told = f"{where}; then {ending}; users met {world.history}; git {[c.step for c in world.log]}"
        assert shares(world.committed) in ends, told
        if then.version and not trouble:
            assert code_of(ending) == ExitCode.DONE, told
            assert world.history == ["100:0", "90:10", "50:50", "0:100"], f"{told}: no stage is left out"
        elif then.version:
            assert code_of(ending) == ExitCode.ROLLED_BACK, f"{told}: never shown as a success"
        else:
            assert code_of(ending) in {ExitCode.DONE, ExitCode.REFUSED}, f"{told}: undone, or nothing to undo"
        if ends == UNDONE:
            assert world.committed.versions.green is None, f"{told}: the version is off"
    print(f"{count} kills")


def test_a_color_that_dies_while_nobody_watches_gets_no_more_users() -> None:
    number = 1
    while True:
        world = World(kill_at=number)
        try:
            execute(release(), world.ports())
        except KilledError:
            where = f"killed at call {number}, {world.visited[-1]}"
        else:
            break
        before = list(world.history)
        world.restart().sick.add("2.0.0")
        ending = execute(release(), world.ports())
        check(where, world)
        assert world.history[: len(before)] == before, where
        assert world.history[len(before) :] in ([], ["100:0"]), f"{where}: nobody new meets it, {world.history}"
        assert code_of(ending) == ExitCode.ROLLED_BACK, f"{where}: {ending}"
        number += 1


@pytest.mark.parametrize("share", [10, 50, 100])
def test_a_rollback_killed_anywhere_is_ended_by_the_next_one(share: int) -> None:
    for where, world, ending in walk(lambda: released(share), rollback(), rollback()):
        check(where, world)
        assert world.history[-1] == "100:0", f"{where}: everybody is back"
        assert world.committed.versions.green is None, f"{where}: the version is off"
        assert code_of(ending) in {ExitCode.DONE, ExitCode.REFUSED}, f"{where}: {ending}"


def test_a_rollback_killed_anywhere_is_never_turned_into_a_release() -> None:
    for where, world, ending in walk(lambda: released(50), rollback(), RESUME):
        check(where, world)
        begun = any(commit.step == "rollback" for commit in world.log)
        if begun:
            assert world.history[-1] == "100:0", f"{where}: everybody is back"
        else:
            assert code_of(ending) == ExitCode.DONE, f"{where}: nothing of the rollback was left, so it goes on"


def test_finish_killed_anywhere_is_ended_by_the_next_one() -> None:
    def hot_no_more() -> World:
        world = released(100)
        world.clock.time = world.clock.time.replace(hour=23)
        return world

    for where, world, ending in walk(hot_no_more, FINISH, FINISH):
        check(where, world)
        assert isinstance(ending, Done), f"{where}: {ending}"
        assert world.committed.versions.blue is None, f"{where}: the old color is off"


def test_two_kills_in_a_row_do_no_more_harm_than_one() -> None:
    """Every twelfth pair of calls; all pairs would be 10 000 releases."""
    for first in range(5, 130, 12):
        for second in range(3, 60, 12):
            world = World()
            for number in (first, second):
                world.restart().kill_at = number
                try:
                    execute(release(), world.ports())
                except KilledError:
                    continue
            ending = execute(release(), world.restart().ports())
            where = f"killed at call {first}, then at {second}: {ending}"
            check(where, world)
            assert world.history[-1] == "0:100", where
