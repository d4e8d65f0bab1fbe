"""The verdict on one window, as a table of windows."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorway.release.verdict.evidence import Measure
from colorway.release.verdict.judgement import Outcome, judge
from colorway.release.verdict.window import Counts, Latencies, ServiceCounts, Window
from colorway.spec.release import GateSpec
from colorway.spec.traffic import Color

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
BOUNDS = (0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.5, 0.7, 1.0)


def latencies(requests, p95):
    """Requests of which 3 % are slower than the bucket that ends at `p95`, the rest in it or below."""
    slow, at = round(requests * 0.03), BOUNDS.index(p95)
    counts = [0] * (len(BOUNDS) + 1)
    counts[at + 1], counts[at], counts[0] = slow, (requests - slow) // 2, requests - slow - (requests - slow) // 2
    return Latencies(BOUNDS, tuple(counts))


def counts(requests, *, p95=0.1, **fields):
    return Counts(attempts=requests, latencies=latencies(requests, p95), **fields)


def verdict(green, blue, *, name="web", **policy):
    window = Window(START, timedelta(minutes=10), (ServiceCounts(name, blue=blue, green=green),))
    return judge(window, policy=GateSpec(**policy), rising=Color.GREEN)


BLUE = counts(9000, failed=9)


@pytest.mark.parametrize(
    ("green", "outcome", "why"),
    [
        (counts(1000, failed=1), Outcome.PASS, "0.1 % of 1,000 keeps every limit and excludes 2 %"),
        (counts(1000), Outcome.PASS, "no failure at all"),
        (counts(400), Outcome.PASS, "400 without a failure exclude 2 %"),
        (counts(300), Outcome.INCONCLUSIVE, "300 without a failure do not exclude 2 %"),
        (counts(20, failed=1), Outcome.INCONCLUSIVE, "1 of 20 is 5 %, and says nothing"),
        (counts(1000, failed=9), Outcome.FAIL, "0.9 % keeps 1 %, but is 0.8 points more than blue"),
        (counts(1000, failed=30), Outcome.FAIL, "3 % of 1,000"),
        (counts(20, failed=5), Outcome.FAIL, "5 of 20 are no chance, however few they are"),
        (Counts(), Outcome.INCONCLUSIVE, "no data is never a pass"),
        (counts(1000, unreachable=200), Outcome.FAIL, "502 and 504 are failures"),
        (Counts(failovers=40), Outcome.FAIL, "dead without an address: blue answers, and no attempt is counted"),
        (
            Counts(attempts=40, unreachable=40, failovers=40),
            Outcome.FAIL,
            "dead with addresses: attempts and failovers",
        ),
        (counts(1000, abandoned=500), Outcome.FAIL, "half of the clients give up waiting"),
        (counts(1000, abandoned=2), Outcome.PASS, "a few clients always leave"),
        (counts(1000, p95=0.14), Outcome.INCONCLUSIVE, "one bucket slower: 1.4 times, which does not exclude 2 times"),
        (counts(1000, p95=0.28), Outcome.FAIL, "2.8 times as slow as blue, and more than a bucket between"),
        (counts(1000, p95=1.0), Outcome.FAIL, "slower than 500 ms"),
    ],
)
def test_a_window_is_judged_by_what_its_rising_color_did(green, outcome, why):
    found = verdict(green, BLUE)
    assert found.outcome is outcome, f"{why}; {[reason.sentence for reason in found.reasons]}"


@pytest.mark.parametrize(
    ("green", "blue", "measure", "sentence"),
    [
        (
            counts(412, failed=83),
            counts(3702),
            Measure.ERROR_RATIO,
            "web: 20.1 % of 412 requests on green failed, limit 1 % (blue 0.0 % of 3,702)",
        ),
        (
            Counts(attempts=3, unreachable=3, failovers=40),
            counts(3702),
            Measure.ERROR_RATIO,
            "web: 100.0 % of 40 requests on green failed, limit 1 % (blue 0.0 % of 3,702); blue answered 40 of them",
        ),
        (
            counts(2000, failed=20),
            counts(18000),
            Measure.ERROR_RATIO_POINTS,
            (
                "web: 1.0 % of 2,000 requests on green failed or were given up, 1.0 points more than on blue "
                "(0.0 % of 18,000), limit 0.5 points"
            ),
        ),
        (
            counts(1000, p95=1.0),
            counts(9000, p95=0.7),
            Measure.P95,
            "web: p95 on green is 988 ms, limit 500 ms (blue 692 ms)",
        ),
        (
            counts(1000, p95=0.28),
            counts(9000, p95=0.1),
            Measure.P95_FACTOR,
            "web: p95 on green is 277 ms, 2.8 times blue's 99 ms, limit 1.5 times",
        ),
        (counts(12), counts(108), Measure.REQUESTS, "web: 12 requests on green, at least 50 are needed (blue 108)"),
        (
            counts(100),
            counts(900),
            Measure.ERROR_RATIO,
            "web: 0 of 100 requests on green failed, which does not exclude 2 %; about 360 would",
        ),
        (
            counts(400, failed=5),
            counts(3600),
            Measure.ERROR_RATIO,
            "web: 1.2 % of 400 requests on green failed, limit 1 % (blue 0.0 % of 3,600); so few may be chance",
        ),
    ],
)
def test_evidence_is_a_sentence_with_both_colors_and_the_limit(green, blue, measure, sentence):
    reasons = verdict(green, blue).reasons
    assert sentence in [reason.sentence for reason in reasons if reason.measure is measure], [
        reason.sentence for reason in reasons
    ]


def test_the_gravest_evidence_comes_first():
    reasons = verdict(counts(1000, failed=300, p95=0.14), BLUE).reasons
    assert reasons[0].measure in (Measure.ERROR_RATIO, Measure.ERROR_RATIO_POINTS), (
        "what failed, before what is unproven"
    )
    assert reasons[0].beyond(0.001), "the first is no chance"


def test_failures_of_one_of_five_services_fail_the_window():
    good = [ServiceCounts(name, blue=counts(9000), green=counts(1000)) for name in ("web", "api", "cart", "admin")]
    sick = ServiceCounts("search", blue=counts(9000), green=counts(1000, failed=40))
    found = judge(Window(START, timedelta(minutes=10), (*good, sick)), policy=GateSpec(), rising=Color.GREEN)
    assert found.outcome is Outcome.FAIL, "4 % of one service is 0.8 % of all, which no limit on the sum would see"
    assert found.reasons[0].service == "search", "the sick one is named first"


def test_failures_that_are_too_few_in_each_service_add_up_over_all():
    pairs = tuple(ServiceCounts(f"s{n}", blue=counts(360), green=counts(40, failed=2)) for n in range(5))
    found = judge(Window(START, timedelta(seconds=20), pairs), policy=GateSpec(), rising=Color.GREEN)
    broken = [reason.service for reason in found.reasons if reason.beyond(0.001)]
    assert found.outcome is Outcome.FAIL, "10 of 200 failed"
    assert set(broken) == {"all services"}, "2 of 40 alone may be chance"


def test_the_rising_color_may_be_blue():
    window = Window(
        START, timedelta(minutes=10), (ServiceCounts("web", blue=counts(1000, failed=50), green=counts(9000)),)
    )
    found = judge(window, policy=GateSpec(), rising=Color.BLUE)
    assert found.outcome is Outcome.FAIL, "blue rises here, and fails"
    assert "on blue failed, limit 1 % (green 0.0 %" in found.reasons[0].sentence, "the sentence names the right colors"


def test_failures_of_the_active_color_are_not_held_against_the_rising_one():
    assert verdict(counts(1000), counts(9000, failed=900)).outcome is Outcome.PASS, "green is the cure"


def test_requests_of_our_own_never_drown_failures_of_users():
    users_and_ours = Counts(attempts=640, failed=5, synthetic=600, latencies=latencies(640, 0.1))
    assert verdict(users_and_ours, BLUE).outcome is Outcome.FAIL, "5 of 40 users failed, whatever 600 of ours saw"


def test_requests_of_our_own_prove_no_more_than_the_minimum():
    busy = verdict(Counts(attempts=612, synthetic=600, latencies=latencies(612, 0.1)), BLUE)
    assert busy.outcome is Outcome.INCONCLUSIVE, "12 users prove nothing about a service that everybody uses"
    assert "0 of 50 requests" in busy.reasons[0].sentence, "600 of ours count as what the minimum lacks"


def test_a_service_that_nobody_asks_passes_on_requests_of_our_own():
    busy = ServiceCounts("web", blue=counts(90_000), green=counts(10_000))
    idle = ServiceCounts("admin", blue=Counts(), green=Counts(attempts=50, synthetic=50, latencies=latencies(50, 0.1)))
    window = Window(START, timedelta(minutes=10), (busy, idle))
    assert judge(window, policy=GateSpec(), rising=Color.GREEN).outcome is Outcome.PASS, "it cannot spoil anything"
    unasked = Window(START, timedelta(minutes=10), (busy, ServiceCounts("admin")))
    assert judge(unasked, policy=GateSpec(), rising=Color.GREEN).outcome is Outcome.INCONCLUSIVE, "but it must be asked"


def test_a_platform_that_nobody_asks_does_not_pass_on_a_few_requests_of_our_own():
    ours = ServiceCounts("web", blue=Counts(), green=Counts(attempts=50, synthetic=50, latencies=latencies(50, 0.1)))
    window = Window(START, timedelta(minutes=10), (ours,))
    found = judge(window, policy=GateSpec(), rising=Color.GREEN)
    assert found.outcome is Outcome.INCONCLUSIVE, "no user, no data, and no data is never a pass"


def test_failures_of_requests_of_our_own_count():
    dead = Counts(attempts=50, failed=50)
    assert verdict(dead, BLUE).outcome is Outcome.FAIL, "a service that fails our own requests fails"


@pytest.mark.parametrize("edge", [0.07, 0.1, 0.14, 0.2])
def test_an_edge_between_two_nearly_equal_times_fails_nobody(edge):
    # Everything of blue takes just less than a bound, everything of green just more: adjacent buckets, same speed.
    at = BOUNDS.index(edge)
    below = Latencies(BOUNDS, tuple(9000 if index == at else 0 for index in range(len(BOUNDS) + 1)))
    above = Latencies(BOUNDS, tuple(1000 if index == at + 1 else 0 for index in range(len(BOUNDS) + 1)))
    found = verdict(Counts(attempts=1000, latencies=above), Counts(attempts=9000, latencies=below))
    assert found.outcome is not Outcome.FAIL, [reason.sentence for reason in found.reasons]


def test_coarse_buckets_hold_a_doubled_p95_and_neither_pass_nor_fail_it():
    bounds = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
    blue = Counts(attempts=9000, latencies=Latencies(bounds, (1800, 4500, 2520, 180, 0, 0, 0)))
    green = Counts(attempts=1000, latencies=Latencies(bounds, (0, 200, 500, 280, 20, 0, 0)))
    found = verdict(green, blue)
    assert found.outcome is Outcome.INCONCLUSIVE, "the next bucket begins at 2.5 times: the edge may have done it"
    assert "the width of the buckets leave that in doubt" in found.reasons[0].sentence, "and the sentence says so"


def test_a_factor_between_two_times_that_nobody_notices_is_no_matter():
    fast = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064)

    def of(*buckets):
        return Counts(attempts=sum(buckets), latencies=Latencies(fast, (*buckets, 0)))

    two, eight = of(0, 970, 30, 0, 0, 0, 0), of(0, 0, 970, 30, 0, 0, 0)
    sixty = of(0, 0, 0, 0, 0, 0, 1000)
    assert verdict(eight, two).outcome is Outcome.PASS, "4 ms for 2 ms are twice as much, and nothing"
    assert verdict(sixty, two).outcome is Outcome.FAIL, "60 ms for 2 ms are something"
    strict = timedelta(milliseconds=1)
    assert verdict(eight, two, p95_floor=strict).outcome is not Outcome.PASS, "unless somebody wants to know"


@pytest.mark.parametrize(
    ("bucket_counts", "p95", "why"),
    [
        ((100, 0, 0), 0.095, "interpolated from zero in the first bucket"),
        ((0, 100, 0), 0.195, "interpolated between the bounds of the second"),
        ((90, 10, 0), 0.15, "the middle of the second"),
        ((95, 5, 0), 0.1, "exactly the first bound"),
        ((0, 0, 100), 0.2, "the last bucket has no upper bound: the highest one, as Prometheus says"),
    ],
)
def test_p95_is_the_one_of_prometheus(bucket_counts, p95, why):
    assert Latencies((0.1, 0.2), bucket_counts).p95 == pytest.approx(p95), why


def test_p95_of_nothing_is_no_number():
    assert math.isnan(Latencies((0.1, 0.2), (0, 0, 0)).p95), "no requests, no percentile"


def test_stricter_and_looser_policies_are_obeyed():
    green = counts(1000, failed=30)
    assert verdict(green, BLUE, error_ratio=0.05, error_ratio_points=0.05).outcome is Outcome.PASS, "3 % of 5 % allowed"
    slow = counts(1000, p95=0.28)
    assert verdict(slow, BLUE, p95_factor=4).outcome is Outcome.PASS, "2.8 times of 4 allowed"
    assert verdict(counts(1000), BLUE, p95=timedelta(milliseconds=70)).outcome is Outcome.FAIL, "99 ms of 70 allowed"
    assert verdict(counts(300), BLUE, margin=4).outcome is Outcome.PASS, "300 without a failure exclude 4 %"


@given(
    requests=st.integers(1, 3000),
    ratios=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    active=st.tuples(st.integers(0, 20_000), st.floats(0, 0.05)),
)
def test_more_failures_never_make_a_verdict_better(requests, ratios, active):
    order = [Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL]
    blue = counts(active[0], failed=round(active[0] * active[1]))
    fewer, more = (verdict(counts(requests, failed=round(requests * ratio)), blue).outcome for ratio in sorted(ratios))
    assert order.index(fewer) <= order.index(more), f"{sorted(ratios)} of {requests} against {blue}"
