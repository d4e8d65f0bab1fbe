"""A cron changes over with the line at 100 and is updated in place: each minute's job once, never two at a time."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from colorway.spec.traffic import Color
from tests.support.demo import Demo, docker
from tests.support.lifetimes import Watched, overlapping
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("edge"), pytest.mark.full]

JOB = "echo START $COLORWAY_SCHEDULED >>/tally/lines; sleep 10; echo END $COLORWAY_SCHEDULED >>/tally/lines"
SERVICE = f"""
  tally:
    kind: cron
    build: demo
    schedule: "* * * * *"
    entrypoint: [sh, -c]
    command: ["{JOB}"]
    # A new volume belongs to root.
    user: "0"
    volumes: [{{name: tally, target: /tally, shared: true}}]
    limits: {{cpus: 1, memory: 72Mi}}
"""
WHY = "a test adds a cron, and takes it away"


@pytest.fixture
def tally(demo: Demo) -> Iterator[Demo]:
    """The demo platform with a cron each minute in both colors."""
    platform = demo.clone.path / "platforms/demo.yaml"
    before = platform.read_text()
    demo.clone.edit("platforms/demo.yaml", r"^services:\n", f"services:{SERVICE}", subject="Add a cron")
    demo.clone.up("--in-place", WHY)
    yield demo
    platform.write_text(before)
    demo.clone.commit("Take the cron away")
    demo.clone.up("--in-place", WHY)
    volume = ["docker", "volume", "rm", f"{demo.stack}-tally"]
    wait_until(lambda: subprocess.run(volume, check=False).returncode == 0, limit=60, what="its volume is removed")


def lines(demo: Demo) -> list[list[str]]:
    """Return what jobs wrote, whichever color's task is there to be asked; nothing while none is."""
    for color in Color:
        for container in demo.containers(f"tally-{color}"):
            said = docker("exec", container, "sh", "-c", "cat /tally/lines 2>/dev/null || :")
            return [line.split() for line in said.splitlines()]
    return []


def until_a_job_runs(demo: Demo) -> None:
    began = len(lines(demo))
    wait_until(
        lambda: (said := lines(demo)) and len(said) > began and said[-1][0] == "START", limit=130, what="a job begins"
    )


@pytest.mark.timeout(1500)
def test_each_minute_has_one_job_through_a_switch_and_an_update_and_never_two_tasks_live(tally: Demo, tmp_path: Path):
    services = [f"{tally.stack}-tally-{color}" for color in Color]
    with Watched(services, folder=tmp_path) as watched:
        until_a_job_runs(tally)
        tally.to(0)
        until_a_job_runs(tally)
        tally.clone.edit(
            "platforms/demo.yaml",
            r"^    limits: \{cpus: 1, memory: 72Mi\}$",
            "    limits: {cpus: 1, memory: 73Mi}",
            subject="Give the cron more memory",
        )
        tally.clone.up()
        until_a_job_runs(tally)
        wait_until(lambda: lines(tally)[-1][0] == "END", limit=60, what="the last job ends")
        lives, said = watched.lives(), lines(tally)
    assert overlapping(lives) == [], "two tasks of the cron were alive at the same time"
    assert {life.service for life in lives} == set(services), "both colors had it"
    assert len(lives) >= 3, "the update made a new task"
    starts = [scheduled for word, scheduled in said if word == "START"]
    whole = [[word, scheduled] for scheduled in starts for word in ("START", "END")]
    assert said == whole, "a job begins when the last one has ended, and ends whoever tells its task to stop"
    assert [job for job, runs in Counter(starts).items() if runs > 1] == [], "no minute's job was doubled"
    first, last = (datetime.strptime(starts[index], "%Y-%m-%dT%H:%M%z") for index in (0, -1))
    every = [
        f"{first + timedelta(minutes=n):%Y-%m-%dT%H:%MZ}" for n in range((last - first) // timedelta(minutes=1) + 1)
    ]
    assert starts == every, "no minute's job was lost"
