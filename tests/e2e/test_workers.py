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


@pytest.mark.timeout(2400)
def test_jobs_and_schedulers_survive_the_change_of_color(demo: Demo):
    prefix = uuid.uuid4().hex[:8]
    sent: list[str] = []

    def send(tag: str) -> None:
        for number in range(JOBS_EACH):
            job = f"{prefix}-{tag}-{number}"
            demo.post("/api/jobs", {"id": job})
            sent.append(job)

    send("before")
    for blue in (0, 100):
        demo.clone.traffic(blue)
        process = demo.clone.start("up", demo.stack)
        while process.poll() is None:
            send(f"during-{blue}-{len(sent)}")
        output, _ = process.communicate()
        assert process.returncode == 0, output
    send("after")

    def done() -> dict[str, int]:
        return json.loads(get(demo.target, f"/api/jobs?prefix={prefix}"))["done"]

    wait_until(lambda: len(done()) >= len(sent), limit=120, what=f"all {len(sent)} jobs are done")
    assert {job: runs for job, runs in done().items() if runs != 1} == {}, "each job ran exactly once"
    assert set(done()) == set(sent), "no job was lost"


@pytest.mark.timeout(1200)
def test_never_two_schedulers(demo: Demo, tmp_path: Path):
    services = [f"{demo.stack}-scheduler-{color}" for color in Color]
    with Watched(services, folder=tmp_path) as watched:
        demo.to(0)
        demo.to(100)
        lives = watched.lives()
    assert overlapping(lives) == [], "two schedulers ran at the same time, whatever their lock in the database says"
    told = [life.service for life in sorted(lives, key=lambda life: life.began)]
    assert told == [services[0], services[1], services[0]], "blue, then green, then blue again was seen"
