"""Seven bare hosts, a release, its rollback, and a load balancer lost: nobody loses a request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.labs import (
    ALL,
    BUSY,
    LEAST,
    PATIENT,
    bare,
    colors,
    lab,
    loaded,
    says,
    with_one_color,
)

pytestmark = [pytest.mark.area("lab"), pytest.mark.needs("losetup")]


@pytest.fixture
def clone(empty_machine: None, pulumi_cli: Path, tmp_path: Path) -> Iterator[Clone]:
    with bare(tmp_path / "clone", hosts=ALL) as made:
        with_one_color(made)
        yield made


class Watch:
    """Says how long each part took."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def lap(self, what: str) -> None:
        now = time.monotonic()
        print(f"{what}: {now - self._since:.0f} s", flush=True)
        self._since = now


@pytest.mark.timeout(2400)
def test_seven_bare_hosts_a_release_a_rollback_and_a_load_balancer_lost(clone: Clone):
    watch = Watch()
    lab(clone, "up")
    watch.lap("seven bare hosts")
    first = clone.up()
    watch.lap(f"the platform on them, {first.changed}")
    assert "a swarm" in first.output, "Docker and swarm are the first step"
    clone.settled()
    watch.lap("the second up")
    clone.edit("platforms/demo.yaml", r"^  stages: .*$", "  stages: [{percent: 50, bake: 20s}]", subject="Be quick")
    stack = ("--yes", "--stack", clone.stack)
    with loaded(clone, 11, plan=BUSY) as others:
        others.wait_for(lambda report: len(report.users("start")) >= 10, timeout=120)
        with loaded(clone, 12, plan=BUSY) as its:
            clone.run("release", "2.0.0", *stack)
            watch.lap("a release")
            assert colors() == ["green", "green"], "both load balancers are in step"
            released = its.stop()
        # Back again, and one load balancer's cable is pulled before.
        with loaded(clone, 12, plan=PATIENT, second=11) as its:
            its.wait_for(lambda report: len(report.users("start")) >= 10, timeout=120)
            lab(clone, "fault", "cut", "lb2")
            others.mark("cut")
            back = clone.run("rollback", *stack, code=5).output
            watch.lap("its rollback without a load balancer")
            its.wait_for(lambda report: report.snapshot.second_tries > 0, timeout=120)
            moved = its.stop()
        stayed = others.stop()
    for report in (released, moved, stayed):
        print(report.summary())
    print(f"the last of the others' users was back {stayed.old_color_until('green', 'cut'):.0f} s after it")
    assert released.problems(least_rate=LEAST) == [], "a release loses nothing"
    assert stayed.problems(least_rate=LEAST) == [], "nor who is on the other one when one is lost"
    assert moved.failures == [], "nor who knows the other one's address"
    assert "lb2" in back
    assert "lb2" in clone.git("log", "-1", "--format=%b"), "git says so"
    assert "load balancer lb2 is fenced" in says(clone)["problems"][0]["what"]

    # It comes back with what it had, and serves nobody until it has what the others serve.
    lab(clone, "fault", "cut", "lb2", "--undo")
    assert "load balancer lb2 is let in again; it serves what the others serve" in clone.up().output
    watch.lap("let in again")
    assert colors() == ["blue", "blue"]
    assert says(clone)["healthy"]
