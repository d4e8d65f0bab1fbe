"""A color that goes off serves nobody any more when it goes."""

from __future__ import annotations

import pytest

from tests.support.demo import Demo, docker
from tests.support.load import Load, Report
from tests.support.releasing import LEAST, PLAN
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("edge"), pytest.mark.full]

ENOUGH = 1000
"""Requests that must be answered while both colors are on, and again when one is gone."""


def answered(mark: str):
    """Whether enough requests were answered in a stage, however fast this machine is."""

    def holds(report: Report) -> bool:
        return sum(1 for _ in report.rows(mark)) >= ENOUGH

    return holds


def blue_is_gone(demo: Demo) -> bool:
    names = docker("service", "ls", "--format", "{{.Name}}").split()
    return not any(name.startswith(f"{demo.stack}-") and name.endswith("-blue") for name in names)


@pytest.mark.timeout(2400)
def test_off_in_the_commit_after_it_lost_its_traffic_loses_nothing(demo: Demo):
    demo.clone.traffic(0)
    with Load(target=demo.target, plan=PLAN) as load:
        load.wait_for(answered("start"), timeout=300)
        demo.clone.up()
        demo.clone.versions(blue=None, green="2.0.0")
        demo.clone.up()
        wait_until(lambda: blue_is_gone(demo), limit=60, what="all of blue is gone")
        load.mark("off")
        load.wait_for(answered("off"), timeout=300)
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], "blue was waited for until it served nobody"


@pytest.mark.timeout(2400)
def test_off_in_the_same_commit_needs_a_reason_and_loses_nothing(demo: Demo):
    with Load(target=demo.target, plan=PLAN) as load:
        load.wait_for(answered("start"), timeout=300)
        demo.clone.traffic(0)
        demo.clone.versions(blue=None, green="2.0.0")
        refused = demo.clone.up(code=1)
        assert "change together" in refused.output, "two changes at once are refused with the reason"
        demo.clone.up("--in-place", "a drill")
        wait_until(lambda: blue_is_gone(demo), limit=60, what="all of blue is gone")
        load.mark("off")
        load.wait_for(answered("off"), timeout=300)
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], "even in one commit blue goes only when it serves nobody"
