"""The load on WebSockets: who loses one comes back and says again what was not answered; all else is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.support.load import Flag, Kind, Load, LoadPlan, Progress, Target
from tests.support.load.loopback import LoopbackPlatform
from tests.support.load.loopback_websocket import Fault
from tests.support.load.websocket_frames import (
    BadFrameError,
    Frame,
    FrameReader,
    Opcode,
    accept_of,
    close_code,
    encode,
)

pytestmark = pytest.mark.timeout(180)
PATIENCE = 60
USERS = 20
"""So many that each fault comes often within a second or two."""
PLAN = LoadPlan(
    rate_total=USERS,
    fresh_per_second=0,
    returning_per_second=0,
    posts_per_second=0,
    keep_alive_connections=0,
    websockets=USERS,
    download_seconds=None,
    control=False,
    request_timeout=10,
)
SHORT = 2


def target(platform, *, tls=False):
    return Target(port=platform.port, tls=tls)


def load_on(fault, condition, *, certificate=None, request_timeout=PLAN.request_timeout):
    """Return the report of a load on sick WebSockets that lasted until a condition held, and what the server saw."""
    plan = replace(PLAN, request_timeout=request_timeout)
    with LoopbackPlatform(certificate=certificate) as platform:
        platform.sockets.fault = fault
        with Load(target=target(platform, tls=certificate is not None), plan=plan) as load:
            load.wait_for(condition, timeout=PATIENCE)
            return load.stop(), platform.sockets


def answered(report):
    return report.requests[Kind.WEBSOCKET] >= 2 * USERS


def failed(report):
    return report.failed[Kind.WEBSOCKET] >= 5


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.PING])
def test_a_user_keeps_one_websocket_and_each_message_is_answered_once(transport, fault):
    report, sockets = load_on(fault, answered, certificate=transport)
    assert report.failures == [], "nothing is wrong with it, a ping in between included"
    assert report.mixed_colors == []
    assert len(sockets.cookies) == USERS, "each user opened one"
    assert (report.snapshot.websocket_closes, report.snapshot.messages_again) == (0, 0), "and kept it"
    assert max(Counter(sockets.said).values()) == 1, "no message is sent twice without need"
    new = [row for row in report.rows() if row.flags & Flag.NEW_CONNECTION]
    assert len(new) == USERS, "the first message of each waits for its handshake, the others find it open"
    assert {bool(row.flags & Flag.COOKIE_SET) for row in new} == {True}, "the handshake sets the color's cookie"
    assert report.snapshot.handshakes == (USERS if transport else 0)


@pytest.mark.parametrize("fault", [Fault.GOES_AWAY, Fault.RESTARTS, Fault.SAYS_NOTHING, Fault.CUT])
def test_a_message_without_an_answer_is_sent_once_more_and_nothing_is_lost(transport, fault):
    report, sockets = load_on(fault, lambda now: now.snapshot.messages_again >= USERS, certificate=transport)
    assert report.failures == [], "servers may end a WebSocket at any time, with a word or without"
    assert report.snapshot.websocket_closes == report.snapshot.messages_again, "each ended under a message"
    assert "unanswered messages were sent again" in report.summary(), "it is said all the same"
    again = [message for message, count in Counter(sockets.said).items() if count > 1]
    assert len(again) == report.snapshot.messages_again, "the server saw just those twice"
    # On a busy machine one comes back before another one has come at all.
    assert sockets.cookies.count(None) <= USERS, "who comes back brings its cookie"
    assert report.snapshot.cookie_changes == 0


def test_who_loses_an_idle_websocket_comes_back_at_once():
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=PLAN) as load:
        load.wait_for(lambda now: keeps_one(now, "start"), timeout=PATIENCE)
        load.mark("ended")
        platform.end_sockets(1001)
        load.wait_for(lambda now: keeps_one(now, "ended"), timeout=PATIENCE)
        report = load.stop()
    assert report.failures == [], "that loses nothing"
    assert report.snapshot.websocket_closes == USERS, "each of them ended"
    assert report.requests[Kind.WEBSOCKET] > report.snapshot.scheduled - report.snapshot.not_sent, (
        "nobody waits for a turn to come back"
    )


def keeps_one(report, mark):
    """Whether every user was answered twice since a mark, so that it has a WebSocket that it uses."""
    seen = Counter(row.user for row in report.rows(mark))
    return len(seen) == USERS and min(seen.values()) >= 2


def test_a_server_that_ends_each_websocket_after_one_answer_is_not_asked_without_end():
    report, _ = load_on(Fault.ENDS_AFTER_EACH, lambda now: now.snapshot.websocket_closes >= 2 * USERS)
    assert report.failures == [], "each message was answered"
    assert report.requests[Kind.WEBSOCKET] <= report.snapshot.scheduled, "and no more were sent than planned"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.BAD_GATEWAY, "the handshake was answered with status 502 instead of 101: 'sorry'"),
        (Fault.WRONG_ACCEPT, "the handshake's Sec-WebSocket-Accept is not that of our key"),
        (Fault.CUT_HANDSHAKE, "during the handshake"),
        (Fault.FAILS, "the server closed the WebSocket with 1011"),
        (Fault.NEVER_WELL, "as the WebSocket before, and the message was not answered on either"),
        (Fault.OTHER_ID, "the answer is for id 'another'"),
        (Fault.TWICE, "a message came that nobody had asked for"),
        (Fault.IN_PIECES, "a message came in pieces, which this client does not read"),
    ],
)
def test_what_no_client_may_meet_is_a_failure(fault, words):
    report, _ = load_on(fault, failed)
    assert {failure.kind for failure in report.failures} == {Kind.WEBSOCKET}
    other = [failure for failure in report.failures if words not in failure.reason]
    assert other == [], "the reason says what it was"
    assert any("lost" in problem for problem in report.problems()), "and the proof is spoiled"


def test_a_cookie_is_kept_although_no_answer_followed_its_handshake():
    report, sockets = load_on(Fault.NEVER_WELL, failed)
    assert report.snapshot.messages_again > 0, "each message was said on two of them"
    assert sockets.cookies.count(None) == len({row.user for row in report.rows()}), "nobody came back as a newcomer"


def test_a_message_without_an_answer_on_a_websocket_that_stays_is_a_failure_after_its_time():
    report, _ = load_on(Fault.STALL, lambda now: failed(now) and came_back(now), request_timeout=SHORT)
    for failure in report.failures:
        assert failure.reason == f"no complete response within {SHORT} s", f"the limit is named: {failure!r}"
        assert failure.progress is Progress.SENT, f"nothing of it came: {failure!r}"
        assert failure.served == 1, f"the second message of each connection meets it: {failure!r}"
    assert report.snapshot.messages_again == 0, "nobody repeats what may still be answered"
    assert report.snapshot.websocket_closes == 0, "it was the client that gave up"


def came_back(report):
    """Whether a user opened a second WebSocket."""
    opened = Counter(row.user for row in report.rows() if row.flags & Flag.NEW_CONNECTION)
    return max(opened.values(), default=0) > 1


def test_two_colors_on_one_websocket_are_recorded():
    report, _ = load_on(Fault.OTHER_COLOR, lambda now: len(now.mixed_colors) >= 5)
    assert {mixed.colors for mixed in report.mixed_colors} == {("red", "blue")}, "the answer is red, the handshake blue"
    assert report.failures == [], "as with every other kind that is a finding of its own"


@pytest.mark.parametrize(
    ("fault", "progress"), [(Fault.BAD_GATEWAY, Progress.COMPLETE), (Fault.CUT_HANDSHAKE, Progress.SENT)]
)
def test_coming_back_has_one_try(fault, progress):
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=PLAN) as load:
        load.wait_for(answered, timeout=PATIENCE)
        load.mark("ended")
        platform.sockets.fault = fault
        platform.end_sockets(1001)
        load.wait_for(failed, timeout=PATIENCE)
        report = load.stop()
    assert "ended" in {failure.mark for failure in report.failures}, "one that was under way may be of before"
    assert {failure.served for failure in report.failures} == {0}, "it is the new connection that failed"
    assert {failure.progress for failure in report.failures} == {progress}, "and how far that got"


def test_who_cannot_come_back_at_all_is_lost():
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=PLAN) as load:
        load.wait_for(answered, timeout=PATIENCE)
        platform.shut()
        platform.end_sockets(1001)
        load.wait_for(failed, timeout=PATIENCE)
        report = load.stop()
    assert [one for one in report.failures if "connecting failed" not in one.reason] == [], "nobody listens"


def test_a_websocket_of_before_a_switch_is_not_blamed_for_its_color():
    with LoopbackPlatform() as platform, Load(target=target(platform), plan=PLAN) as load:
        load.wait_for(answered, timeout=PATIENCE)
        load.mark("green", settled_after=0)
        platform.green = 100.0
        load.wait_for(lambda report: sum(1 for _ in report.rows("green")) >= 2 * USERS, timeout=PATIENCE)
        platform.end_sockets(1001)
        load.wait_for(lambda report: len(report.users("green")) == USERS, timeout=PATIENCE)
        report = load.stop()
    seen = {color for row in report.rows("green") for color in [report.snapshot.colors[row.color]]}
    assert seen == {"blue", "green"}, "old connections went on to blue"
    assert report.users_who_saw_two_colors("green") == [], "and no user was sent to blue any more"
    assert report.failures == []
    assert report.mixed_colors == []


def test_the_handshake_is_that_of_the_rfc():
    assert accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the example of section 1.3"


HELLO = bytes.fromhex("810548656c6c6f")
MASKED_HELLO = bytes.fromhex("818537fa213d7f9f4d5158")


def test_frames_are_those_of_the_rfc():
    mask = bytes.fromhex("37fa213d")
    assert encode(Opcode.TEXT, b"Hello") == HELLO, "the examples of section 5.7: unmasked"
    assert encode(Opcode.TEXT, b"Hello", mask=mask) == MASKED_HELLO, "masked"
    assert encode(Opcode.BINARY, bytes(256))[:4] == bytes.fromhex("827e0100"), "and of 256 bytes"


@pytest.mark.parametrize("masked", [False, True])
def test_frames_are_read_the_same_however_they_are_cut(masked):
    mask = b"mask" if masked else b""
    wanted = [Frame(Opcode.PING, b""), Frame(Opcode.TEXT, bytes(126)), Frame(Opcode.CLOSE, b"\x03\xe9bye")]
    whole = b"".join(encode(frame.opcode, frame.payload, mask=mask) for frame in wanted)
    for cut in range(len(whole) + 1):
        reader = FrameReader(masked=masked)
        assert reader.feed(whole[:cut]) + reader.feed(whole[cut:]) == wanted, f"the cut at {cut} changes nothing"
        assert not reader.started, "nothing is left"
    assert close_code(wanted[-1].payload) == 1001
    assert close_code(b"") is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (MASKED_HELLO, "a frame of a server is masked"),
        (bytes.fromhex("010348656c"), "a message came in pieces"),
        (bytes.fromhex("80026c6f"), "a message came in pieces"),
        (bytes.fromhex("c10548656c6c6f"), "an extension that was not agreed on"),
        (bytes.fromhex("8300"), "the unknown opcode 3"),
        (bytes.fromhex("897e0100"), "a PING frame has more than 125 bytes"),
        (bytes.fromhex("817f0000000000010001"), "a frame has 65537 bytes, more than 65536"),
    ],
)
def test_frames_that_a_client_need_not_read_are_refused_by_name(data, words):
    with pytest.raises(BadFrameError, match=words):
        FrameReader(masked=False).feed(data)


def test_a_plan_counts_its_websockets():
    assert PLAN.keep_alive_per_second == 0, "they are part of the whole rate"
