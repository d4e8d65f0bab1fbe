"""What the loop of a cron does, with a clock that the test moves: no test waits for a minute."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from colorway.render.templates import entry
from colorway.spec.task.schedule import parse_schedule
from tests.support.wait import wait_until

NOON = datetime(2026, 11, 27, 12, 0, 20, tzinfo=UTC)
"""A Friday."""
PROGRAMS = {
    "date": 'cat "$FOLDER/clock"',
    # A sleep is over when the clock has moved on; past the end of the test's time it lasts for ever.
    "sleep": """
now=$(cat "$FOLDER/clock")
if [ $((now + $1)) -gt "$(cat "$FOLDER/end")" ]; then touch "$FOLDER/asleep"; exec "$REAL_SLEEP" 60; fi
echo $((now + $1)) >"$FOLDER/clock.new" && mv "$FOLDER/clock.new" "$FOLDER/clock" """,
    "job": """
echo "$COLORWAY_SCHEDULED $*" >>"$FOLDER/jobs"
[ -z "${LASTS:-}" ] || { now=$(cat "$FOLDER/clock"); echo $((now + LASTS)) >"$FOLDER/clock"; }
[ -z "${WAITS:-}" ] || while [ ! -e "$FOLDER/go" ]; do "$REAL_SLEEP" 0.02; done
echo "output of $COLORWAY_SCHEDULED"
exit "${ENDS_WITH:-0}" """,
}
"""The clock, which only a sleep or a job moves, and a job."""


@dataclass(kw_only=True)
class Host:
    """A directory for a cron's memory, a clock, and tasks that run the real script."""

    folder: Path
    tasks: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def memory(self) -> Path:
        return self.folder / "memory"

    @property
    def settled(self) -> Path:
        return self.memory / "settled"

    @property
    def started(self) -> list[str]:
        """The times whose jobs began, with what the job was given."""
        file = self.folder / "jobs"
        return file.read_text().splitlines() if file.exists() else []

    def set(self, name: str, moment: datetime) -> None:
        (self.folder / name).write_text(f"{int(moment.timestamp())}\n")

    def remembers(self, moment: datetime) -> None:
        self.settled.write_text(f"{int(moment.timestamp()) // 60}\n")

    def begin(
        self, schedule: str, *, at: datetime, lasting: timedelta = timedelta(), command: str = "job", **more: object
    ) -> subprocess.Popen[str]:
        """Start a task of the cron; its clock stands still after `lasting`."""
        self.set("clock", at)
        self.set("end", at + lasting)
        (self.folder / "asleep").unlink(missing_ok=True)
        times = parse_schedule(schedule)
        fields = (times.minutes, times.hours, times.days, times.months, times.weekdays)
        values = [" ".join(map(str, one)) for one in fields]
        task = subprocess.Popen(
            ["/bin/sh", "-c", entry("cron"), "sh", *values, "yes" if times.either else "no", command, "a b", "c"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "FOLDER": str(self.folder),
                "COLORWAY_CRON_MEMORY": str(self.memory),
                **{key: str(value) for key, value in more.items()},
            },
        )
        self.tasks.append(task)
        return task

    def run(
        self, schedule: str, *, at: datetime, lasting: timedelta = timedelta(), command: str = "job", **more: object
    ) -> str:
        """Run a task until its clock stands still, stop it, and return what it printed."""
        task = self.begin(schedule, at=at, lasting=lasting, command=command, **more)
        wait_until((self.folder / "asleep").exists, limit=90, what="it rests until a time that the test leaves out")
        return stopped(task)


def stopped(task: subprocess.Popen[str]) -> str:
    task.terminate()
    output, _ = task.communicate(timeout=20)
    assert task.returncode == 0, f"a stopped cron has not failed: {output}"
    return output


def minutes(*times: str) -> list[str]:
    return [f"2026-11-27T{time}Z a b c" for time in times]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "memory").mkdir()
    real = subprocess.run(["/bin/sh", "-c", "command -v sleep"], capture_output=True, text=True, check=True).stdout
    for name, body in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\nREAL_SLEEP={real.strip()}\n{body}\n")
        program.chmod(0o755)
    made = Host(folder=tmp_path)
    yield made
    for task in made.tasks:
        task.kill()
        task.wait()


def test_a_job_runs_at_each_time_of_its_schedule_with_its_words_and_says_its_output(host):
    output = host.run("*/5 * * * *", at=NOON, lasting=timedelta(minutes=16))
    assert host.started == minutes("12:05", "12:10", "12:15")
    assert output == "".join(f"output of 2026-11-27T12:{minute}Z\n" for minute in ("05", "10", "15"))


@pytest.mark.parametrize(
    ("schedule", "begins", "lasting", "expected"),
    [
        ("0 13 * * *", NOON + timedelta(minutes=57), timedelta(minutes=3), "2026-11-27T13:00Z"),
        ("0 0 1 12 *", datetime(2026, 11, 30, 23, 58, tzinfo=UTC), timedelta(minutes=3), "2026-12-01T00:00Z"),
        ("0 0 29 2 *", datetime(2028, 2, 28, 23, 59, tzinfo=UTC), timedelta(minutes=3), "2028-02-29T00:00Z"),
        ("0 0 1 1 *", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), timedelta(minutes=3), "2027-01-01T00:00Z"),
        ("1 12 * * 5", NOON, timedelta(minutes=3), "2026-11-27T12:01Z"),
        ("1 12 13 * 5", NOON, timedelta(minutes=3), "2026-11-27T12:01Z"),
        ("1 12 27 * 1", NOON, timedelta(minutes=3), "2026-11-27T12:01Z"),
        ("1 12 * * 0-4", NOON, timedelta(minutes=3), None),
        ("1 12 */2 * 1", NOON, timedelta(minutes=3), None),
        ("1 12 13 * 1", NOON, timedelta(minutes=3), None),
        ("1 12 * 10 *", NOON, timedelta(minutes=3), None),
    ],
)
def test_a_time_is_one_of_the_schedule_as_cron_has_it(host, schedule, begins, lasting, expected):
    host.run(schedule, at=begins, lasting=lasting)
    assert host.started == ([f"{expected} a b c"] if expected else [])


@pytest.mark.parametrize("days", [1, 59, 60, 365, 11_017, 20_514, 36_583])
def test_the_calendar_of_the_script_is_pythons(host, days):
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days, minutes=754)
    schedule = f"{day.minute} {day.hour} {day.day} {day.month} *"
    host.run(schedule, at=day - timedelta(minutes=2), lasting=timedelta(minutes=4))
    assert host.started == [f"{day:%Y-%m-%dT%H:%MZ} a b c"]


def test_without_a_memory_times_count_from_now_on(host):
    assert host.run("* * * * *", at=NOON) == ""
    assert host.started == [], "12:00 may have been run by whoever ran it before"
    assert host.settled.read_text() == f"{int(NOON.timestamp()) // 60}\n", "and what passes from now on is not lost"


def test_times_that_passed_while_nothing_ran_are_made_up_once(host):
    host.remembers(NOON - timedelta(minutes=20))
    output = host.run("*/5 * * * *", at=NOON + timedelta(minutes=2))
    assert host.started == minutes("12:00"), "the latest one, once"
    assert "cron: the job of 2026-11-27T12:00Z is made up, 2 min late\n" in output
    host.run("*/5 * * * *", at=NOON + timedelta(minutes=3))
    assert host.started == minutes("12:00"), "the next task does not double it"


@pytest.mark.parametrize(("hours", "made_up"), [(23, True), (25, False)])
def test_times_are_made_up_for_a_day(host, hours, made_up):
    host.remembers(NOON - timedelta(days=40))
    missed = NOON - timedelta(hours=hours)
    host.run(f"{missed.minute} {missed.hour} {missed.day} * *", at=NOON)
    assert host.started == ([f"{missed:%Y-%m-%dT%H:%MZ} a b c"] if made_up else [])


@pytest.mark.parametrize(
    ("content", "says"),
    [("", ""), ("yesterday\n", "cannot be read; times count"), ("99999999999\n", "is more than a day ahead of the")],
)
def test_a_memory_that_says_nothing_counts_from_now_on(host, content, says):
    host.settled.write_text(content)
    output = host.run("* * * * *", at=NOON, lasting=timedelta(seconds=60))
    assert says in output
    assert host.started == minutes("12:01"), "a cron that is silent for ever would be missed by nobody"


def test_a_clock_that_goes_back_doubles_nothing(host):
    host.remembers(NOON + timedelta(minutes=2))
    host.run("* * * * *", at=NOON, lasting=timedelta(minutes=3))
    assert host.started == minutes("12:03")


def test_a_time_that_comes_while_a_job_runs_is_left_out(host):
    output = host.run("* * * * *", at=NOON, lasting=timedelta(minutes=5), LASTS=130)
    assert host.started == minutes("12:01", "12:04"), "12:02 and 12:03 came meanwhile"
    assert "12:01Z ended after 2026-11-27T12:03Z had come; what came meanwhile is left out" in output
    host.run("* * * * *", at=NOON + timedelta(minutes=6))
    assert host.started == minutes("12:01", "12:04"), "and no later task makes it up"


def test_a_failing_job_is_said_in_a_line_and_the_next_one_runs(host):
    output = host.run("* * * * *", at=NOON, lasting=timedelta(minutes=2), ENDS_WITH=3)
    assert host.started == minutes("12:01", "12:02")
    assert output.count("ended with exit code 3\n") == 2
    assert "cron: the job of 2026-11-27T12:01Z ended with exit code 3\n" in output


@pytest.mark.parametrize("command", ["no-such-program", "stop", "matches"])
def test_a_program_that_is_not_there_is_a_failing_job_whatever_its_name(host, command):
    output = host.run("* * * * *", at=NOON, lasting=timedelta(minutes=1), command=command)
    assert "cron: the job of 2026-11-27T12:01Z ended with exit code 127\n" in output


def test_a_signal_lets_the_running_job_finish_and_starts_no_more(host):
    task = host.begin("* * * * *", at=NOON, lasting=timedelta(minutes=9), WAITS=1)
    wait_until(lambda: host.started, limit=90, what="the job runs")
    task.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        task.wait(timeout=0.3)
    (host.folder / "go").touch()
    output, _ = task.communicate(timeout=20)
    assert (task.returncode, output) == (0, "output of 2026-11-27T12:01Z\n"), "the signal does not reach the job"
    assert host.started == minutes("12:01")


def test_what_is_started_is_remembered_before_it_starts(host):
    task = host.begin("* * * * *", at=NOON, lasting=timedelta(minutes=9), WAITS=1)
    wait_until(lambda: host.started, limit=90, what="the job runs")
    assert host.settled.read_text() == f"{int(NOON.timestamp()) // 60 + 1}\n"
    task.kill()
    task.wait()
    (host.folder / "go").touch()
    # The killed shell's job still has the lock, as it has until Swarm has killed the whole container.
    host.run("* * * * *", at=NOON + timedelta(minutes=1))
    assert host.started == minutes("12:01"), "a job that was cut off does not run twice"


def test_a_memory_that_cannot_be_written_starts_nothing(host):
    host.remembers(NOON)
    (host.folder / "bin" / "mv").write_text("#!/bin/sh\nexit 1\n")
    (host.folder / "bin" / "mv").chmod(0o755)
    task = host.begin("* * * * *", at=NOON + timedelta(minutes=1))
    output, _ = task.communicate(timeout=20)
    assert task.returncode == 1
    assert output == "cron: what is started cannot be remembered, so nothing is started\n"
    assert host.started == []


def test_two_tasks_of_one_cron_take_turns(host):
    first = host.begin("* * * * *", at=NOON, lasting=timedelta(minutes=1), WAITS=1)
    wait_until(lambda: host.started, limit=90, what="the first one's job runs")
    first.terminate()
    # A clock that stands still: the second one would make up 12:02 at once.
    second = host.begin("* * * * *", at=NOON + timedelta(minutes=2), lasting=timedelta(hours=1), WAITS=1)
    assert second.stdout is not None, "it is a pipe"
    assert second.stdout.readline() == "cron: an earlier task still finishes its job; waiting for its end\n"
    assert host.started == minutes("12:01"), "Swarm starts the second after a minute, whatever the first one does"
    (host.folder / "go").touch()
    assert "output of 2026-11-27T12:01Z\n" in first.communicate(timeout=20)[0]
    wait_until(lambda: len(host.started) > 1, limit=90, what="then the second one goes on")
    stopped(second)
