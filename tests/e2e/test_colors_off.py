"""A color that goes off serves nobody any more when it goes."""

from __future__ import annotations

import pytest

from tests.support.demo import Demo, docker
from tests.support.load import Load, LoadPlan

pytestmark = pytest.mark.area("edge")

LEAST = 100
"""Requests a second that the load must reach here; engine, swarm and load share this machine's processors."""


def services() -> set[str]:
    return set(docker("service", "ls", "--format", "{{.Name}}").split())


@pytest.mark.timeout(900)
def test_off_in_the_commit_after_it_lost_its_traffic_loses_nothing(demo: Demo):
    demo.clone.traffic(0)
    with Load(target=demo.target, plan=LoadPlan()) as load:
        demo.clone.up()
        demo.clone.versions(blue=None, green="2.0.0")
        demo.clone.up()
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], "blue was waited for until it served nobody"
    assert not {name for name in services() if name.endswith("-blue")}, "all of blue is gone"


@pytest.mark.full
@pytest.mark.timeout(900)
def test_off_in_the_same_commit_needs_a_reason_and_loses_nothing(demo: Demo):
    with Load(target=demo.target, plan=LoadPlan()) as load:
        demo.clone.traffic(0)
        demo.clone.versions(blue=None, green="2.0.0")
        refused = demo.clone.up(code=1)
        assert "change together" in refused.output, "two changes at once are refused with the reason"
        demo.clone.up("--in-place", "a drill")
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], "even in one commit blue goes only when it serves nobody"
    assert not {name for name in services() if name.endswith("-blue")}, "all of blue is gone"
