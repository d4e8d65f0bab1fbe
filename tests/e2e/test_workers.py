"""Workers and schedulers change over with the line at 100: never two, nothing lost, nothing twice."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from colorway.spec.traffic import Color
from tests.support.demo import Demo
from tests.support.lifetimes import Watched, overlapping
from tests.support.load import get
from tests.support.wait import wait_until

pytestmark = pytest.mark.area("edge")

JOBS_EACH = 40


def give_memory(demo: Demo, service: str) -> None:
    """Commit an edit that replaces the tasks of a service in place, another one each time."""
    text = demo.clone.stack_file.read_text()
    edited = text.count("memory: ")
    demo.clone.edit(
        demo.clone.place.file,
        r"\bservices: \{",
        f"services: {{{service}: {{limits: {{memory: {193 + edited}Mi}}}}, ",
        subject=f"Give the {service} more memory",
    )


@pytest.mark.timeout(2400)
def test_jobs_survive_the_change_of_color_and_an_update_in_place(demo: Demo):
    prefix = uuid.uuid4().hex[:8]
    sent: list[str] = []

    def send(tag: str) -> None:
        for number in range(JOBS_EACH):
            job = f"{prefix}-{tag}-{number}"
            demo.post("/api/jobs", {"id": job})
            sent.append(job)

    send("before")
    changes = {
        "green": lambda: demo.clone.traffic(0),
        "blue": lambda: demo.clone.traffic(100),
        "in place": lambda: give_memory(demo, "worker"),
    }
    for change, commit in changes.items():
        commit()
        process = demo.clone.start("up", demo.stack)
        while process.poll() is None:
            send(f"during-{change.replace(' ', '-')}-{len(sent)}")
        output, _ = process.communicate()
        assert process.returncode == 0, output
    send("after")

    def done() -> dict[str, int]:
        return json.loads(get(demo.target, f"/api/jobs?prefix={prefix}"))["done"]

    wait_until(lambda: len(done()) >= len(sent), limit=120, what=f"all {len(sent)} jobs are done")
    assert {job: runs for job, runs in done().items() if runs != 1} == {}, "each job ran exactly once"
    assert set(done()) == set(sent), "no job was lost"


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_never_two_schedulers_over_a_switch_and_an_update_in_place(demo: Demo, tmp_path: Path):
    services = [f"{demo.stack}-scheduler-{color}" for color in Color]
    with Watched(services, folder=tmp_path) as watched:
        demo.to(0)
        demo.to(100)
        give_memory(demo, "scheduler")
        demo.clone.up()
        lives = watched.lives()
    assert overlapping(lives) == [], "two schedulers ran at the same time, whatever their lock in the database says"
    told = [life.service for life in sorted(lives, key=lambda life: life.began)]
    blue, green = services
    assert told == [blue, green, blue, blue], "blue, green, blue again, and its successor in place"
