"""Release and rollback, again and again: nothing is lost, and nothing grows."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass, replace

import pytest

from tests.support.load import Load, compare_posts, fetch_post_counts
from tests.support.releasing import LEAST, PLAN, Releasing

pytestmark = pytest.mark.area("release")

CYCLES = int(os.environ.get("COLORWAY_CYCLES", "2"))
"""`make soak` makes it 20."""
ENOUGH = 12
"""Cycles from which on medians of processor time say something: single runs of 3 to 5 s were seen side by side."""
GROWTH = 1.3
"""How much more the last third may need than the first, as medians; processor time, since the machine is shared."""
STEP = 600
"""Seconds that a release or a rollback may take before the test gives up."""


@dataclass(frozen=True)
class Cost:
    """What one `up` without a change cost."""

    processor_seconds: float
    peak_memory: float
    """MiB of the largest process."""


def cost_of_up(releasing: Releasing) -> Cost:
    process = releasing.clone.start("up", releasing.demo.stack)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, output
    assert "nothing changes" in output, "a rollback leaves nothing to do"
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@pytest.mark.full
@pytest.mark.timeout(CYCLES * 2 * STEP)
def test_releases_and_rollbacks_in_a_row_lose_nothing_and_do_not_grow(releasing: Releasing):
    version, costs = releasing.other_version, []
    plan = replace(PLAN, max_seconds=7200, max_requests=2_500_000)
    began = time.monotonic()
    with Load(target=releasing.demo.target, plan=plan) as load:
        for _ in range(CYCLES):
            since = releasing.head()
            releasing.start("release", version, "--stages", "100", "--yes").end(code=0, limit=STEP)
            releasing.start("rollback").end(code=0, limit=STEP)
            releasing.check_commits(since)
            costs.append(cost_of_up(releasing))
        report = load.stop()
    print(f"{CYCLES} cycles, {(time.monotonic() - began) / CYCLES:.0f} s each; `up` without a change, in order:")
    print(" ".join(f"{cost.processor_seconds:.2f} s {cost.peak_memory:.0f} MiB," for cost in costs))
    assert report.problems(least_rate=LEAST) == [], f"{CYCLES} switches and as many returns lose nothing"
    posts = compare_posts(report, fetch_post_counts(releasing.demo.target, prefix=report.snapshot.post_prefix))
    assert (posts.lost, posts.doubled) == ([], []), "each POST was executed once"
    third = max(1, CYCLES // 3)
    for what in ("processor_seconds", "peak_memory") if CYCLES >= ENOUGH else ("peak_memory",):
        first, last = (
            statistics.median(getattr(cost, what) for cost in some) for some in (costs[:third], costs[-third:])
        )
        assert last <= first * GROWTH, f"the {what} of an `up` do not grow with the number of releases"
