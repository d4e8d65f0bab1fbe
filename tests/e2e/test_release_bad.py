"""Bad releases stop by themselves and undo themselves, each with the right reason."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from colorway.release.plan.steps import ExitCode
from colorway.spec.traffic import Color
from tests.support.command import Command
from tests.support.load import Kind, Load, Report
from tests.support.releasing import BROKEN_MIGRATION, PLAN, Releasing

pytestmark = pytest.mark.area("release")

UP = 300
"""Seconds that a step with an `up` may take on a busy machine before the test gives up."""
END = 1200
"""Seconds that a bad release may take from its first commit to its last."""
SHORT = replace(PLAN, download_seconds=None)
"""Without the long download: a response whose beginning was sent cannot be asked for again at another task."""
WHOLE_WAY = 60.0
"""Seconds from the first failing request to the last answer of the bad color, with the default policy: the aim."""
WAY_BACK = 10.0
"""Seconds of that from the verdict on: the aim."""
SLACK = 3
"""How many times the aims a run on a shared machine may take; what it took is printed."""


def failed_gets(report: Report) -> list[str]:
    return [repr(one) for one in report.failures if one.kind is not Kind.POST]


def undone(releasing: Releasing, run: Command, *, since: str) -> str:
    """Wait until a bad release has undone itself, and check what is left."""
    output = run.end(code=ExitCode.ROLLED_BACK, limit=END)
    releasing.check_commits(since)
    seen = releasing.status()
    assert seen["healthy"], f"nothing is left over: {seen['problems']}"
    assert seen["release"]["phase"] == "quiet", "the release is over"
    active = releasing.active
    assert seen["installed"]["versions"][active.other.value] is None, "the bad version is off"
    assert {row["color"] for row in seen["services"]} == {active.value, None}, "and gone"
    return output


def verdict(output: str, *, at: int) -> str:
    """Return why a release failed at a share; empty if it did not fail there."""
    found = re.search(rf"^failed: at {at} %: (.*)$", output, re.MULTILINE)
    return found[1] if found else ""


def release(releasing: Releasing, version: str, *more: str) -> Command:
    return releasing.start("release", version, "--yes", *more)


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_never_healthy_gets_no_user(releasing: Releasing):
    since, rising = releasing.head(), releasing.active.other
    with Load(target=releasing.demo.target, plan=PLAN) as load:
        output = undone(releasing, release(releasing, "3.0.1"), since=since)
        report = load.stop(finish_download=False)
    assert report.problems(least_rate=1) == [], "users never met it"
    assert f"{releasing.demo.stack}-web-{rising}: task complete: ended although it should run" in output, (
        "which service"
    )
    assert "health check: " in output, "and what its health check said last"
    assert len(releasing.subjects(since)) == 2, "started, and turned off; no share of traffic in between"


@pytest.mark.timeout(2400)
def test_one_answer_in_five_fails_and_traffic_is_back_in_time(releasing: Releasing):
    since, rising = releasing.head(), releasing.active.other
    with Load(target=releasing.demo.target, plan=PLAN) as load:
        run = release(releasing, "3.0.2")
        run.wait_for(f"watching {rising} at 10 %", limit=UP)
        output = undone(releasing, run, since=since)
        load.mark("after")
        load.wait_for(lambda report: len(list(report.rows("after"))) >= 500, timeout=300)
        report = load.stop(finish_download=False)
    # On a busy machine windows come late, and all of them together tell it first.
    rule = r"two failed windows in a row|the last \d+s failed, even without the worst moments"
    reason = rf"^({rule}): (web|api|all services): \d+\.\d % "
    assert re.search(reason, verdict(output, at=10)), "the verdict's reason"
    assert [one for one in report.failures if one.mark == "after"] == [], "users are on the good version again"
    begun = report.snapshot.started + min(one.at for one in report.failures)
    judged, ended = run.when("^failed: at 10 %"), last_answer(report, rising)
    print(
        f"20 % errors, default policy; aims: {WHOLE_WAY:g} s in all, {WAY_BACK:g} s of it from the verdict on\n"
        f"first failure to verdict {judged - begun:.1f} s, "
        f"to the commit {run.when('^committed', after=judged) - judged:.1f} s more, "
        f"verdict to the last bad answer {ended - judged:.1f} s, in all {ended - begun:.1f} s"
    )
    assert ended - begun <= SLACK * WHOLE_WAY, "from the first bad request to the old color at 100 %"
    assert ended - judged <= SLACK * WAY_BACK, "from the verdict to the old color at 100 %"


def last_answer(report: Report, color: Color) -> float:
    """Return when the last request on a new connection began that a color answered."""
    stages = [mark for mark in report.marks if report.old_color_until(color.value, mark.label)]
    return max(mark.at + report.old_color_until(color.value, mark.label) for mark in stages)


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_errors_of_one_service_are_that_services(releasing: Releasing):
    since = releasing.head()
    with Load(target=releasing.demo.target, plan=PLAN):
        output = undone(releasing, release(releasing, "3.0.3"), since=since)
    assert re.search(r"^two failed windows in a row: (web|all services): \d+\.\d % ", verdict(output, at=10)), (
        "which service"
    )
    message = releasing.clone.git("log", "--grep", "Colorway-Step: rollback", "-1", "--format=%B")
    assert re.search(r"^  web: .*[1-9][\d.]* % failed", message, re.MULTILINE), "the commit has the evidence"
    assert re.search(r"^  api: \w+ [\d,]+ requests, 0.0 % failed", message, re.MULTILINE), "and who was well"


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_ten_times_slower_is_bad_without_an_error(releasing: Releasing):
    since, rising = releasing.head(), releasing.active.other
    with Load(target=releasing.demo.target, plan=PLAN) as load:
        output = undone(releasing, release(releasing, "3.0.4"), since=since)
        report = load.stop(finish_download=False)
    assert report.problems(least_rate=1) == [], "slow is not lost"
    reason = rf"(web|api): p95 on {rising} is .*, limit "
    assert re.search(reason, verdict(output, at=10)), "not only figures, which every line has"


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_a_crash_at_ten_percent_loses_no_get(releasing: Releasing):
    since = releasing.head()
    with Load(target=releasing.demo.target, plan=SHORT) as load:
        run = release(releasing, "3.0.5")
        output = undone(releasing, run, since=since)
        report = load.stop(finish_download=False)
    assert failed_gets(report) == [], "nginx asks another task, or the other color"
    assert verdict(output, at=10), "it was noticed at the first share"


@contextmanager
def killing(releasing: Releasing, color: Color) -> Iterator[None]:
    """Kill a color's web containers again and again."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.5):
            for container in releasing.containers("web", color):
                subprocess.run(["docker", "kill", container], capture_output=True, check=False)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_a_crash_at_fifty_percent_loses_no_get(releasing: Releasing):
    since, rising = releasing.head(), releasing.active.other
    with Load(target=releasing.demo.target, plan=SHORT) as load:
        run = release(releasing, releasing.other_version, "--stages", "50")
        run.wait_for(f"watching {rising} at 50 %", limit=UP)
        with killing(releasing, rising):
            run.wait_for("^failed: at 50 %: ", limit=END)
        output = undone(releasing, run, since=since)
        report = load.stop(finish_download=False)
    assert failed_gets(report) == [], "nginx asks the other color"
    assert verdict(output, at=50), "where it was"


@pytest.mark.full
@pytest.mark.needs("nsenter", "iptables")
@pytest.mark.timeout(2400)
def test_a_dead_color_is_seen_although_the_other_one_answers_for_it(releasing: Releasing):
    since, rising = releasing.head(), releasing.active.other
    with Load(target=releasing.demo.target, plan=SHORT) as load:
        run = release(releasing, releasing.other_version)
        run.wait_for(f"watching {rising} at 10 %", limit=UP)
        for service in ("web", "api"):
            releasing.deafen(service, rising)
        output = undone(releasing, run, since=since)
        report = load.stop(finish_download=False)
    assert failed_gets(report) == [], "users saw nothing of it"
    failed = rf"(web|api|all services): \d+\.\d % of [\d,]+ requests on {rising} failed"
    assert re.search(failed, verdict(output, at=10)), "the verdict counts who should have answered"


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_a_smoke_test_that_fails_keeps_users_away(releasing: Releasing):
    since = releasing.head()
    with Load(target=releasing.demo.target, plan=PLAN) as load:
        output = undone(releasing, release(releasing, "3.0.6"), since=since)
        report = load.stop(finish_download=False)
    assert report.problems(least_rate=1) == [], "users never met it"
    assert "smoke test of" in output, "what failed"
    assert "answered another version than 3.0.6" in output, "and how"
    assert len(releasing.subjects(since)) == 2, "started, and turned off"


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_a_migration_that_fails_half_way_leaves_nothing(releasing: Releasing):
    since = releasing.head()
    with Load(target=releasing.demo.target, plan=PLAN) as load:
        output = undone(releasing, release(releasing, BROKEN_MIGRATION), since=since)
        report = load.stop(finish_download=False)
    assert report.problems(least_rate=1) == [], "users never noticed"
    assert "migration 9001-fails-in-its-second-statement: failed and undone" in output, "which, and what became of it"
    assert releasing.demo.query("SELECT to_regclass('half_made') IS NULL") == [["t"]], "its first statement is undone"
    ledger = releasing.demo.query("SELECT id FROM colorway_migrations")
    assert ledger == [["0001-initial"]], "and it counts as not applied"
