"""Moving traffic by one line under load: nothing is lost, nobody flips, shares are what the line says."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest

from tests.support.demo import Demo
from tests.support.load import Kind, Load, compare_posts, fetch_post_counts, measure_shares
from tests.support.releasing import LEAST, PLAN

pytestmark = pytest.mark.area("edge")

ROUTING = {"routing-check-localhost", "routing-apply-localhost"}
CHANGE_OVER = {"workers-barrier", "worker-blue", "scheduler-blue", "worker-green", "scheduler-green"}
CYCLES = int(os.environ.get("COLORWAY_CYCLES", "2"))
"""`make soak` makes it 20."""
NEWCOMERS = 2000
POINTS = 3.0
"""How far a measured share may be from the line's: 2,000 draws at 50 % have a standard deviation of 1.1 points."""
WITH_ALL = replace(PLAN, http2_per_second=60, websockets=4, max_seconds=7200, max_requests=2_500_000)
LEAST_HTTP2 = 0.1
"""Share of all requests that must have been made over HTTP/2."""
PATIENCE = 300
"""Seconds that a stage may take on a busy machine before the test gives up."""
USERS = 150
"""Known users that a stage must have seen before it ends, so that "nobody saw two colors" means something."""


def changed_names(preview: str) -> set[str]:
    """Return the names in a preview's list of changes."""
    return set(re.findall(r"^  [+~±-] (\S+)", preview, flags=re.MULTILINE))


@pytest.mark.timeout(1800 + 600 * CYCLES)
def test_ramps_and_returns_in_a_row_lose_nothing(demo: Demo):
    clone, target = demo.clone, demo.target
    measured: dict[int, float] = {}
    with Load(target=target, plan=WITH_ALL) as load:
        load.wait_for(lambda report: len(report.users("start")) >= USERS, timeout=PATIENCE)
        for cycle in range(CYCLES):
            for blue in (90, 50, 0, 100):
                clone.traffic(blue)
                if cycle == 0:
                    expected = ROUTING if 0 < blue < 100 else ROUTING | CHANGE_OVER
                    names = changed_names(clone.run("preview", clone.stack).output)
                    assert names == expected, f"the preview of blue {blue} names exactly what will change"
                load.mark(f"{cycle}: to {blue}", settled_after=0.0)
                clone.up()
                if cycle == 0:
                    label = f"at {blue}"
                    load.mark(label)
                    load.wait_for(lambda report, label=label: len(report.users(label)) >= USERS, timeout=PATIENCE)
                    if 0 < blue < 100:
                        counts = measure_shares(target, newcomers=NEWCOMERS, timeout=PATIENCE)
                        measured[blue] = 100 * counts.get("blue", 0) / sum(counts.values())
        # nginx's old workers end theirs after a while: the load must have seen its users come back from that.
        load.wait_for(lambda report: report.snapshot.websocket_closes > 0, timeout=PATIENCE)
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], (
        "no request may be lost, and the control target says whether the machine was sick"
    )
    assert report.requests[Kind.HTTP2] >= LEAST_HTTP2 * sum(report.requests.values()), "browsers speak HTTP/2"
    assert report.requests[Kind.WEBSOCKET] > 0, "and keep WebSockets"
    posts = compare_posts(report, fetch_post_counts(target, prefix=report.snapshot.post_prefix))
    assert not posts.lost, "an acknowledged POST is in the database"
    assert not posts.doubled, "no POST was executed twice: nothing resends one"
    for blue, share in measured.items():
        assert abs(share - blue) <= POINTS, f"{share:.1f} % of {NEWCOMERS} newcomers met blue at {blue} %"
    for blue in (90, 50, 0, 100):
        flipped = report.users_who_saw_two_colors(f"at {blue}")
        assert flipped == [], "the cookie keeps a user on one color within a stage"
    assert report.users_not_monotonic(["at 90", "at 50"], color="green") == [], (
        "who is on green at 10 is on green at 50"
    )
    assert report.mixed_colors == [], "web and api answer from the same color"
