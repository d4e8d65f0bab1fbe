"""The load generator against loopback platforms that misbehave: it must see every lost request, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Event

import pytest

from tests.support.load import (
    Flag,
    Kind,
    Load,
    LoadError,
    LoadPlan,
    Mark,
    PostState,
    Progress,
    Report,
    Target,
    compare_posts,
    fetch_post_counts,
    measure_shares,
    posts_of,
)
from tests.support.load.loopback import LoopbackPlatform, Sickness
from tests.support.load.record import KIND_NUMBERS, ROW, Snapshot
from tests.support.load.response import BadResponseError, ResponseReader

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 60
REUSING = {Kind.KEEP_ALIVE, Kind.POST}

pytestmark = pytest.mark.timeout(180)


def small(**changes):
    """A plan that shows everything within a second or two, and that a busy machine can still carry."""
    values = {
        "rate_total": 130.0,
        "fresh_per_second": 25.0,
        "returning_per_second": 20.0,
        "posts_per_second": 25.0,
        "keep_alive_connections": 6,
        "idle_range": (0.0, 0.1),
        "idle_beyond": 0.3,
        "returning_users": 20,
        "download_seconds": 0.5,
        "control_per_second": 10.0,
        "request_timeout": 30.0,
    }
    return LoadPlan(**(values | changes))


def target(platform, *, tls=False):
    return Target(port=platform.port, tls=tls)


def done(**counts):
    """A condition: so many finished requests of each kind named."""
    wanted = {Kind[name.upper()]: count for name, count in counts.items()}
    return lambda report: all(report.requests[kind] >= count for kind, count in wanted.items())


def run_until(platform, condition, *, tls=False, **changes):
    with Load(target=target(platform, tls=tls), plan=small(**changes)) as load:
        load.wait_for(condition, timeout=PATIENCE)
        return load.stop()


def only(sickness, *, path=None, above=0):
    """Sick at one path, from the given number of requests of a connection on."""
    return lambda ask: sickness if path in {None, ask.path} and ask.number > above else Sickness.NONE


EVERY_KIND = done(keep_alive=40, fresh=20, returning=10, post=20, download=1, control=5)


def test_a_healthy_platform_loses_nothing(transport):
    with LoopbackPlatform(certificate=transport) as platform:
        report = run_until(
            platform, lambda now: EVERY_KIND(now) and now.reuses_after(0.05) > 0, tls=transport is not None
        )
        counts = fetch_post_counts(target(platform, tls=transport is not None), prefix=report.snapshot.post_prefix)
    assert report.failures == [], "every answer was right and complete"
    assert report.control_failures == [], "nor was any probe of the control target lost"
    assert report.newcomers_without_cookie() == 0, "the platform gives every newcomer a cookie"
    assert report.snapshot.cookie_changes == 0, "a user with a cookie is given no other"
    assert report.reuses_after(0.05) > 0, "kept connections are reused after idling"
    assert set(posts_of(report).values()) == {PostState.ACKNOWLEDGED}, "stop() waits for what is under way"
    verdict = compare_posts(report, counts)
    assert (verdict.lost, verdict.doubled, verdict.foreign) == ([], [], []), "each post was executed once"
    if transport is not None:
        fresh = report.requests[Kind.FRESH]
        assert report.snapshot.handshakes >= fresh, "newcomers shake hands in full"
        assert report.snapshot.resumed >= report.requests[Kind.RETURNING], "users who return resume their session"


def test_a_modest_load_is_sent_as_planned():
    modest = {"rate_total": 40.0, "fresh_per_second": 10.0, "returning_per_second": 5.0, "posts_per_second": 5.0}
    with LoopbackPlatform() as platform:
        report = run_until(platform, done(keep_alive=20), **modest)
    assert report.rate_reached, f"forty requests a second are easy: {report.summary()}"
    assert report.problems() == [], "and nothing else speaks against the proof"


def test_chunked_answers_are_complete_answers(transport):
    with LoopbackPlatform(certificate=transport, sick=only(Sickness.CHUNKED)) as platform:
        report = run_until(platform, done(keep_alive=30, fresh=10), tls=transport is not None)
    assert report.failures == [], "a chunked body proves its end as well as a counted one"


def test_an_announced_close_is_no_failure(transport):
    with LoopbackPlatform(certificate=transport, sick=only(Sickness.CLOSE_ANNOUNCED)) as platform:
        report = run_until(platform, done(keep_alive=30), tls=transport is not None)
    assert report.failures == [], "the server said that it closes, so the next request opens a new connection"
    assert report.reuses_after(0) == 0, "a connection is never reused after `Connection: close`"


def test_a_connection_that_was_closed_while_idle_is_not_reused_and_not_a_failure(transport):
    quiet = {"rate_total": 30.0, "fresh_per_second": 0.0, "returning_per_second": 0.0, "posts_per_second": 0.0}
    long = {"keep_alive_connections": 12, "idle_range": (0.3, 0.6), "idle_beyond": 0.8, "download_seconds": None}
    with LoopbackPlatform(certificate=transport, sick=only(Sickness.CLOSE_IDLE)) as platform:
        tls = transport is not None
        report = run_until(platform, lambda report: report.snapshot.idle_closes > 10, tls=tls, **quiet, **long)
    # A request that leaves while the EOF is on its way is lost indeed, so only those after some idling are judged.
    after_idling = [failure for failure in report.failures if failure.idle > 0.25]
    assert after_idling == [], "the EOF was there before the next request: no client that looks loses one"
    assert report.snapshot.idle_closes > 10, "those closes are counted all the same"


@pytest.mark.parametrize(
    ("sickness", "words"),
    [(Sickness.RESET_ON_REUSE, ("RST",)), (Sickness.CLOSE_ON_REUSE, ("EOF", "close_notify"))],
)
def test_a_reused_connection_that_breaks_under_a_request_is_a_failure(transport, sickness, words):
    with LoopbackPlatform(certificate=transport, sick=only(sickness, above=1)) as platform:
        report = run_until(platform, lambda report: len(report.failures) >= 10, tls=transport is not None)
    assert {failure.kind for failure in report.failures} <= REUSING, "only reused connections break here"
    for failure in report.failures:
        assert any(word in failure.reason for word in words), f"the reason names what came: {failure!r}"
        assert failure.progress is Progress.SENT, f"the request was written and nothing came back: {failure!r}"
        assert failure.served == 1, f"the second request of each connection meets it: {failure!r}"
        assert failure.connection_age >= failure.idle >= 0, f"a connection is older than its idle time: {failure!r}"


def test_no_request_is_ever_sent_twice():
    with LoopbackPlatform(sick=only(Sickness.CLOSE_ON_REUSE, above=1)) as platform:
        report = run_until(platform, done(keep_alive=40, post=20), download_seconds=None)
        asked = Counter(platform.seen)
    sent = sum(count for kind, count in report.requests.items() if kind is not Kind.CONTROL)
    assert asked.total() == sent, "a retry hides what it repeats, so the server sees exactly what the report counts"
    assert report.failures, "and some of it failed"


def test_a_truncated_body_is_a_failure_that_says_how_far_it_got(transport):
    with LoopbackPlatform(certificate=transport, sick=only(Sickness.TRUNCATE, path="/whoami")) as platform:
        report = run_until(platform, lambda report: len(report.failures) >= 5, tls=transport is not None)
    for failure in report.failures:
        assert failure.path == "/whoami", f"only /whoami is truncated: {failure!r}"
        assert failure.progress is Progress.BODY, f"the head was there: {failure!r}"
        assert failure.expected is not None, f"the head promised a length: {failure!r}"
        assert 0 < failure.received < failure.expected, f"half of the body came: {failure!r}"


def test_a_download_that_ends_early_is_a_failure():
    with LoopbackPlatform(sick=only(Sickness.TRUNCATE, path="/download")) as platform:
        report = run_until(platform, done(download=1))
    [failure, *_] = report.failures
    assert failure.kind is Kind.DOWNLOAD, "nothing else is sick"
    assert failure.received == 5 * 1024, "half of the ten chunks came"
    assert failure.expected == 10 * 1024, "all ten were promised"


def test_stop_may_abandon_the_download_without_calling_it_lost():
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=small(download_seconds=30.0)) as load:
        load.wait_for(done(fresh=5), timeout=PATIENCE)
        report = load.stop(finish_download=False)
    assert report.failures == [], "we cut it off, not the platform"
    assert report.snapshot.abandoned == 1, "and the report says so"


def test_a_wrong_status_is_a_failure_with_an_excerpt():
    with LoopbackPlatform(sick=only(Sickness.ERROR, path="/api/whoami")) as platform:
        report = run_until(platform, lambda report: len(report.failures) >= 5)
    for failure in report.failures:
        assert failure.path == "/api/whoami", f"only that path is sick: {failure!r}"
        assert failure.status == 500, f"the status is kept: {failure!r}"
        assert "status 500 instead of 200: 'sorry'" in repr(failure), "the text says what came and what was due"


def test_an_answer_without_a_color_is_a_failure():
    with LoopbackPlatform(sick=only(Sickness.NO_COLOR, path="/whoami")) as platform:
        report = run_until(platform, lambda report: len(report.failures) >= 3)
    assert {failure.progress for failure in report.failures} == {Progress.COMPLETE}, "complete, and wrong"


def test_a_stalled_request_is_a_failure_after_its_time():
    with LoopbackPlatform(sick=only(Sickness.STALL, path="/")) as platform:
        report = run_until(platform, lambda report: len(report.failures) >= 3, request_timeout=0.5)
    for failure in report.failures:
        assert failure.reason == "no complete response within 0.5 s", f"the limit is named: {failure!r}"
        assert 0.5 <= failure.after < 5, f"the limit is kept: {failure!r}"
        assert failure.progress is Progress.SENT, f"it was sent: {failure!r}"


def test_a_refused_connection_is_a_failure():
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=small(download_seconds=None)) as load:
        load.wait_for(done(fresh=5), timeout=PATIENCE)
        load.mark("shut", settled_after=0)
        platform.shut()
        load.wait_for(lambda report: len(report.failures) >= 5, timeout=PATIENCE)
        report = load.stop()
    refused = [failure for failure in report.failures if "refused" in failure.reason]
    assert refused, f"the reason is the system's: {report.summary()}"
    assert refused[-1].mark == "shut", "each failure names its stage"
    assert {failure.progress for failure in refused} == {Progress.CONNECTING}, "and how far it got: nobody listened"


def test_who_knows_a_second_address_loses_nothing_when_the_first_is_silent_or_gone():
    silent = Event()

    def stalls(_ask):
        return Sickness.STALL if silent.is_set() else Sickness.NONE

    with LoopbackPlatform(sick=stalls) as first, LoopbackPlatform() as second:
        aim = Target(port=first.port, tls=False, second=("127.0.0.1", second.port))
        with Load(target=aim, plan=small(first_try=0.5)) as load:
            load.wait_for(done(keep_alive=10, fresh=10, post=10), timeout=PATIENCE)
            silent.set()
            load.wait_for(lambda report: report.snapshot.second_tries >= 50, timeout=PATIENCE)
            tried = load.snapshot().snapshot.second_tries
            first.shut()
            load.wait_for(lambda report: report.snapshot.second_tries >= tried + 50, timeout=PATIENCE)
            report = load.stop()
    assert report.failures == [], f"the second one answered everything: {report.summary()}"
    assert second.seen, "and was asked for it"


def test_lost_and_doubled_posts_are_told_apart():
    def sick(ask):
        by_ending = {b"0": Sickness.DOUBLE_POSTS, b"5": Sickness.LOSE_POSTS, b"7": Sickness.ERROR}
        return by_ending.get(ask.body.rstrip(b'"}')[-1:], Sickness.NONE)

    with LoopbackPlatform(sick=sick) as platform:
        report = run_until(platform, done(post=30))
        counts = fetch_post_counts(target(platform), prefix=report.snapshot.post_prefix)
    verdict = compare_posts(report, counts)
    assert endings(verdict.lost) == {"5"}, "ids ending in 5 were acknowledged and swallowed"
    assert endings(verdict.doubled) == {"0"}, "those ending in 0 were executed twice"
    assert endings(verdict.unacknowledged) == {"7"}, "those ending in 7 were executed and answered with 500"
    assert {failure.post for failure in report.failures} == set(verdict.unacknowledged), "each of those failed too"


def endings(posts):
    return {post[-1] for post in posts}


def test_two_colors_in_one_response_are_recorded():
    with LoopbackPlatform(sick=only(Sickness.MIXED_COLORS, path="/whoami")) as platform:
        report = run_until(platform, lambda report: len(report.mixed_colors) >= 3)
    assert {mixed.colors for mixed in report.mixed_colors} == {("blue", "red")}, "the web is blue, its API red"
    assert report.failures == [], "a mixed answer is a finding of its own"
    assert any("two colors" in problem for problem in report.problems()), "and spoils the proof"


def test_shares_and_users_follow_the_traffic():
    stages = {"10": 10.0, "50": 50.0, "100": 100.0}
    plan = small(rate_total=200.0, fresh_per_second=90.0, returning_per_second=50.0, returning_users=10)
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=plan) as load:
        load.wait_for(lambda report: len(report.users("start")) >= 15, timeout=PATIENCE)
        for label, green in stages.items():
            load.mark(label, settled_after=0.4)
            platform.green = green
            load.wait_for(lambda report, label=label: enough(report, label), timeout=PATIENCE)
        report = load.stop()
    assert report.failures == [], "nothing is lost"
    assert report.shares("start")["blue"].percent == 100, "before the first mark all is blue"
    assert 2 < report.shares("10")["green"].percent < 20, "about a tenth of the newcomers"
    assert 35 < report.shares("50")["green"].percent < 65, "about half of them"
    assert set(report.shares("100")) == {"green"}, "all of them"
    for label in stages:
        assert report.users_who_saw_two_colors(label) == [], f"a user stays with a color within stage {label}"
    assert report.users_not_monotonic(list(stages), color="green") == [], "who is on green stays on green"
    assert report.users_not_monotonic(["10", "100"], color="blue"), "asked the other way round, users do leave blue"
    assert report.old_color_until("blue", "100") < 0.4, "the stand-in switches at once"
    assert report.old_color_until("red", "100") == 0, "there was no red at all"


def enough(report, label):
    newcomers = sum(share.count for share in report.shares(label).values())
    return newcomers >= 150 and len(report.users(label)) >= 15


def test_users_who_change_color_within_a_stage_are_named():
    with LoopbackPlatform(sick=only(Sickness.FLIP)) as platform:
        report = run_until(platform, lambda report: len(report.users_who_saw_two_colors("start")) >= 5)
    history = report.users_who_saw_two_colors("start")[0]
    assert history.colors == {"blue", "green"}, "both colors are in the history"
    assert "then" in repr(history), f"the text tells the sequence: {history!r}"


def test_a_load_that_falls_short_says_so():
    with LoopbackPlatform(sick=only(Sickness.STALL)) as platform:
        report = run_until(
            platform,
            lambda report: report.snapshot.not_sent > 20,
            max_in_flight=5,
            request_timeout=1.0,
            download_seconds=None,
        )
    assert not report.rate_reached, "with five requests allowed at once, a stalled server slows the load down"
    assert any("weaker than it must be" in problem for problem in report.problems()), "which is no proof of anything"


def test_latency_counts_the_time_that_a_request_had_to_wait():
    with LoopbackPlatform(sick=only(Sickness.SLOW)) as platform:
        report = run_until(
            platform,
            done(keep_alive=20),
            rate_total=20.0,
            fresh_per_second=0.0,
            returning_per_second=0.0,
            posts_per_second=0.0,
            keep_alive_connections=2,
            download_seconds=None,
        )
    waited = report.latency().p95 - report.service_time().p95
    assert waited > 0.2, "two connections cannot carry twenty a second at a fifth of a second each: the queue counts"


@pytest.mark.parametrize(
    ("limit", "words"),
    [({"max_requests": 30}, "max_requests (30) reached"), ({"max_seconds": 0.5}, "max_seconds (0.5) reached")],
)
def test_the_load_ends_by_itself_at_its_limits(limit, words):
    with LoopbackPlatform() as platform:
        report = run_until(platform, lambda report: report.snapshot.ended_by, **limit)
    assert report.snapshot.ended_by == words, "the report names the limit"
    assert not report.rate_reached, "a load that ended before stop() proves less than planned"


def test_a_sick_machine_shows_at_the_control_target():
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=small()) as load:
        load.wait_for(done(control=3), timeout=PATIENCE)
        [control] = children(load.pid)
        os.kill(control, signal.SIGKILL)
        load.wait_for(lambda report: report.control_failures, timeout=PATIENCE)
        report = load.stop()
    assert report.failures == [], "the platform lost nothing"
    assert any("control" in problem for problem in report.problems()), "but the measurement is spoiled"


def test_a_generator_that_dies_proves_nothing():
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=small()) as load:
        load.wait_for(done(fresh=3), timeout=PATIENCE)
        os.kill(load.pid, signal.SIGKILL)
        with pytest.raises(LoadError, match="died instead"):
            load.stop()


def test_leaving_the_block_leaves_no_process():
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=small()) as load:
        load.wait_for(done(fresh=3), timeout=PATIENCE)
        processes = [load.pid, *children(load.pid)]
    assert len(processes) == 2, "the generator and its control target"
    assert_gone(processes)


def test_a_killed_test_leaves_no_process():
    script = (
        "import sys, time\n"
        "from tests.support.load import Load, LoadPlan, Target\n"
        "with Load(target=Target(port=int(sys.argv[1]), tls=False), plan=LoadPlan()) as load:\n"
        "    print(load.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with LoopbackPlatform() as platform:
        command = [sys.executable, "-c", script, str(platform.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY, text=True) as parent:
            generator = int(parent.stdout.readline())
            processes = [generator, *children(generator)]
            parent.kill()
        assert len(processes) == 2, "the generator and its control target"
        assert_gone(processes)


def test_shares_are_measured_in_a_burst_of_newcomers(transport):
    with LoopbackPlatform(certificate=transport) as platform:
        platform.green = 30.0
        counts = measure_shares(target(platform, tls=transport is not None), newcomers=600, concurrency=4)
    assert sum(counts.values()) == 600, "each newcomer is counted once"
    assert 120 < counts["green"] < 240, "about 30 % of them"


def test_a_burst_that_loses_a_request_measures_nothing():
    with (
        LoopbackPlatform(sick=only(Sickness.ERROR, above=20)) as platform,
        pytest.raises(LoadError, match="status 500"),
    ):
        measure_shares(target(platform), newcomers=100, concurrency=2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate_total": 0.0}, "rate_total must be above 0"),
        ({"rate_total": 50.0}, "raise rate_total or lower the others"),
        ({"keep_alive_connections": 0}, "keep_alive_connections is 0"),
        ({"idle_range": (1.0, 0.5)}, "must rise"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(changes, words):
    with pytest.raises(LoadError, match=words):
        small(**changes)


def test_a_mark_is_set_once():
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=small()) as load:
        load.mark("10")
        with pytest.raises(LoadError, match="label of its own"):
            load.mark("10")


def test_headers_of_a_target_are_not_printed():
    aimed = Target(headers=(("X-Colorway-Preview", "token"),))
    assert "token" not in repr(aimed), "one of them may be a secret"
    assert b"\r\nX-Colorway-Preview: token\r\n" in aimed.request("GET", "/"), "but they are sent"


def made_report(*rows, marks):
    """A report of hand-made rows: (started, user, color, flags)."""
    packed = b"".join(
        ROW.pack(started, 0, 1000, user, 0, 200, KIND_NUMBERS[Kind.FRESH], 0, color, flags)
        for started, user, color, flags in rows
    )
    nothing = dict.fromkeys(("scheduled", "not_sent", "idle_closes", "cookie_changes", "abandoned", "handshakes"), 0)
    snapshot = Snapshot(
        rows=packed, colors=("", "blue", "green"), failures=(), mixed=(), post_prefix="", post_states=b"",
        started=100.0, ended=200.0, ended_by="stopped", resumed=0, cpu_seconds=0.0, **nothing,
    )  # fmt: skip
    return Report(snapshot=snapshot, plan=LoadPlan(), marks=tuple(marks))


MARKS = (
    Mark(label="start", at=100.0, settled_after=0.0),
    Mark(label="10", at=110.0, settled_after=5.0),
    Mark(label="50", at=130.0, settled_after=5.0),
)
BLUE, GREEN = 1, 2


def test_only_requests_that_started_in_the_settled_part_of_a_stage_are_judged():
    report = made_report(
        (112.0, 7, BLUE, Flag.NEW_CONNECTION),
        (116.0, 7, GREEN, 0),
        (129.0, 7, GREEN, 0),
        (131.0, 7, BLUE, 0),
        marks=MARKS,
    )
    assert report.users_who_saw_two_colors("10") == [], "blue came before the stage was settled"
    assert set(report.users("10")) == {7}, "and the user was judged"
    assert report.users("50") == {}, "nothing of the next stage is settled yet"


def test_a_user_who_falls_back_is_not_monotonic():
    report = made_report(
        (116.0, 7, GREEN, 0), (116.0, 8, BLUE, 0), (136.0, 7, BLUE, 0), (136.0, 8, GREEN, 0), marks=MARKS
    )
    [change] = report.users_not_monotonic(["10", "50"], color="green")
    assert (change.earlier.user, change.earlier.mark, change.later.mark) == (7, "10", "50"), "8 rose, 7 fell"


def test_a_request_that_the_next_switch_may_have_met_is_not_judged():
    ended_later = (129.9995, 7, GREEN, 0)
    report = made_report((116.0, 7, BLUE, 0), ended_later, marks=MARKS)
    assert report.users_who_saw_two_colors("10") == [], "it started before the mark and was answered after it"


def test_the_switch_latency_counts_new_connections_only():
    new = Flag.NEW_CONNECTION
    report = made_report(
        (109.0, 0, BLUE, new), (110.3, 0, BLUE, new), (118.0, 1, BLUE, 0), (119.0, 0, GREEN, new), marks=MARKS
    )
    assert report.old_color_until("blue", "10") == pytest.approx(0.3), "the last new connection that met blue"
    late = report.old_color_until("blue", "10", new_connections_only=False)
    assert late == pytest.approx(8.0), "an idle connection of an old worker may meet it later"


def test_an_unknown_mark_is_named_with_the_known_ones():
    with pytest.raises(KeyError, match="'start', '10', '50'"):
        made_report(marks=MARKS).shares("90")


RESPONSES = {
    "counted": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunked with extension and trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n"
    ),
    "after an early hint": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    ),
}


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_is_read_the_same_however_it_is_cut(name):
    whole = RESPONSES[name]
    for cut in range(1, len(whole)):
        reader = ResponseReader(keep_body=True)
        assert not reader.feed(whole[:cut]), f"it is incomplete after {cut} of {len(whole)} bytes"
        assert reader.feed(whole[cut:]), f"and complete after the rest (cut at {cut})"
        assert (reader.status, bytes(reader.body)) == (200, b"hello"), f"the cut at {cut} changes nothing"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP/1.1 status line"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "no end can be proved"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", "1 bytes came after the end"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n", "no number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no hexadecimal size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", "longer than its size"),
        (b"x" * 70_000, "exceeds 65536 bytes"),
    ],
)
def test_what_cannot_be_proved_complete_is_refused(data, words):
    with pytest.raises(BadResponseError, match=words):
        ResponseReader(keep_body=True).feed(data)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def assert_gone(processes):
    deadline = time.monotonic() + 20
    while (left := [pid for pid in processes if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == [], "the generator and its control target end when nobody listens to them any more"
