"""Smoke tests: what is right, what is wrong, what is worth another try; and whose certificate is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from colorway.release.ports.protocols import Answer, UnreachableError
from colorway.release.run.requests import PATIENCE, HttpsProber, SmokeError, Subject, try_out
from colorway.spec.release import SmokeTest
from colorway.spec.traffic import Color
from tests.release.fakes import FakeClock
from tests.release.sinks import http_sink

GREEN = Subject(color=Color.GREEN, version="2.0.0", as_user=False)
WHOAMI = SmokeTest(path="/whoami", json_fields={"color": "{color}", "version": "{version}"})
GOOD = Answer(status=200, body='{"color": "green", "version": "2.0.0", "more": [1]}')


class Script:
    """Answers in the order of a list; the last one for ever."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers, self.asked = list(answers), []

    def ask(self, path: str, *, color: Color | None) -> Answer:
        self.asked.append((path, color))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_version_that_answers_right_passes() -> None:
    script = Script(GOOD)
    [line] = try_out([WHOAMI], GREEN, prober=script, clock=FakeClock())
    assert line == "1 smoke tests passed on green (2.0.0) through the secret header: /whoami.", "what was found out"
    assert script.asked == [("/whoami", Color.GREEN)], "through the secret header"
    try_out([WHOAMI], Subject(color=Color.GREEN, version="2.0.0", as_user=True), prober=script, clock=FakeClock())
    assert script.asked[-1] == ("/whoami", None), "and without it, as users"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=500, body=""), "GET /whoami answered 500, and 200 is expected"),
        (Answer(status=404, body=""), "answered 404"),
        (Answer(status=200, body="<html>"), "answered no JSON object, and fields are expected: color, version"),
        (Answer(status=200, body='["color"]'), "answered no JSON object"),
        (Answer(status=200, body='{"color": "blue", "version": "2.0.0"}'), "answered another color than green"),
        (Answer(status=200, body='{"color": "green"}'), "answered another version than 2.0.0"),
    ],
)
def test_a_wrong_answer_is_final(answer: Answer, words: str) -> None:
    clock = FakeClock()
    began = clock.now()
    with pytest.raises(SmokeError) as caught:
        try_out([WHOAMI], GREEN, prober=Script(answer), clock=clock)
    assert words in str(caught.value), "the sentence says what came and what should have come"
    assert clock.now() == began, "a wrong answer does not get better"


def test_a_load_balancer_that_knows_no_task_yet_is_asked_again() -> None:
    script = Script(Answer(status=502, body=""), UnreachableError("127.0.0.1:8443 (refused)"), GOOD)
    assert try_out([WHOAMI], GREEN, prober=script, clock=FakeClock()), "it has found them"


@pytest.mark.parametrize("answer", [Answer(status=503, body=""), UnreachableError("127.0.0.1:8443 (refused)")])
def test_patience_ends(answer: Answer | Exception) -> None:
    clock = FakeClock()
    began = clock.now()
    with pytest.raises(SmokeError):
        try_out([WHOAMI], GREEN, prober=Script(answer), clock=clock)
    assert clock.now() - began >= PATIENCE, "not before"


def test_no_tests_are_said_to_be_none() -> None:
    assert try_out([], GREEN, prober=Script(GOOD), clock=FakeClock()) == ("The platform declares no smoke tests.",)


def prober(url: str) -> HttpsProber:
    return HttpsProber(url=lambda: url, token=lambda: "hunter2")


def test_requests_go_over_tls_with_the_secret_header(tmp_path: Path) -> None:
    with http_sink(lambda path, _headers: (418, path), tls=tmp_path) as sink:
        answer = prober(f"https://127.0.0.1:{sink.port}/").ask("/api/x", color=Color.BLUE)
        prober(f"https://127.0.0.1:{sink.port}/").ask("/", color=None)
    assert answer == Answer(status=418, body="/api/x"), "the answer as it came"
    assert sink.headers[0]["X-Colorway-Preview"] == "hunter2.blue", "the token and the color"
    assert "X-Colorway-Preview" not in sink.headers[1], "a user has none"


def test_a_certificate_that_nobody_signed_is_believed_on_127_0_0_1_only(tmp_path: Path) -> None:
    with http_sink(tls=tmp_path) as sink, pytest.raises(UnreachableError) as caught:
        prober(f"https://localhost:{sink.port}/").ask("/", color=Color.BLUE)
    assert "hunter2" not in str(caught.value), "the token is in no error"
    assert sink.headers == [], "and was not sent"


def test_no_answer_is_no_traceback() -> None:
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9 \("):
        prober("https://127.0.0.1:9/").ask("/", color=None)
