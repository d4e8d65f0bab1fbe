"""The load over HTTP/2 sends again what RFC 9113 allows, and counts everything else as lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.load import Kind, Load, LoadPlan, PostState, Target, posts_of
from tests.support.load.loopback_http2 import Ending, LoopbackHttp2

pytestmark = pytest.mark.timeout(120)
PLAN = LoadPlan(
    rate_total=100,
    fresh_per_second=0,
    returning_per_second=0,
    posts_per_second=0,
    http2_per_second=100,
    keep_alive_connections=0,
    download_seconds=None,
    control=False,
)
ENOUGH = 150


def load_on(server: LoopbackHttp2):
    with Load(target=Target(port=server.port, tls=False), plan=PLAN) as load:
        load.wait_for(lambda report: report.requests[Kind.HTTP2] >= ENOUGH, timeout=60)
        return load.stop()


@pytest.mark.parametrize("ending", [Ending.NONE, Ending.GO_AWAY_UNPROCESSED, Ending.REFUSED])
def test_what_was_not_processed_is_sent_again_and_nothing_is_lost(ending):
    with LoopbackHttp2(ending=ending) as server:
        report = load_on(server)
    assert report.failures == [], "the RFC lets a client send it again, POSTs included"
    assert (report.snapshot.sent_again > 0) == (ending is not Ending.NONE), "the report says how often"
    posts = posts_of(report)
    assert set(posts.values()) == {PostState.ACKNOWLEDGED}
    assert server.executed == dict.fromkeys(posts, 1), "each POST was executed once"
    assert report.snapshot.cookie_changes == 0, "a user without a cookie waits for its first answer"


@pytest.mark.parametrize("ending", [Ending.GO_AWAY_PROCESSED, Ending.CUT])
def test_what_may_have_been_processed_is_lost_and_never_sent_again(ending):
    with LoopbackHttp2(ending=ending) as server:
        report = load_on(server)
    assert report.failures, "an answer that never came is a lost request"
    assert all("EOF" in failure.reason or "broke" in failure.reason for failure in report.failures)
    assert max(server.executed.values()) == 1, "nothing was sent twice"


def test_no_more_is_under_way_at_once_than_the_plan_allows():
    plan = replace(PLAN, max_in_flight=2, request_timeout=2.0)
    with (
        LoopbackHttp2(ending=Ending.SILENT) as server,
        Load(target=Target(port=server.port, tls=False), plan=plan) as load,
    ):
        load.wait_for(lambda report: report.snapshot.not_sent > ENOUGH, timeout=60)
        report = load.stop()
    assert report.failures, "two that are never answered keep all others back until they time out"
