"""What Prometheus is asked, and what its answers mean; the shapes are those of Prometheus 2.42 with mtail 3.0."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from colorway.release.verdict.counters import Metric, OwnRequests, Snapshot, counters_query, parse, window_between
from colorway.release.verdict.window import Counts, QueryError, Window
from colorway.spec.traffic import Color

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
BOUNDS = ("0.1", "0.2", "+Inf")


def series(name, value, *, lb="lb1", at=0.0, **labels):
    """One series as Prometheus writes it, with an older sample that must not be taken."""
    metric = {"__name__": name, "job": "load-balancers", "load_balancer": lb, "instance": f"mtail-{lb}:3903", **labels}
    time = NOW.timestamp() + at
    return {"metric": metric, "values": [[time - 5, "0"], [time, str(value)]]}


def alive(lb="lb1", at=0.0, lines=1):
    return [
        series("up", 1, lb=lb, at=at),
        series("colorway_log_lines_total", lines, lb=lb, at=at, prog="colorway.mtail"),
    ]


def requests(value, *, color="green", code="200", service="web", lb="lb1", at=0.0):
    return series("colorway_requests_total", value, lb=lb, at=at, color=color, code=code, service=service)


def failovers(value, *, meant="green", lb="lb1", at=0.0):
    to = "blue" if meant == "green" else "green"
    return series("colorway_failover_total", value, lb=lb, at=at, service="web", to=to, **{"from": meant})


def seconds(*cumulative, color="green", lb="lb1", at=0.0, bounds=BOUNDS):
    return [
        series("colorway_request_seconds_bucket", value, lb=lb, at=at, service="web", color=color, le=le)
        for le, value in zip(bounds, cumulative, strict=True)
    ]


def answer(*result):
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": list(result)}})


def snapshot(*result, lbs=("lb1",)):
    found = parse(answer(*result), at=NOW, load_balancers=lbs)
    assert isinstance(found, Snapshot), found
    return found


def window(first, last, **options):
    found = window_between(first, last, services=("web", "api"), **options)
    assert isinstance(found, Window), found
    return found


def green(first, last):
    return window(snapshot(*first), snapshot(*last)).of("web").green


def test_one_query_fetches_every_counter_with_the_times_of_its_scrapes():
    query = counters_query(timedelta(seconds=5))
    assert query == (
        '{__name__=~"up|colorway_log_lines_total|colorway_requests_total|colorway_failover_total|'
        'colorway_request_seconds_bucket",job="load-balancers"}[15s]'
    ), "a range of three scrapes: older figures are no figures"
    assert counters_query(timedelta(milliseconds=500)).endswith("[2s]"), "a range has whole seconds"


def test_what_a_shared_service_answers_is_no_color_s():
    ours = [requests(5), requests(7, color="shared"), requests(9, color="shared", service="mail", code="502")]
    found = snapshot(*alive(), *ours)
    assert {one.color for one in found.figures[0].values if one.metric is Metric.REQUESTS} == {Color.GREEN}
    counted = window(snapshot(*alive(lines=0), *[requests(0, color="shared")]), found)
    assert (counted.of("web").green.attempts, counted.of("web").blue.attempts) == (5, 0), "in no verdict"


def test_the_counters_are_those_that_mtail_exports(project_root):
    program = (project_root / "templates/mtail.j2").read_text()
    for name in (Metric.REQUESTS, Metric.FAILOVERS, Metric.LINES):
        assert f"counter {name}" in program, f"nobody counts {name}"
    assert f"histogram {Metric.SECONDS.removesuffix('_bucket')} " in program, "nobody measures response times"


def test_the_job_is_the_one_that_prometheus_scrapes(project_root):
    config = (project_root / "templates/prometheus.yml.j2").read_text()
    assert "job_name: load-balancers" in config, "the query names the job"
    assert "load_balancer:" in config, "the label that tells whose figures are missing"


@pytest.fixture
def project_root(request):
    return request.config.rootpath


def test_statuses_are_sorted_into_what_they_mean():
    counted = green(
        alive(),
        [
            *alive(lines=9),
            *(requests(n, code=code) for n, code in enumerate(("200", "302", "404", "101", "500", "503"), start=1)),
            requests(10, code="502"),
            requests(20, code="504"),
            requests(30, code="-"),
            requests(40, code="499"),
            requests(50, code="009"),
        ],
    )
    assert counted.attempts == 1 + 2 + 3 + 4 + 5 + 6 + 10 + 20 + 30 + 40 + 50, "each is an attempt"
    assert counted.failed == 5 + 6 + 50, "5xx, and what is no status at all"
    assert counted.unreachable == 30, "502 and 504: the ones that nginx retries elsewhere"
    assert counted.abandoned == 70, "no status, and 499: the client left"
    assert counted.failures == 91, "the client's own decision is no failure"


def test_growth_is_counted_and_not_what_was_before():
    first = [*alive(), requests(1000), requests(7, code="500")]
    last = [*alive(at=20, lines=200), requests(1100, at=20), requests(9, code="500", at=20)]
    counted = green(first, last)
    assert (counted.attempts, counted.failed) == (102, 2), "differences"
    found = window(snapshot(*first), snapshot(*last))
    assert (found.start, found.length) == (NOW, timedelta(seconds=20)), "from scrape to scrape"


def test_the_first_failure_ever_is_counted():
    counted = green([*alive(), requests(10)], [*alive(at=5), requests(12, at=5), requests(1, code="500", at=5)])
    assert counted.failed == 1, "increase() would not see the first value of a series"


def test_a_restart_of_mtail_counts_what_came_after_it():
    first = [*alive(lines=5000), requests(4000), requests(30, code="500")]
    fell = green(first, [*alive(at=5, lines=40), requests(35, at=5), requests(31, code="500", at=5)])
    assert (fell.attempts, fell.failed) == (66, 31), "one counter fell, so all of this load balancer began anew"
    vanished = green(first, [*alive(at=5, lines=6000), requests(5000, at=5)])
    assert vanished.attempts == 5000, "a counter that vanished says the same"


def test_a_restart_of_one_mtail_leaves_the_other_alone():
    first = snapshot(*alive(), requests(1000), *alive("lb2"), requests(1000, lb="lb2"), lbs=("lb1", "lb2"))
    last = snapshot(
        *alive(at=5), requests(10, at=5), *alive("lb2", at=5), requests(1100, lb="lb2", at=5), lbs=("lb1", "lb2")
    )
    assert window(first, last).of("web").green.attempts == 110, "10 since the restart, 100 of the other"


def test_failovers_belong_to_the_color_that_was_meant():
    found = window(snapshot(*alive()), snapshot(*alive(), failovers(40), requests(40, color="blue")))
    assert found.of("web").green.failures == 40, "green was meant and dead, though it has no attempt"
    assert found.of("web").green.answered == 40, "and 40 requests were meant for it"
    assert found.of("web").blue.failures == 0, "blue answered"


def test_response_times_are_differences_of_buckets():
    counted = green(
        [*alive(), *seconds(10, 10, 10)], [*alive(at=5, lines=9), *seconds(15, 18, 20, at=5), requests(10, at=5)]
    )
    assert counted.latencies.bounds == (0.1, 0.2), "the infinite bucket has no bound"
    assert counted.latencies.counts == (5, 3, 2), "per bucket, not cumulative"


def test_a_service_that_nobody_asked_is_there_with_zeros():
    found = window(snapshot(*alive()), snapshot(*alive(at=5), requests(3, at=5)))
    assert found.of("api").green == Counts(), "no series, no requests; the verdict must see that"


def test_our_own_requests_are_noted_with_the_color_that_they_chose():
    own = OwnRequests(Color.GREEN, {"web": 2})
    found = window(snapshot(*alive()), snapshot(*alive(at=5), requests(3, at=5)), own=own)
    assert found.of("web").green.answered == 1, "3 attempts, 2 of them ours"
    assert found.of("web").blue.synthetic == 0, "blue got none"


def test_a_window_has_a_length_as_soon_as_one_load_balancer_was_scraped_anew():
    first = snapshot(*alive(), *alive("lb2", at=-3), lbs=("lb1", "lb2"))
    last = snapshot(*alive(), *alive("lb2", at=2), lbs=("lb1", "lb2"))
    assert window(first, last).length > timedelta(), "or its requests would be taken for none"


def test_buckets_that_change_are_an_error():
    first = snapshot(*alive(), *seconds(1, 2, 3))
    last = snapshot(*alive(at=5), *seconds(1, 2, 3, at=5, bounds=("0.1", "0.5", "+Inf")))
    found = window_between(first, last, services=("web",))
    assert isinstance(found, QueryError), "two histograms with different buckets have no difference"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<html>502 Bad Gateway</html>", "the answer does not look like Prometheus's (it is no JSON object)"),
        ("", "the answer does not look like Prometheus's (it is no JSON object)"),
        ("[]", "the answer does not look like Prometheus's (it is no JSON object)"),
        (
            '{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}',
            "the answer does not look like Prometheus's (data.result.0)",
        ),
        (
            '{"status": "error", "errorType": "timeout", "error": "query timed out"}',
            "Prometheus refused the query: query timed out",
        ),
        (
            '{"status": "success"}',
            "there are no figures of load balancer lb1; is its mtail running, and does Prometheus reach it?",
        ),
        (answer(), "there are no figures of load balancer lb1; is its mtail running, and does Prometheus reach it?"),
        (
            answer(series("up", 0)),
            "there are no figures of load balancer lb1; is its mtail running, and does Prometheus reach it?",
        ),
        (answer(series("up", 1)), "mtail beside load balancer lb1 counts nothing; did it refuse its program?"),
        (answer(series("up", "NaN")), "the answer does not look like Prometheus's (data.result.0.values.1.1)"),
        (
            answer(*alive("lb2")),
            "there are no figures of load balancer lb1; is its mtail running, and does Prometheus reach it?",
        ),
    ],
)
def test_what_is_no_answer_is_a_query_error_with_one_sentence(body, reason):
    found = parse(body, at=NOW, load_balancers=("lb1",))
    assert found == QueryError(at=NOW, reason=reason), "neither a crash, nor zeros that look like silence"


def test_figures_of_some_load_balancers_say_whose_are_missing():
    found = snapshot(*alive("lb1"), lbs=("lb1", "lb2"))
    assert [one.load_balancer for one in found.figures] == ["lb1"]
    assert "load balancer lb2" in found.missing, found.missing
    before = snapshot(*alive("lb1", at=-5), *alive("lb2", at=-5), lbs=("lb1", "lb2"))
    seen = window(before, found.over(before))
    assert seen.missing == found.missing, "half of the traffic is not the traffic"
    assert seen.length == timedelta(seconds=7.5) - timedelta(seconds=2.5), "by the clock of the one that is there"


def test_what_a_load_balancer_counted_while_it_could_not_be_asked_is_counted_afterwards():
    both = ("lb1", "lb2")
    first = snapshot(*alive(), *alive("lb2"), requests(10, lb="lb2"), lbs=both)
    alone = snapshot(*alive(at=5), lbs=both).over(first)
    last = snapshot(*alive(at=10), *alive("lb2", at=10), requests(17, lb="lb2", at=10), lbs=both)
    assert window(first, alone).of("web").green.attempts == 0
    assert window(alone, last).of("web").green.attempts == 7
    assert not window(alone, last).missing
    unknown = snapshot(*alive(), lbs=both)
    assert window(unknown, last).of("web").green.attempts == 0, "nobody knows since when it had counted"


def test_load_balancers_with_different_buckets_are_refused():
    body = answer(
        *alive(), *seconds(1, 2, 3), *alive("lb2"), *seconds(1, 2, 3, lb="lb2", bounds=("0.1", "0.5", "+Inf"))
    )
    found = parse(body, at=NOW, load_balancers=("lb1", "lb2"))
    assert isinstance(found, QueryError), "their sum would be nonsense"


def test_a_series_that_the_newest_scrape_no_longer_has_is_gone():
    found = snapshot(*alive(at=5), requests(500, at=0), requests(3, color="blue", at=5))
    assert {one.color for one in found.figures[0].values if one.metric is Metric.REQUESTS} == {Color.BLUE}, (
        "the sample before the restart is still in the range, and no longer true"
    )


def test_colors_and_labels_that_we_do_not_know_are_left_out():
    found = snapshot(*alive(), requests(3, color="purple"), series("colorway_requests_total", 4), *seconds(1, 2, 3))
    assert {one.metric for one in found.figures[0].values} == {Metric.LINES, Metric.SECONDS}, "others' counters"
