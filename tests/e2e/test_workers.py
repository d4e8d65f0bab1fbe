"""Workers and schedulers change over with the line at 100: never two, nothing lost, nothing twice."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.support.demo import Demo
from tests.support.load import get
from tests.support.wait import wait_until

pytestmark = pytest.mark.area("edge")

JOBS_EACH = 40


@pytest.mark.timeout(900)
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


@pytest.mark.timeout(300)
def test_never_two_schedulers(demo: Demo):
    demo.to(0)
    demo.to(100)
    rows = demo.query(
        "SELECT a.color, b.color FROM scheduler_lifetimes a JOIN scheduler_lifetimes b ON a.id < b.id "
        "AND a.started_at < coalesce(b.ended_at, b.last_beat_at) "
        "AND b.started_at < coalesce(a.ended_at, a.last_beat_at)"
    )
    assert rows == [], "two schedulers lived at the same time"
    colors = {row[0] for row in demo.query("SELECT DISTINCT color FROM scheduler_lifetimes")}
    assert colors == {"blue", "green"}, "both colors had the scheduler once, so the check above means something"
