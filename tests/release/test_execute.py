"""Whole releases in a world of fakes: what users meet, what git says, what people are told, how it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from colorway.errors import ColorwayError
from colorway.release.plan.situation import Request
from colorway.release.plan.steps import Done, Ending, ExitCode, Freeze, Refuse, code_of
from colorway.release.run.execute import execute, plan
from colorway.spec.traffic import Color
from colorway.swarm.connections import NoAnswerError
from tests.release.fakes import FakeEngine, KilledError, World, shares
from tests.release.situations import FINISH, FIRST, ONE_WAY, holder, release, rollback
from tests.swarm.fake_api import gone, silent

ALL = ["100:0", "90:10", "50:50", "0:100"]


def told(world: World) -> list[str]:
    return [notice.event.value for notice in world.notices]


def steps(world: World) -> list[str]:
    return [commit.step for commit in world.log]


def run(world: World, request: Request, *, code: ExitCode) -> Ending:
    ending = execute(request, world.ports())
    assert code_of(ending) == code, f"exit code: {ending}"
    assert world.lock is None, "the lock is given back"
    assert world.here == world.texts[-1], "nothing is left uncommitted"
    return ending


def released(share: int = 100) -> World:
    """Return a world in which 2.0.0 has been released up to a share, and the process was killed there."""
    world = World()
    if share == 100:
        run(world, release(), code=ExitCode.DONE)
        return world
    world.by = lambda now, name: setattr(
        now, "kill_at", now.points + 1 if name == "read" and shares(now.installed).endswith(f":{share}") else None
    )
    with pytest.raises(KilledError):
        execute(release(), world.ports())
    world.by = lambda _now, _name: None
    return world.restart()


def test_a_good_release_moves_everybody_in_stages() -> None:
    world = World()
    ending = run(world, release(), code=ExitCode.DONE)
    assert world.history == ALL, "stage by stage"
    assert steps(world) == ["start", "10", "50", "100"], "git tells the story"
    assert told(world) == ["started", "stage", "stage", "done"], "people are told"
    assert world.installed == world.committed, "what runs is what is committed"
    assert world.committed.traffic.active is Color.GREEN, "the workers follow"
    assert "colorway rollback --stack test" in ending.summary, "the way back is named"
    assert world.progress[0].colors[Color.GREEN].requests_per_second == pytest.approx(40, rel=0.1), "live figures"


def test_git_alone_tells_the_story() -> None:
    world = World()
    run(world, release(), code=ExitCode.DONE)
    bodies = ["\n".join(message.body) for message in world.messages]
    assert "images are on 1 nodes" in bodies[0], "what was done before the start"
    assert "smoke tests passed on green (2.0.0) through the secret header" in bodies[1], "why it may have users"
    assert "Verdict at 10 %: every service kept every limit" in bodies[2], "why it may have more"
    assert "web: green" in bodies[2], "with both colors' figures"
    assert "blue becomes" not in bodies[3], "the old color stays"
    assert all("Back: colorway rollback --stack test" in body for body in bodies), "and how to go all the way back"


@pytest.mark.parametrize("share", [10, 50, 100])
def test_a_rollback_works_from_every_stage(share: int) -> None:
    world = released(share)
    run(world, rollback(), code=ExitCode.DONE)
    assert world.history[-1] == "100:0", "everybody is back"
    assert steps(world)[-2:] == ["rollback", "off"], "traffic first, then the version, each in its own commit"
    assert world.committed.versions.green is None, "the color is off"
    assert told(world)[-1] == "rolled back", "people are told"


def test_finish_and_the_next_release_turn_the_old_color_off() -> None:
    world = released(100)
    early = run(world, FINISH, code=ExitCode.REFUSED)
    assert "for another" in early.reason, "the hot time is counted from the commit"
    world.clock.sleep(timedelta(hours=1))
    run(world, release("3.0.0"), code=ExitCode.DONE)
    assert steps(world)[4:] == ["finish", "start", "10", "50", "100"], "first the old one goes off"
    world.clock.sleep(timedelta(hours=1))
    run(world, FINISH, code=ExitCode.DONE)
    assert world.committed.versions.green is None, "2.0.0 is off"
    assert run(world, FINISH, code=ExitCode.DONE), "finishing again is no error"


@pytest.mark.parametrize(
    ("trouble", "history", "wanted", "words"),
    [
        ({"sick": {"2.0.0"}}, ["100:0"], ["start", "off"], "task failed: exit code 1"),
        ({"dumb": {"2.0.0"}}, ["100:0"], ["start", "off"], "smoke test of green (2.0.0) through the secret header"),
        ({"bad": {"2.0.0"}}, ["100:0", "90:10", "100:0"], ["start", "10", "rollback", "off"], "two failed windows"),
        (
            {"dying_at": 10},
            ["100:0", "90:10", "100:0"],
            ["start", "10", "rollback", "off"],
            "green is not healthy: test-web-green: 0 of 2 tasks run",
        ),
        (
            {"dying_at": 50},
            ["100:0", "90:10", "50:50", "100:0"],
            ["start", "10", "50", "rollback", "off"],
            "green is not healthy",
        ),
        (
            {"dying_at": 100},
            [*ALL, "100:0"],
            ["start", "10", "50", "100", "rollback", "off"],
            "green is not healthy",
        ),
        (
            {"meter_is_gone": True},
            ["100:0", "90:10", "100:0"],
            ["start", "10", "rollback", "off"],
            "no pass within 40s after the bake",
        ),
    ],
)
def test_a_bad_release_undoes_itself_with_the_right_reason(trouble, history, wanted, words) -> None:
    world = World(**trouble)
    ending = run(world, release(), code=ExitCode.ROLLED_BACK)
    assert words in ending.summary, "the reason is the right one"
    assert world.history == history, "users are back where they were"
    assert steps(world) == wanted, "git says what was tried and undone"
    back = next(message for message in world.messages if message.trailers.step in {"rollback", "off"})
    assert words in "\n".join(back.body), "the evidence is in the commit"
    assert any("boom" in line for line in back.body), "with the color's last log lines"
    assert told(world)[-2:] == ["failed", "rolled back"], "notice and exit code agree"
    assert world.installed == world.committed, "state and git agree"


def test_a_hold_is_told_before_its_deadline() -> None:
    world = World(meter_is_gone=True)
    run(world, release(), code=ExitCode.ROLLED_BACK)
    assert told(world) == ["started", "stage", "held", "failed", "rolled back"], "people can decide in time"
    assert any(progress.is_held for progress in world.progress), "and the terminal says so"


ONE_WAY_MIGRATIONS = {"1.0.0": (FIRST,), "2.0.0": (FIRST, ONE_WAY), "3.0.0": (FIRST, ONE_WAY)}


class FakeBackups:
    """Makes points, or says why not."""

    def __init__(self, world: World, closed: str = "") -> None:
        self.world, self.closed = world, closed
        self.points: list[str] = []

    def make(self, *, point: str) -> str:
        self.world.point(f"point {point}")
        if self.closed:
            raise ColorwayError(self.closed)
        self.points.append(point)
        return f"restore point {point} is archived"


def hot(**more) -> World:
    """Return a world in which 2.0.0 has all users, its migration waits, and its hot time is over."""
    world = World(migrations=ONE_WAY_MIGRATIONS, **more)
    run(world, release(), code=ExitCode.DONE)
    assert (world.ran, dict(world.waited)) == ([], {"0003-drop": "2.0.0"}), "the old color is still on"
    world.clock.sleep(timedelta(hours=2))
    return world


def test_a_bad_release_goes_back_also_where_a_migration_waits() -> None:
    world = World(bad={"2.0.0"}, migrations=ONE_WAY_MIGRATIONS)
    run(world, release(), code=ExitCode.ROLLED_BACK)
    assert world.history[-1] == "100:0", "by itself"
    assert (world.ran, world.waited) == ([], {}), "nothing was changed that the old version would not bear"
    assert any("0003-drop is held until `finish`" in line for line in world.messages[0].body), (
        "the first commit says so"
    )
    assert not any("0003-drop" in line for message in world.messages[1:] for line in message.body), "nor is it undone"


@pytest.mark.parametrize("request_", [FINISH, release("3.0.0")], ids=["finish", "the next release"])
def test_what_waited_runs_when_the_old_color_is_off(request_: Request) -> None:
    world = hot()
    backups = FakeBackups(world)
    assert code_of(execute(request_, world.ports(backups=backups))) == ExitCode.DONE
    assert world.ran == ["0003-drop"], "once, and only by then: the world asserts that nothing else is on"
    assert backups.points == ["finish-2.0.0"], "the data can be brought back; and 3.0.0 brings nothing new"
    assert any("then 0003-drop runs, and from there only a restore leads back" in line for line in world.said), "before"
    finish = next(message for message in world.messages if message.trailers.step == "finish")
    assert "Before 0003-drop: restore point finish-2.0.0 is archived." in finish.body
    assert any("0003-drop, once nothing of 1.0.0 is left" in line for line in finish.body), "git says what ran"
    assert any("only a restore to the point finish-2.0.0 leads back" in line for line in finish.body), (
        "and the way back"
    )


def test_a_closed_gate_keeps_the_old_color_on() -> None:
    world = hot()
    ending = execute(FINISH, world.ports(backups=FakeBackups(world, closed="postgres: no proof; prove it")))
    assert code_of(ending) == ExitCode.REFUSED
    assert "postgres: no proof; prove it" in ending.reason
    assert (steps(world)[-1], world.ran, world.on.blue) == ("100", [], "1.0.0"), "nothing was changed"


def test_a_migration_that_fails_after_finish_is_run_by_the_next() -> None:
    world = hot(migration_errors=["no such table"])
    ending = run(world, FINISH, code=ExitCode.HELD)
    assert "migrate-0003 failed: no such table" in ending.reason, "why"
    assert ending.cure == "repair that, then colorway finish --stack test", (
        "which asks the gate again, as `up` does not"
    )
    assert world.on.blue is None, "the old color is off already"
    refused = run(world, rollback(), code=ExitCode.REFUSED)
    assert "0003-drop has not run yet" in refused.reason
    assert "colorway finish --stack test goes on; git revert HEAD" in refused.cure
    backups = FakeBackups(world)
    assert code_of(execute(FINISH, world.ports(backups=backups))) == ExitCode.DONE
    assert (world.ran, backups.points) == (["0003-drop"], ["finish-2.0.0"]), "asked again, and run once"
    assert "nothing to finish" in run(world, FINISH, code=ExitCode.DONE).summary


@pytest.mark.parametrize("point", range(1, 30))
def test_a_finish_that_is_killed_anywhere_is_gone_on_with(point: int) -> None:
    world = hot()
    world.restart().kill_at = point
    try:
        execute(FINISH, world.ports())
    except KilledError:
        world.restart()
        # The process that held it is dead.
        world.lock = None
    run(world, FINISH, code=ExitCode.DONE)
    assert world.ran[:1] == ["0003-drop"], "not forgotten; a second time changes nothing, as the ledger knows"
    assert (world.on.blue, world.waited) == (None, {})


def test_a_version_that_no_longer_fits_the_schema_is_refused() -> None:
    world = hot()
    run(world, FINISH, code=ExitCode.DONE)
    refused = run(world, release("1.0.0"), code=ExitCode.REFUSED)
    assert "1.0.0 does not list 0003-drop, which 2.0.0 brought" in refused.reason


def test_a_hook_that_refuses_the_first_commit_changes_nothing() -> None:
    world = World(commit_error="no commits on Friday")
    ending = run(world, release(), code=ExitCode.REFUSED)
    assert "no commits on Friday" in ending.reason, "in one sentence"
    assert (world.log, world.history) == ([], ["100:0"]), "nothing was changed"


def test_a_hook_that_refuses_a_later_commit_holds_the_release() -> None:
    world = World()
    world.by = lambda now, _name: setattr(now, "commit_error", "no" if len(now.log) == 2 else None)
    ending = run(world, release(), code=ExitCode.HELD)
    assert "stands at 10 %" in ending.reason, "where it stands"
    assert told(world)[-1] == "held", "people are told"
    world.by = lambda _now, _name: None
    world.commit_error = None
    run(world, release(), code=ExitCode.DONE)
    assert world.history == ALL, "and it goes on from there"


def test_a_second_operator_is_refused_and_may_take_over() -> None:
    world = World(lock=holder())
    ending = run_refused(world, release())
    assert "Bo holds the release lock" in ending.reason, "by whom, since when"
    execute(release(take_over="Bo is away"), world.ports())
    assert world.history == ALL, "taken over"


def run_refused(world: World, request: Request) -> Refuse:
    ending = execute(request, world.ports())
    assert isinstance(ending, Refuse), "refused"
    return ending


def test_a_run_whose_lock_was_taken_over_stops() -> None:
    world = World()

    def take_over(now: World, name: str) -> None:
        if name == "read":
            now.lock = holder()

    world.by = take_over
    ending = execute(release(), world.ports())
    assert isinstance(ending, Freeze), "it does nothing more"
    assert steps(world) == ["start", "10"], "not even a rollback: that is for whoever took over"
    assert world.lock.owner == "Bo", "the other one's lock stays"


def test_a_rollback_whose_up_fails_is_tried_again() -> None:
    world = World(bad={"2.0.0"})

    def fail_once(now: World, name: str) -> None:
        if name == "commit: after" and now.log[-1].step == "rollback":
            now.up_errors = ["lb1: connection refused"]

    world.by = fail_once
    run(world, release(), code=ExitCode.ROLLED_BACK)
    assert world.history[-1] == "100:0", "the second try brought everybody back"


def test_a_rollback_that_cannot_be_applied_says_so() -> None:
    world = World(bad={"2.0.0"})

    def fail(now: World, _name: str) -> None:
        if now.log and now.log[-1].step == "rollback":
            now.up_errors = ["lb1: connection refused"]

    world.by = fail
    ending = run(world, release(), code=ExitCode.HELD)
    assert "lb1: connection refused" in ending.reason, "the truth: users are still there"
    world.by, world.up_errors = lambda _now, _name: None, []
    run(world, rollback(), code=ExitCode.DONE)
    assert (world.history[-1], steps(world)[-1]) == ("100:0", "off"), "the next run ends it"


def test_a_state_that_cannot_be_read_holds_the_release() -> None:
    world = World()

    class Lost(FakeEngine):
        def outputs(self):
            if len(self.world.log) == 2:
                raise ColorwayError("test: the state cannot be read")
            return super().outputs()

    ending = execute(release(), replace(world.ports(), engine=Lost(world)))
    assert isinstance(ending, Freeze), "nobody knows where it stands"
    assert "the state cannot be read" in ending.reason, "and why"
    run(world, release(), code=ExitCode.DONE)


def test_a_lost_load_balancer_stops_a_release_and_does_not_undo_it() -> None:
    world = World(balancers=("lb1", "lb2"))
    world.by = lambda now, _name: setattr(now, "lost", ("lb2",) if len(now.log) == 3 else ())
    ending = run(world, release(), code=ExitCode.HELD)
    assert "load balancer lb2 cannot be told what to serve, so nothing was applied" in ending.reason
    assert world.history == ["100:0", "90:10"], "users stay where they are"
    assert not world.fenced, "which only the way back does"
    world.by = lambda _now, _name: None
    world.lost = ()
    run(world, release(), code=ExitCode.DONE)
    assert world.history == ALL, "and it goes on"


def test_a_lost_load_balancer_does_not_block_the_way_back() -> None:
    world = World(balancers=("lb1", "lb2"))

    def somebody(now: World, name: str) -> None:
        """Lose a load balancer, and have the version fail its users, once it has half of them."""
        if name == "read" and now.history[-1] == "50:50":
            now.lost, now.bad = ("lb2",), {"2.0.0"}

    world.by = somebody
    ending = run(world, release(), code=ExitCode.ROLLED_BACK)
    assert world.history == ["100:0", "90:10", "50:50", "100:0"], "all who can be reached are back"
    assert world.fenced == ("lb2",)
    assert any("Load balancer lb2 is fenced." in line for line in world.messages[-1].body), "git says so"
    assert "load balancer lb2 is fenced and serves nobody" in ending.remarks[0]
    assert any("lb2 is fenced" in line for notice in world.notices for line in notice.lines), "people are told"


def test_a_rollback_without_a_load_balancer_has_an_exit_code_of_its_own_and_nothing_goes_forward() -> None:
    world = released(50)
    world.balancers, world.lost = ("lb1", "lb2"), ("lb2",)
    ending = run(world, rollback(), code=ExitCode.FENCED)
    assert shares(world.installed) == "100:0"
    assert "colorway up test lets it in again" in ending.remarks[0]
    refused = run(world, release(), code=ExitCode.REFUSED)
    assert refused.reason == "test: load balancer lb2 is fenced, because it could not be told to go back"
    world.fenced = world.lost = ()
    run(world, release(), code=ExitCode.DONE)


STEPS = {
    "the bake": ("read", 2),
    "the end of a bake": ("read", 4),
    "an up": ("up: before", 2),
    "the wait for a healthy color": ("health", 3),
    "the smoke test": ("ask", 1),
    "the commit of a share": ("commit: after", 2),
    "the last up": ("up: before", 4),
}
"""Moments of a release: the name of a call, and the how-manieth of that name."""


def silence(world: World, seconds: float, *, at: tuple[str, int], trouble=silent) -> None:
    """Let Docker say nothing for some seconds, from a moment on."""
    begun: list[datetime] = []

    def look(now: World, name: str) -> None:
        if name == at[0] and now.visited.count(name) + 1 == at[1] and not begun:
            begun.append(now.clock.now())
        is_silent = bool(begun) and now.clock.now() < begun[0] + timedelta(seconds=seconds)
        now.api.trouble = trouble() if is_silent else None

    world.by = look


@pytest.mark.parametrize("trouble", [silent, gone], ids=lambda made: made.__name__)
@pytest.mark.parametrize("moment", STEPS)
def test_thirty_seconds_without_docker_hold_a_release_and_it_goes_on(moment: str, trouble) -> None:
    world = World()
    silence(world, 30, at=STEPS[moment], trouble=trouble)
    run(world, release(), code=ExitCode.DONE)
    assert world.history == ALL, "no share was lost, none given twice"
    assert steps(world) == ["start", "10", "50", "100"], "git tells of nothing else"
    assert world.installed == world.committed, "exit code, git and what runs agree"
    assert set(told(world)) <= {"started", "stage", "held", "done"}, "nobody was told of a failure"


def test_a_silent_docker_is_told_while_the_release_waits() -> None:
    world, undisturbed = World(), World()
    run(undisturbed, release(), code=ExitCode.DONE)
    silence(world, 30, at=("read", 4))
    run(world, release(), code=ExitCode.DONE)
    assert told(world) == ["started", "stage", "held", "stage", "done"], "people may look"
    assert world.clock.now() - undisturbed.clock.now() > timedelta(seconds=20), "it waited"


def test_a_docker_that_stays_away_freezes_the_release_where_it_is() -> None:
    world = World()
    silence(world, 10_000, at=("read", 2))
    ending = run(world, release(), code=ExitCode.HELD)
    assert "stands at 10 %" in ending.reason, "where it is"
    assert "Docker does not answer" in ending.reason, "and why"
    assert steps(world) == ["start", "10"], "nobody was sent back without a verdict"
    world.by = lambda now, _name: setattr(now.api, "trouble", None)
    run(world, release(), code=ExitCode.DONE)
    assert world.history == ALL, "the next command goes on"


def test_a_way_back_that_meets_a_silent_docker_waits_for_it() -> None:
    world = World(bad={"2.0.0"})

    def look(now: World, name: str) -> None:
        if now.log and now.log[-1].step == "rollback" and name == "up: before" and not begun:
            begun.append(now.clock.now())
        is_silent = bool(begun) and now.clock.now() < begun[0] + timedelta(seconds=30)
        now.api.trouble = silent() if is_silent else None

    begun: list[datetime] = []
    world.by = look
    run(world, release(), code=ExitCode.ROLLED_BACK)
    assert world.history[-1] == "100:0", "everybody is back"
    assert begun, "Docker was silent on the way"


def test_nothing_is_begun_while_docker_does_not_answer() -> None:
    world = World()
    world.api.trouble = gone()
    with pytest.raises(NoAnswerError, match="connection refused"):
        execute(release(), world.ports())
    assert (world.log, world.lock) == ([], None), "and nothing was changed"


def test_somebody_elses_commit_meanwhile_is_applied_and_the_release_goes_on() -> None:
    world = World()

    def commit(now: World, name: str) -> None:
        if name == "read" and len(now.texts) == 3:
            now.texts.append(now.texts[-1])

    world.by = commit
    run(world, release(), code=ExitCode.DONE)
    assert world.history == ALL, "HEAD moved, and nothing was lost"


def test_a_dry_run_changes_nothing_and_shows_every_commit() -> None:
    world = World()
    situation, planned = plan(release(), world.ports())
    assert isinstance(planned[-1], Done), "to the end"
    assert (world.log, world.notices, world.lock) == ([], [], None), "nothing was done"
    assert situation.text == world.texts[0], "the diffs are made from this"


def test_stages_and_bake_times_can_be_given() -> None:
    world = World()
    run(world, release(stages=(25,), bake=timedelta(seconds=10)), code=ExitCode.DONE)
    assert world.history == ["100:0", "75:25", "0:100"], "the given stages"
