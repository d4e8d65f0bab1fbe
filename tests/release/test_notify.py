"""Notices arrive; one that does not changes nothing, is reported, and its address stays secret."""

from __future__ import annotations

import socket
import time

import pytest

from colorway.release.plan.steps import Event
from colorway.release.ports.protocols import Notice
from colorway.release.tell.notices import Notices
from tests.release.sinks import http_sink, smtp_sink

NOTICE = Notice(event=Event.FAILED, title="test: 2.0.0 failed", lines=("web: 20 % failed", "blue 0.1 %"))


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_notice_reaches_a_webhook_with_its_evidence() -> None:
    with http_sink() as sink:
        problems = Notices(lambda: {"notify-url": f"json://127.0.0.1:{sink.port}/hook"}).send(NOTICE)
    assert problems == (), "it went out"
    assert sink.paths == ["/hook"], "once"
    assert "web: 20 % failed" in sink.bodies[0], "with its evidence"
    assert "test: 2.0.0 failed" in sink.bodies[0], "and its title"
    assert '"failure"' in sink.bodies[0], "and how bad it is"


def test_a_notice_reaches_a_mailbox() -> None:
    with smtp_sink() as sink:
        url = f"mailto://127.0.0.1:{sink.port}?from=tool@example.com&to=ana@example.com&mode=insecure"
        problems = Notices(lambda: {"notify-url": url}).send(NOTICE)
    assert problems == (), "it went out"
    assert "Subject: test: 2.0.0 failed" in sink.bodies[0], "with its title"


@pytest.mark.parametrize("event", list(Event))
def test_every_event_has_its_kind(event: Event) -> None:
    with http_sink() as sink:
        problems = Notices(lambda: {"notify-url": f"json://127.0.0.1:{sink.port}/"}).send(
            Notice(event=event, title="x")
        )
    assert (problems, len(sink.bodies)) == ((), 1), f"{event} goes out, also without lines"


def test_what_cannot_be_sent_is_reported_by_the_secrets_name_only(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with http_sink() as sink, http_sink(lambda _path, _headers: (500, "no")) as refusing:
        problems = Notices(
            lambda: {
                "notify-url-1": f"json://ana:hunter2@127.0.0.1:{closed_port()}/hunter2",
                "notify-url-2": f"json://ana:hunter2@127.0.0.1:{refusing.port}/hunter2",
                "notify-url-3": "no-such-service://hunter2",
                "notify-url-4": f"json://127.0.0.1:{sink.port}/",
            }
        ).send(NOTICE)
    assert [problem.split()[3] for problem in problems] == ["notify-url-1", "notify-url-2", "notify-url-3"], "by name"
    assert len(sink.bodies) == 1, "the good address got its notice all the same"
    printed = capfd.readouterr()
    told = " ".join([*problems, caplog.text, printed.out, printed.err])
    assert "hunter2" not in told, "addresses are secrets"


def test_an_address_that_never_answers_does_not_hold_a_release_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        notices = Notices(lambda: {"notify-url": f"json://127.0.0.1:{silent.getsockname()[1]}/"}, time_limit=0.3)
        [problem] = notices.send(NOTICE)
        assert time.monotonic() - began < 3, "the release goes on"
    assert "did not go out within 0.3 s" in problem, "and says so"


def test_secrets_that_cannot_be_read_are_reported() -> None:
    def locked() -> dict[str, str]:
        raise RuntimeError("passphrase hunter2")

    [problem] = Notices(locked).send(NOTICE)
    assert problem == "the addresses for notices cannot be read (RuntimeError)", "without what the error says"


def test_a_stack_without_addresses_sends_nothing() -> None:
    assert Notices(dict).send(NOTICE) == (), "and that is no problem"
