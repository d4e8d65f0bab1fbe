"""Smoke tests: what is right, what is wrong, what is worth another try; and whose certificate is believed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from colorway.errors import ColorwayError
from colorway.release.ports.project import Page, Trial
from colorway.release.ports.protocols import Answer, UnreachableError
from colorway.release.run.requests import PATIENCE, Entrance, HttpsProber, SmokeError, Subject, try_out
from colorway.spec.release import SmokeTest
from colorway.spec.traffic import Color
from tests.release.fakes import FakeClock
from tests.release.sinks import http_sink

GREEN = Subject(color=Color.GREEN, version="2.0.0", as_user=False)
DOMAIN = "localhost"
PAGE = Page(name=DOMAIN, path="/whoami")
WHOAMI = Trial(test=SmokeTest(path="/whoami", json_fields={"color": "{color}", "version": "{version}"}), page=PAGE)
GOOD = Answer(status=200, body='{"color": "green", "version": "2.0.0", "more": [1]}')


class Script:
    """Answers in the order of a list; the last one for ever."""

    def __init__(self, *answers: Answer | Exception, through: Sequence[str] = ("lb1",)) -> None:
        self.answers, self.asked, self.through = list(answers), [], through

    def entrances(self) -> Sequence[str]:
        return self.through

    def ask(self, page: Page, *, color: Color | None, entrance: str | None = None) -> Answer:
        self.asked.append((page, color, entrance))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_version_that_answers_right_passes() -> None:
    script = Script(GOOD)
    [line] = try_out([WHOAMI], GREEN, prober=script, clock=FakeClock())
    assert line == "1 smoke tests passed on green (2.0.0) through the secret header: /whoami.", "what was found out"
    assert script.asked == [(PAGE, Color.GREEN, "lb1")], "through the secret header"
    try_out([WHOAMI], Subject(color=Color.GREEN, version="2.0.0", as_user=True), prober=script, clock=FakeClock())
    assert script.asked[-1] == (PAGE, None, "lb1"), "and without it, as users"


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


def test_every_load_balancer_has_to_lead_to_the_version() -> None:
    script = Script(GOOD, through=("lb1", "lb2"))
    [line] = try_out([WHOAMI], GREEN, prober=script, clock=FakeClock())
    assert [entrance for *_, entrance in script.asked] == ["lb1", "lb2"]
    assert line == "1 smoke tests passed on green (2.0.0) through the secret header, through lb1 and lb2: /whoami."
    with pytest.raises(SmokeError, match=r"GET /whoami through lb2 answered 500, and 200 is expected"):
        try_out(
            [WHOAMI],
            GREEN,
            prober=Script(GOOD, Answer(status=500, body=""), through=("lb1", "lb2")),
            clock=FakeClock(),
        )


def test_a_page_of_another_name_is_told_with_it() -> None:
    page = Page(name="portal.example.org", path="/readyz")
    trial = Trial(test=SmokeTest(path="/readyz", host="portal"), page=page)
    script = Script(Answer(status=404, body=""))
    with pytest.raises(SmokeError, match=r"GET portal\.example\.org/readyz answered 404"):
        try_out([trial], GREEN, prober=script, clock=FakeClock())
    assert script.asked == [(page, Color.GREEN, "lb1")]


def prober(*ports: int, certificate: Callable[[str], str], address: str = "127.0.0.1") -> HttpsProber:
    ways = [Entrance(name=f"lb{number}", address=address, port=port) for number, port in enumerate(ports, start=1)]
    return HttpsProber(ways=ways, token=lambda: "hunter2", certificate=certificate)


def shown(folder: Path) -> Callable[[str], str]:
    """What a load balancer's host says of its certificate: what is there at that moment."""
    return lambda _host: (folder / "cert.pem").read_text()


def test_requests_go_over_tls_with_the_secret_header(tmp_path: Path) -> None:
    with http_sink(lambda path, _headers: (418, path), tls=tmp_path) as sink:
        asking = prober(sink.port, certificate=shown(tmp_path))
        answer = asking.ask(Page(name=DOMAIN, path="/api/x"), color=Color.BLUE)
        asking.ask(PAGE, color=None)
    assert answer == Answer(status=418, body="/api/x"), "the answer as it came"
    assert sink.headers[0]["X-Colorway-Preview"] == "hunter2.blue", "the token and the color"
    assert sink.headers[0]["Host"] == f"localhost:{sink.port}", "the name, as users type it"
    assert "X-Colorway-Preview" not in sink.headers[1], "a user has none"


def test_while_something_is_closed_requests_go_the_way_of_users_past_the_page(tmp_path: Path) -> None:
    with http_sink(tls=tmp_path) as sink:
        asking = replace(prober(sink.port, certificate=shown(tmp_path)), is_closed=True)
        asking.ask(PAGE, color=None)
        asking.ask(PAGE, color=Color.GREEN)
    said = [headers["X-Colorway-Preview"] for headers in sink.headers]
    assert said == ["hunter2.users", "hunter2.green"], "else a release would take the page for a broken version"


def test_each_load_balancer_is_asked_in_turn_and_by_its_name(tmp_path: Path) -> None:
    with http_sink(tls=tmp_path) as one, http_sink(tls=tmp_path) as two:
        asking = prober(one.port, two.port, certificate=shown(tmp_path))
        assert asking.entrances() == ["lb1", "lb2"]
        for _ in range(4):
            asking.ask(PAGE, color=None)
        assert [len(one.paths), len(two.paths)] == [2, 2], "the figures of one that nobody asks would say nothing"
        asking.ask(PAGE, color=None, entrance="lb2")
        assert [len(one.paths), len(two.paths)] == [2, 3]


def test_only_the_certificate_that_the_host_shows_is_believed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with http_sink(tls=tmp_path / "other"):
        pass
    with http_sink(tls=tmp_path) as sink, pytest.raises(UnreachableError) as caught:
        prober(sink.port, certificate=shown(tmp_path / "other")).ask(PAGE, color=Color.BLUE)
    assert re.search(r"lb1, 127\.0\.0\.1:\d+ \(self.signed certificate\)", str(caught.value))
    assert "hunter2" not in str(caught.value), "the token is in no error"
    assert sink.headers == [], "and was not sent"


def test_a_certificate_of_another_name_is_not_believed(tmp_path: Path) -> None:
    with http_sink(tls=tmp_path) as sink, pytest.raises(UnreachableError, match="ostname mismatch"):
        prober(sink.port, certificate=shown(tmp_path)).ask(Page(name="other.example", path="/"), color=None)


def test_a_new_certificate_is_asked_for_once_more(tmp_path: Path) -> None:
    asked = []

    def certificate(host: str) -> str:
        asked.append(host)
        return (tmp_path / ("other" if len(asked) == 1 else ".") / "cert.pem").read_text()

    (tmp_path / "other").mkdir()
    with http_sink(tls=tmp_path / "other") as before:
        asking = prober(before.port, certificate=certificate)
        asking.ask(PAGE, color=None)
    with http_sink(tls=tmp_path) as sink:
        asking = replace(asking, ways=[Entrance(name="lb1", address="127.0.0.1", port=sink.port)])
        assert asking.ask(PAGE, color=None).status == 200, "it was renewed between two requests"
    assert asked == ["lb1", "lb1"]


def test_a_certificate_that_cannot_be_read_is_no_answer() -> None:
    def silent(_host: str) -> str:
        raise ColorwayError("lb1: Docker does not answer")

    with pytest.raises(UnreachableError, match=r"lb1, whose certificate cannot be read \(lb1: Docker does not answer"):
        prober(9, certificate=silent).ask(PAGE, color=None)


def test_no_answer_is_no_traceback(tmp_path: Path) -> None:
    with http_sink(tls=tmp_path):
        pass
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9 \("):
        prober(9, certificate=shown(tmp_path)).ask(PAGE, color=None)
