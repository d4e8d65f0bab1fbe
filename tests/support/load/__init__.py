"""The load that proves "zero lost requests": open-loop, no retries, from a process of its own.

with Load(target=Target(server_name="demo.localhost"), plan=LoadPlan()) as load:
    load.wait_for(lambda report: len(report.users("start")) >= 300, timeout=30)
    load.mark("green 10")
    ...  # the switch
    report = load.stop()
assert report.problems() == []
"""

from tests.support.load.ask import get, measure_shares
from tests.support.load.plan import LoadError, LoadPlan, Target
from tests.support.load.posts import PostState, PostVerdict, compare_posts, fetch_post_counts, posts_of
from tests.support.load.process import Load
from tests.support.load.record import Failure, Flag, Kind, MixedColors, Path, Progress, Row
from tests.support.load.report import Report
from tests.support.load.stages import ColorChange, Latency, Mark, Share, Sighting, UserHistory

__all__ = [
    "ColorChange", "Failure", "Flag", "Kind", "Latency", "Load", "LoadError", "LoadPlan", "Mark",
    "MixedColors", "Path", "PostState", "PostVerdict", "Progress", "Report", "Row", "Share", "Sighting",
    "Target", "UserHistory", "compare_posts", "fetch_post_counts", "get", "measure_shares", "posts_of",
]  # fmt: skip
