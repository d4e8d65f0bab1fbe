"""What a release does next, as tables: from git, outputs, live generations and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from colorway.release.plan.edit import TrafficEdit, VersionsEdit
from colorway.release.plan.plan import after, next_step, resolve, simulate
from colorway.release.plan.situation import Session, Situation
from colorway.release.plan.steps import (
    Apply,
    Bake,
    Commit,
    Done,
    ExitCode,
    Failure,
    Freeze,
    Purge,
    Refuse,
    RestoreFile,
    TakeLock,
    Undo,
    code_of,
)
from colorway.spec.traffic import Color
from tests.release.situations import (
    COMPATIBLE,
    FINISH,
    FIRST,
    RESUME,
    healthy,
    holder,
    installed,
    one_way,
    release,
    rollback,
    situation,
    trace,
)

FRESH = (
    "TakeLock, PullImages, tell started, commit start, Apply, AwaitHealthy, smoke, "
    "commit 10, Apply, Verify, AwaitHealthy, tell stage 10, Bake, "
    "commit 50, Apply, Verify, AwaitHealthy, tell stage 50, Bake, "
    "commit 100, Apply, Verify, AwaitHealthy, smoke as user, tell done, Done"
)
END = "commit 100, Apply, Verify, AwaitHealthy, smoke as user, tell done, Done"
FAILED = Failure(reason="web: 20 % of green's requests failed", evidence=("blue 0.1 %",))

STARTED = {"versions": "1.0.0/2.0.0", "log": ["2.0.0 start 5"]}
AT_10 = {"versions": "1.0.0/2.0.0", "shares": "90:10", "log": ["2.0.0 10 5", "2.0.0 start 6"]}
AT_50 = {"versions": "1.0.0/2.0.0", "shares": "50:50", "active": "blue", "log": ["2.0.0 50 5", "2.0.0 10 6"]}
AT_100 = {"versions": "1.0.0/2.0.0", "shares": "0:100", "log": ["2.0.0 100 5", "2.0.0 50 6"]}
OVER = {**AT_100, "log": ["2.0.0 100 61"]}
BACK = {"versions": "1.0.0/2.0.0", "log": ["2.0.0 rollback 1", "2.0.0 10 6"]}
OFF = {"versions": "1.0.0/-", "log": ["2.0.0 off 1", "2.0.0 rollback 2"]}
REVERTED = {"versions": "1.0.0/2.0.0", "shares": "0:100", "log": ["2.0.0 finish 1", "2.0.0 100 70"]}
FINISHED = {"versions": "-/2.0.0", "shares": "0:100", "log": ["2.0.0 finish 1", "2.0.0 100 90"]}


def locked(of: Situation, **more) -> Situation:
    return replace(of, session=Session(locked=True, **more))


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (situation(), FRESH),
        # The idle color runs another version, by hand: it is replaced.
        (situation("1.0.0/3.0.0"), FRESH),
        # It runs the requested one already, by hand: no commit can start it.
        (
            situation("1.0.0/2.0.0"),
            FRESH.replace("commit start, Apply, AwaitHealthy", "Apply, AwaitHealthy"),
        ),
        # Killed after the first commit, not applied, and applied.
        (situation(**STARTED, applied=("1.0.0/-", "100:0")), FRESH.replace("commit start, ", "")),
        (situation(**STARTED), FRESH.replace("commit start, ", "")),
        # Killed after 10 was committed: the color is tried again before it gets users.
        (
            situation(**AT_10, applied=("1.0.0/2.0.0", "100:0")),
            "TakeLock, AwaitHealthy, smoke, Apply, Verify, AwaitHealthy, tell stage 10, Bake, "
            "commit 50, Apply, Verify, AwaitHealthy, tell stage 50, Bake, " + END,
        ),
        # Killed while baking: it is baked again, whole.
        (
            situation(**AT_10),
            "TakeLock, Apply, Verify, AwaitHealthy, smoke, tell stage 10, Bake, "
            "commit 50, Apply, Verify, AwaitHealthy, tell stage 50, Bake, " + END,
        ),
        # Killed while `up` ran: one load balancer serves something else.
        (
            situation(**AT_50, stray=True),
            "TakeLock, Apply, Verify, AwaitHealthy, smoke, tell stage 50, Bake, " + END,
        ),
        (
            situation(**AT_50, applied=("1.0.0/2.0.0", "90:10")),
            "TakeLock, AwaitHealthy, smoke, Apply, Verify, AwaitHealthy, tell stage 50, Bake, " + END,
        ),
        # Killed around the last share.
        (
            situation(**AT_100, applied=("1.0.0/2.0.0", "50:50", "blue")),
            "TakeLock, AwaitHealthy, smoke, Apply, Verify, AwaitHealthy, smoke as user, tell done, Done",
        ),
        (situation(**AT_100), "TakeLock, Apply, Verify, AwaitHealthy, smoke as user, tell done, Done"),
        # Somebody reverted 50 by hand and applied it.
        (
            situation("1.0.0/2.0.0", "90:10", log=["2.0.0 50 5", "2.0.0 10 6"]),
            "TakeLock, Apply, Verify, AwaitHealthy, smoke, tell stage 10, Bake, "
            "commit 50, Apply, Verify, AwaitHealthy, tell stage 50, Bake, " + END,
        ),
        # An unfinished rollback is finished, never forgotten.
        (
            situation(**BACK, applied=("1.0.0/2.0.0", "90:10")),
            "TakeLock, Undo, Apply, tell failed, commit off, Apply, tell rolled back, Done",
        ),
        (situation(**BACK), "TakeLock, Undo, Apply, tell failed, commit off, Apply, tell rolled back, Done"),
        (
            situation(**OFF, applied=("1.0.0/2.0.0", "100:0")),
            "TakeLock, Undo, Apply, tell rolled back, Done",
        ),
        # After a whole rollback the same version can be released again.
        (situation(**OFF), FRESH),
    ],
)
def test_a_release_goes_on_from_wherever_it_stands(found: Situation, wanted: str) -> None:
    assert trace(simulate(found, release())) == wanted, "git, outputs and live generations are enough to know"


def test_a_finished_release_and_the_next_one() -> None:
    hot_is_over = {**AT_100, "log": ["2.0.0 100 61"]}
    steps = trace(simulate(situation(**hot_is_over), release("3.0.0")))
    assert steps.startswith("TakeLock, AwaitHealthy, commit finish, Apply, PullImages, tell started, commit start"), (
        "the old color goes off first, in its own commit"
    )
    killed = situation(**FINISHED, applied=("1.0.0/2.0.0", "0:100"))
    assert trace(simulate(killed, release("3.0.0"))).startswith("TakeLock, Apply, PullImages"), "killed after finish"


@pytest.mark.parametrize(
    ("found", "request_", "words", "cure"),
    [
        (situation(installed=None), release(), "nothing is installed", "colorway up test"),
        (situation(), release("2.1.0"), "did you mean 2.0.0?", "commit it"),
        (situation(known_versions=("a", "b")), release("2.0.0"), "known versions: a, b", "commit it"),
        (situation(problem="2.0.0.yaml:3: images.web: is not pinned"), release(), "not pinned", "correct"),
        (situation(), release("1.0.0"), "blue runs 1.0.0 already", "another version"),
        (situation(dirty=("platforms/demo.yaml",)), release(), "platforms/demo.yaml: differs from HEAD", "commit"),
        (situation(holder=holder()), release(), "Bo holds the release lock since 2026-05-04 11:53", "--take-over"),
        (situation(holder=holder()), rollback(), "process 4711 on laptop, for: release 2.0.0", "--take-over"),
        (situation(**STARTED), release("3.0.0"), "release of 2.0.0 is under way since", "rollback"),
        (situation(**AT_10), release("3.0.0"), "under way since 2026-05-04 11:55 UTC, at 10 %", "release 2.0.0"),
        (situation(**AT_100), release("3.0.0"), "for another 55m", "colorway rollback"),
        (situation(**{**AT_100, "log": ["2.0.0 100 61"]}), release(), "is released already", "colorway finish"),
        (situation(**FINISHED), release(), "green runs 2.0.0 already", "another"),
        (situation(applied=("3.0.0/-", "100:0")), release(), "than what is installed", "colorway up test"),
        (
            situation(text="config:\n  colorway:versions: {blue: 1, green: 2}\n  colorway:traffic:\n    blue: 100\n"),
            release(),
            "Pulumi.test.yaml",
            "in that form",
        ),
        (situation(health=healthy()), release(), "test-web-green runs, and HEAD has its color off", "colorway up test"),
        (situation(stray=True), release(), "lb1 serves generation other", "colorway up test"),
        (situation(live={"lb1": None}), release(), "lb1 serves generation unknown", "colorway up test"),
        (situation(**AT_10), FINISH, "under way", "rollback"),
        (situation(**AT_100), FINISH, "for another 55m", "wait"),
        (situation(), rollback(), "no release is under way", "status"),
        (situation("1.0.0/2.0.0"), rollback(), "no release is under way", "status"),
        (situation(**FINISHED), rollback(), "1.0.0 is off since", "colorway release 1.0.0"),
        (one_way(situation(**REVERTED)), rollback(), "0003-drop, which is not backward", "--accept-schema REASON"),
        (one_way(situation(**FINISHED)), release("3.0.0"), "3.0.0 does not list 0003-drop", "list it in 3.0.0's"),
        (one_way(situation(**AT_100)), release("3.0.0"), "3.0.0 does not list 0003-drop", "list it in 3.0.0's"),
        (
            one_way(situation(**FINISHED, waited={"0003-drop": "2.0.0"})),
            rollback(),
            "0003-drop has not run yet",
            "colorway finish",
        ),
        (situation(**AT_100, health=healthy(Color.BLUE, running=0)), rollback(), "no task of test-web-blue", "up"),
        (situation(), RESUME, "no release is under way", "colorway release VERSION"),
    ],
)
def test_refused_with_reason_and_cure(found: Situation, request_, words: str, cure: str) -> None:
    [ending] = simulate(found, request_)
    assert isinstance(ending, Refuse), "nothing was changed, not even the lock was taken"
    assert words in ending.reason, "the sentence says what is wrong"
    assert cure in ending.cure, "and what helps"
    assert code_of(ending) == ExitCode.REFUSED, "exit code 1"


def test_a_lock_is_taken_over_with_a_reason() -> None:
    step = next_step(situation(holder=holder()), release(take_over="Bo is on a train"))
    assert step == TakeLock(reason="release 2.0.0", take_over="Bo is on a train"), "with the reason in it"
    step = next_step(situation(), release(take_over="Bo is on a train"))
    assert step == TakeLock(reason="release 2.0.0", take_over=None), "nobody to take it from"


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (situation(**STARTED), "TakeLock, commit off, Apply, tell rolled back, Done"),
        (situation(**STARTED, applied=("1.0.0/-", "100:0")), "TakeLock, commit off, Apply, tell rolled back, Done"),
        (situation(**AT_10), "TakeLock, commit rollback, Apply, commit off, Apply, tell rolled back, Done"),
        (
            situation(**AT_10, applied=("1.0.0/2.0.0", "100:0")),
            "TakeLock, commit rollback, Apply, commit off, Apply, tell rolled back, Done",
        ),
        (situation(**AT_50), "TakeLock, commit rollback, Apply, commit off, Apply, tell rolled back, Done"),
        (situation(**AT_50, stray=True), "TakeLock, commit rollback, Apply, commit off, Apply, tell rolled back, Done"),
        (situation(**AT_100), "TakeLock, commit rollback, Apply, commit off, Apply, tell rolled back, Done"),
        # Reverted to 0 by hand, not applied: users are there until it is.
        (
            situation(**{**STARTED, "log": ["2.0.0 10 5"]}, applied=("1.0.0/2.0.0", "90:10")),
            "TakeLock, Apply, commit off, Apply, tell rolled back, Done",
        ),
        (situation(**BACK), "TakeLock, Apply, commit off, Apply, tell rolled back, Done"),
        (situation(**OFF, applied=("1.0.0/2.0.0", "100:0")), "TakeLock, Apply, tell rolled back, Done"),
        (
            one_way(situation(**STARTED)),
            "TakeLock, commit off, Apply, tell rolled back, Done",
        ),
    ],
)
def test_a_rollback_goes_on_from_wherever_the_release_stands(found: Situation, wanted: str) -> None:
    steps = simulate(found, rollback())
    assert trace(steps) == wanted, "traffic first, then the version"
    assert code_of(steps[-1]) == ExitCode.DONE, "what was asked for is done"


def test_a_rollback_after_100_makes_the_old_color_active_again() -> None:
    first = next(step for step in simulate(situation(**AT_100), rollback()) if isinstance(step, Commit))
    assert first.edit == TrafficEdit(installed("1.0.0/2.0.0", "100:0").traffic), "all traffic and the workers"
    assert "Why: Ana asked for it" in first.message.body, "git says who and why"


@pytest.mark.parametrize("place", [AT_10, AT_50, AT_100])
def test_a_failed_release_is_undone_with_its_evidence(place: dict) -> None:
    steps = simulate(locked(situation(**place), failure=FAILED), release())
    assert trace(steps) == ("commit rollback, Apply, tell failed, commit off, Apply, tell rolled back, Done"), (
        "traffic goes back before anybody is told"
    )
    back = steps[0]
    assert isinstance(back, Commit), "a commit"
    assert f"Why: {FAILED.reason}" in back.message.body, "the reason is in git"
    assert "  blue 0.1 %" in back.message.body, "with both colors' values"
    assert steps[1] == Apply(continue_on_error=True), "a sick color must not stop the way back"
    assert code_of(steps[-1]) == ExitCode.ROLLED_BACK, "never shown as a success"


def test_a_release_that_fails_before_it_has_users_is_only_turned_off() -> None:
    steps = simulate(locked(situation(**STARTED), failure=FAILED), release())
    assert trace(steps) == "tell failed, commit off, Apply, tell rolled back, Done", "traffic never moved"
    assert code_of(steps[-1]) == ExitCode.ROLLED_BACK, "the release failed"
    assert "  blue 0.1 %" in steps[1].message.body, "the evidence is in the only commit there is"


@pytest.mark.parametrize("place", [AT_10, AT_50, AT_100])
def test_a_migration_that_waits_is_in_nobodys_way_back(place: dict) -> None:
    steps = simulate(locked(one_way(situation(**place)), failure=FAILED), release())
    assert trace(steps).startswith("commit rollback, Apply"), "it has not run"
    assert not any("0003-drop" in line for step in steps if isinstance(step, Commit) for line in step.message.body)


def test_after_a_reverted_finish_no_rollback_is_silent() -> None:
    steps = simulate(locked(one_way(situation(**REVERTED)), failure=FAILED), release())
    assert trace(steps) == "tell held, Freeze", "no commit"
    assert code_of(steps[-1]) == ExitCode.HELD, "exit code 4"
    assert "0003-drop" in steps[-1].reason, "names the migration"
    assert "--accept-schema" in steps[-1].cure, "and the way out"


def test_an_accepted_one_way_migration_is_in_the_commit() -> None:
    steps = simulate(one_way(situation(**REVERTED)), rollback(accept_schema="1.0.0 ignores that table"))
    assert "1.0.0 ignores that table" in steps[1].message.body[0], "the reason is in git"
    assert any("Not undone: migrations 0003-drop" in line for line in steps[1].message.body), "what is not undone"


def test_a_release_with_new_migrations_makes_a_backup_first() -> None:
    found = situation(migrations={"1.0.0": (FIRST,), "2.0.0": (FIRST, COMPATIBLE)}, has_backups=True)
    assert trace(simulate(found, release())).startswith("TakeLock, PullImages, BackUp, tell started, commit start")
    started = next(step for step in simulate(found, release()) if isinstance(step, Commit))
    assert "Migrations: 0002-more." in started.message.body, "the commit says what happens to the schema"


@pytest.mark.parametrize(
    ("found", "request_", "wanted"),
    [
        # It waits: the release itself changes no schema that anybody would have to bring back.
        (situation(has_backups=True), release(), "TakeLock, PullImages, tell started, commit start"),
        (
            situation(**OVER, has_backups=True),
            FINISH,
            "TakeLock, AwaitHealthy, BackUp, commit finish, Apply, tell done",
        ),
        (situation(**OVER), FINISH, "TakeLock, AwaitHealthy, commit finish, Apply, tell done"),
        # Killed after the commit, or the migration failed: it is due, and asked about again.
        (
            situation(**FINISHED, has_backups=True, waited={"0003-drop": "2.0.0"}),
            FINISH,
            "TakeLock, BackUp, Apply, tell done, Done",
        ),
        (
            situation(**FINISHED, has_backups=True, waited={"0003-drop": "2.0.0"}),
            RESUME,
            "TakeLock, BackUp, Apply, tell done, Done",
        ),
        # What waited was undone with its version.
        (situation(waited={"0003-drop": "2.0.0"}), release(), "TakeLock, PullImages"),
    ],
)
def test_a_migration_that_is_not_backward_compatible_runs_by_finish(found: Situation, request_, wanted: str) -> None:
    assert trace(simulate(one_way(found), request_)).startswith(wanted)


@pytest.mark.parametrize(
    ("found", "request_", "wanted"),
    [
        (situation(), release(stages=()), "Verify, AwaitHealthy, smoke as user, Purge, tell done, Done"),
        (situation(**AT_100), release(), "smoke as user, Purge, tell done, Done"),
        # `up` does it: the color goes off, and its last answers with it.
        (situation(**AT_50), rollback(), "commit off, Apply, tell rolled back, Done"),
        (situation(**OVER), FINISH, "commit finish, Apply, tell done, Done"),
    ],
    ids=["release", "killed before it", "rollback", "finish"],
)
def test_what_old_workers_answered_is_purged_after_their_drain(found: Situation, request_, wanted: str) -> None:
    steps = simulate(replace(found, drain=timedelta(seconds=86)), request_)
    assert trace(steps).endswith(wanted)
    assert "Purge" not in trace(simulate(found, request_)), "without a CDN there is nothing to purge"
    for step in steps:
        if isinstance(step, Purge):
            assert step.tag == "test-blue-1.0.0", "the version that left, and no other"


def test_stages_and_bake_can_be_given() -> None:
    steps = simulate(situation(), release(stages=(1, 25), bake=timedelta(seconds=30)))
    assert [step.message.trailers.step for step in steps if isinstance(step, Commit)] == ["start", "1", "25", "100"]
    assert {step.time for step in steps if isinstance(step, Bake)} == {timedelta(seconds=30)}, "each stage"
    steps = simulate(situation(), release(stages=()))
    assert [step.message.trailers.step for step in steps if isinstance(step, Commit)] == ["start", "100"], "at once"


def test_each_commit_changes_one_line_and_says_the_way_back() -> None:
    found = situation()
    steps = list(simulate(found, release()))
    for step in steps:
        if isinstance(step, Commit):
            now = step.edit.of(found.text, name="x")
            differing = sum(a != b for a, b in zip(found.text.splitlines(), now.splitlines(), strict=True))
            assert differing == 1, f"{step.message.subject}: one line"
            assert any("colorway rollback --stack test" in line for line in step.message.body), "the way all back"
            assert step.message.subject[0].isupper(), "imperative subject"
            assert len(step.message.subject) <= 72, "git's customary width"
        if not isinstance(step, Done):
            found = after(found, step)


# What a killed run left uncommitted.


ON = VersionsEdit(installed("1.0.0/2.0.0", "100:0").versions)


def leftover_traffic(shares: str, active: str | None = None) -> TrafficEdit:
    return TrafficEdit(installed("1.0.0/2.0.0", shares, active).traffic)


@pytest.mark.parametrize(
    ("found", "request_", "wanted"),
    [
        (situation(leftover=ON), release(), "RestoreFile, PullImages"),
        (situation(**AT_10, leftover=leftover_traffic("50:50", "blue")), release(), "RestoreFile, Apply, Verify"),
        (situation(**AT_10, leftover=leftover_traffic("100:0")), release(), "Undo, RestoreFile, commit rollback"),
        (situation(**AT_10, leftover=leftover_traffic("50:50", "blue")), rollback(), "RestoreFile, commit rollback"),
        (
            situation(**BACK, leftover=VersionsEdit(installed("1.0.0/-", "100:0").versions)),
            release(),
            "Undo, RestoreFile, Apply, tell failed, commit off",
        ),
        (situation(leftover=ON), rollback(), "RestoreFile, Done"),
    ],
)
def test_a_leftover_edit_is_undone_and_done_again(found: Situation, request_, wanted: str) -> None:
    steps = simulate(found, request_)
    assert trace(steps).startswith(f"TakeLock, {wanted}"), "never committed unseen"


def test_an_edit_that_no_release_makes_is_somebodys_work() -> None:
    mine = VersionsEdit(installed("3.0.0/-", "100:0").versions)
    [ending] = simulate(situation(leftover=mine), release())
    assert isinstance(ending, Refuse), "the serving color's version is not ours to change, nor to restore"
    assert not any(isinstance(step, RestoreFile) for step in simulate(situation(leftover=mine), rollback()))


# When the way back, git or the lock fails.


def test_a_rollback_that_cannot_be_applied_is_tried_again_then_frozen() -> None:
    stray = situation(**BACK, stray=True)
    once = locked(stray, failure=FAILED, apply_failures=("lb1 is gone",))
    assert next_step(once, release()) == Apply(continue_on_error=True), "once more"
    steps = simulate(locked(stray, failure=FAILED, apply_failures=("x", "lb1 is gone")), release())
    assert trace(steps) == "tell held, Freeze", "a person has to look"
    assert "lb1 is gone" in steps[-1].reason, "with the reason"
    assert "committed" in steps[-1].reason, "git says the truth about what is wanted"


def test_a_sick_color_does_not_keep_a_rollback_from_ending() -> None:
    found = locked(situation(**BACK), failure=FAILED, apply_failures=("test-web-green: 0 of 2 tasks run",))
    assert trace(simulate(found, release())).startswith("tell failed, commit off"), "every load balancer is back"
    behind = replace(found, installed=installed("1.0.0/2.0.0", "90:10"))
    ending = simulate(behind, release())[-1]
    assert isinstance(ending, Done), "traffic is back"
    assert ending.code == ExitCode.ROLLED_BACK, "and the release is undone"
    assert "green (2.0.0) is still on" in ending.remarks[0], "what is not undone is said"


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        (situation(), ExitCode.REFUSED, "hook said no"),
        (situation(**AT_10), ExitCode.HELD, "stands at 10 %"),
        (situation(**STARTED), ExitCode.HELD, "stands at 0 %"),
        (situation(**BACK), ExitCode.HELD, "only partly undone"),
    ],
)
def test_what_is_not_the_colors_fault_stops_the_release_where_it_is(found: Situation, code: int, words: str) -> None:
    ending = simulate(locked(found, stopped="hook said no"), release())[-1]
    assert code_of(ending) == code, "exit code and state agree"
    assert words in ending.reason, "the sentence says where it stands"


def test_files_that_change_meanwhile_stop_the_way_forward_and_not_the_way_back() -> None:
    touched = {**AT_10, "dirty": ("platforms/demo.yaml",)}
    busy = locked(situation(**touched), commits=1)
    busy = replace(busy, session=busy.session.after(Apply(), head="head"))
    assert isinstance(simulate(busy, release())[-1], Freeze), "what runs must be what is committed"
    failing = replace(busy, session=replace(busy.session, failure=FAILED))
    assert trace(simulate(failing, release())).startswith("commit rollback, Apply"), "users come first"


# finish and resume


def test_finish_turns_the_old_color_off_and_can_be_repeated() -> None:
    over = {**AT_100, "log": ["2.0.0 100 61"]}
    assert trace(simulate(situation(**over), FINISH)) == "TakeLock, AwaitHealthy, commit finish, Apply, tell done, Done"
    commit = next(step for step in simulate(situation(**over), FINISH) if isinstance(step, Commit))
    assert commit.edit == VersionsEdit(installed("-/2.0.0", "0:100").versions), "blue goes off"
    killed = situation(**FINISHED, applied=("1.0.0/2.0.0", "0:100"))
    assert trace(simulate(killed, FINISH)) == "TakeLock, Apply, tell done, Done", "killed before it was applied"
    assert trace(simulate(situation(**FINISHED), FINISH)) == "Done", "nothing to do, and no error"


def test_a_reverted_finish_can_be_rolled_back_again() -> None:
    found = situation("1.0.0/2.0.0", "0:100", log=["2.0.0 finish 1", "2.0.0 100 70"])
    assert trace(simulate(found, rollback())).startswith("TakeLock, commit rollback"), "the old color is hot again"


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (situation(**STARTED), "TakeLock, PullImages"),
        (situation(**AT_10), "TakeLock, Apply, Verify"),
        (situation(**BACK), "TakeLock, Undo, Apply"),
        (situation(**OFF, applied=("1.0.0/2.0.0", "100:0")), "TakeLock, Undo, Apply, tell rolled back, Done"),
        (situation(**FINISHED, applied=("1.0.0/2.0.0", "0:100")), "TakeLock, Apply, tell done, Done"),
    ],
)
def test_resume_continues_whatever_is_under_way(found: Situation, wanted: str) -> None:
    assert not isinstance(resolve(found, RESUME), Refuse), "there is something"
    assert trace(simulate(found, RESUME)).startswith(wanted), "without naming a version"


def test_an_interrupted_rollback_says_so_first() -> None:
    steps = simulate(situation(**BACK), release("3.0.0"))
    undo = next(step for step in steps if isinstance(step, Undo))
    assert "was interrupted" in undo.why.reason, "also when another version is asked for"
    assert code_of(steps[-1]) == ExitCode.ROLLED_BACK, "the other version is not released in the same run"
