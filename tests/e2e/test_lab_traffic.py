"""Traffic that changes on two load balancers over and over, a release and its rollback: 0 of 300,000 requests fail."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.labs import BUSY, FOUR, bare, colors, lab, loaded, on_both_colors, with_one_color

pytestmark = [pytest.mark.area("lab"), pytest.mark.needs("losetup"), pytest.mark.full]
ENOUGH = 300_000
"""Requests to both load balancers together."""
HEAVY = replace(BUSY, rate_total=200, websockets=4, keep_alive_connections=20, max_in_flight=50, max_seconds=5000)
"""For each of them: most of it on kept connections, which cost the least."""
SHARES = (90, 50, 10, 0, 50, 100, 0, 100)
"""Blue's, one after the other: small steps, all at once, and back."""


@pytest.mark.timeout(5400)
def test_traffic_changes_on_two_load_balancers_lose_nothing(empty_machine: None, pulumi_cli: Path, tmp_path: Path):
    with bare(tmp_path / "clone", hosts=FOUR) as clone:
        with_one_color(clone)
        clone.edit("platforms/demo.yaml", r"^  stages: .*$", "  stages: [{percent: 50, bake: 20s}]", subject="Be quick")
        lab(clone, "up")
        clone.up()
        on_both_colors(clone, 100)
        stack = ("--yes", "--stack", clone.stack)
        with loaded(clone, 11, plan=HEAVY) as first, loaded(clone, 12, plan=HEAVY) as second:
            first.wait_for(lambda report: len(report.users("start")) >= 10, timeout=120)

            def sent() -> int:
                return sum(sum(load.snapshot().requests.values()) for load in (first, second))

            changes, owner = 0, "blue"
            for share in cycle(SHARES):
                owner = {0: "green", 100: "blue"}.get(share, owner)
                clone.traffic(share, active=owner)
                clone.up()
                changes += 1
                if sent() >= ENOUGH:
                    break
            if share != 100:
                clone.traffic(100, active="blue")
                clone.up()
                changes += 1
            clone.versions(blue="1.0.0", green=None)
            clone.up()
            clone.run("release", "2.0.0", *stack)
            assert colors() == ["green", "green"]
            clone.run("rollback", *stack)
            assert colors() == ["blue", "blue"]
            reports = [first.stop(), second.stop()]
        for report in reports:
            print(report.summary())
        print(f"{sum(sum(report.requests.values()) for report in reports):,} requests, {changes} traffic changes")
        for report in reports:
            assert report.problems(least_rate=HEAVY.rate_total / 10) == [], (
                "nobody loses a request, whichever load balancer it is"
            )
