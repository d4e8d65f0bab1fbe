"""A stage being watched: when it waits, holds, sends requests of its own, and gives up."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from colorway.release.plan.steps import Bake, Event
from colorway.release.ports.prometheus import Prometheus, PrometheusMeter
from colorway.release.ports.protocols import LockLostError
from colorway.release.run.bake import Baking
from colorway.release.run.blame import StepFailedError
from colorway.release.verdict.counters import OwnRequests
from colorway.release.verdict.window import Counts, Latencies, QueryError, ServiceCounts, Window
from colorway.spec.traffic import Color
from colorway.swarm.connections import NoAnswerError
from tests.release.fakes import FakeClock, FakeEngine, FakeMeter, FakeProber, World, facts_of
from tests.release.sinks import http_sink
from tests.release.situations import BASE, NOW
from tests.swarm.fake_api import SILENCES, silent

STEP = Bake(rising=Color.GREEN, percent=10, time=timedelta(seconds=20))
TEN = BASE.replace("green: null", 'green: "2.0.0"').replace("blue: 100, green: 0", "blue: 90, green: 10")


def world(**more) -> World:
    """Return a world in which 2.0.0 has 10 % of the users."""
    return World(texts=[TEN], here=TEN, lock=None, **more)


def baking(of: World, **ports) -> Baking:
    of.lock = replace(holder_of(of))
    made = replace(of.ports(), **ports)
    return Baking(ports=made, facts=facts_of(TEN, of), step=STEP)


def holder_of(of: World):
    of.ports().lock.take(reason="test", take_over=None)
    return of.lock


class Few(FakeMeter):
    """Users that hardly ask anything; requests of our own are counted as what they are."""

    def __init__(self, of: World, per_reading: int = 0) -> None:
        super().__init__(of)
        self.per_reading, self.own = per_reading, []

    def read(self, *, own: OwnRequests) -> Window:
        window = super().read(own=own)
        self.own.append(own.answered.get("web", 0))
        many = self.per_reading + self.own[-1]
        rising = Counts(attempts=many, synthetic=self.own[-1], latencies=Latencies((0.05, 0.1, 0.5), (many, 0, 0, 0)))
        return replace(window, services=(replace(window.services[0], green=rising),))


def test_a_good_stage_passes_after_its_bake_and_says_what_was_seen() -> None:
    of = world()
    began = of.clock.now()
    lines = baking(of).run()
    assert of.clock.now() - began == timedelta(seconds=30), "old connections first get ten seconds, then the bake"
    assert "every service kept every limit" in lines[0], "the verdict"
    assert lines[1].startswith("  web: green 800 requests, 0.0 % failed, p95"), "the figures"
    assert "; blue 7,200 requests" in lines[1], "of both colors"


def test_a_color_that_few_users_ask_is_asked_by_the_tool() -> None:
    of = world()
    meter = Few(of)
    with suppress(StepFailedError):
        # Whether so few are enough is the verdict's business.
        baking(of, meter=meter).run()
    assert sum(meter.own) >= facts_of(TEN, of).policy.gate.minimum_requests, "enough for a verdict"
    assert max(meter.own) <= 20, "and never many at once"


class Nobody(Few):
    """Nobody asks either color but who has the link, and the release tool."""

    def read(self, *, own: OwnRequests) -> Window:
        window = super().read(own=own)
        return replace(window, services=(replace(window.services[0], blue=Counts()),))


def closed(of: World, **ports) -> Baking:
    made = baking(of, **ports)
    return replace(made, facts=replace(made.facts, is_closed=True))


def test_while_everything_is_closed_the_tools_own_requests_do() -> None:
    of = world()
    meter = Nobody(of)
    lines = closed(of, meter=meter).run()
    assert lines[0].endswith("Everything is closed, so these are the release tool's own requests alone.")
    assert sum(meter.own) >= facts_of(TEN, of).policy.gate.minimum_requests, "and never none"


def test_nobody_is_no_proof_where_users_could_come() -> None:
    of = world()
    with pytest.raises(StepFailedError, match="no pass within 40s after the bake"):
        baking(of, meter=Nobody(of)).run()


def test_who_has_the_link_is_a_user_and_judged_as_ever() -> None:
    of = world()
    with pytest.raises(StepFailedError):
        closed(of, meter=Nobody(of, per_reading=1)).run()


def test_a_closed_color_that_fails_what_the_tool_asks_does_not_pass() -> None:
    of = world()

    class Failing(FakeProber):
        def ask(self, path, *, color):
            return replace(super().ask(path, color=color), status=500)

    with pytest.raises(StepFailedError):
        closed(of, meter=Nobody(of), prober=Failing(of)).run()


def test_a_color_that_fails_what_the_tool_asks_does_not_pass() -> None:
    of = world()
    meter = Few(of)

    class Failing(FakeProber):
        def ask(self, path, *, color):
            return replace(super().ask(path, color=color), status=500)

    with pytest.raises(StepFailedError):
        baking(of, meter=meter, prober=Failing(of)).run()
    assert sum(meter.own) == 0, "failures are nobody's passes"


def test_a_dead_color_is_seen_without_any_figures() -> None:
    of = world(dying_at=10, meter_is_gone=True)
    began = of.clock.now()
    with pytest.raises(StepFailedError, match="no task of test-web-green runs any more"):
        baking(of).run()
    assert of.clock.now() - began <= timedelta(seconds=20), "two looks"


def silent_for(of: World, seconds: float, *, after: float, trouble=silent) -> None:
    """Let Docker say nothing for some seconds, some seconds from now."""
    begins = of.clock.now() + timedelta(seconds=after)

    def look(now: World, _name: str) -> None:
        is_silent = begins <= now.clock.now() < begins + timedelta(seconds=seconds)
        now.api.trouble = trouble() if is_silent else None

    of.by = look


@pytest.mark.parametrize("trouble", SILENCES, ids=lambda made: made.__name__)
def test_a_docker_that_is_silent_for_a_while_holds_the_stage_and_it_goes_on(trouble) -> None:
    of = world()
    silent_for(of, 30, after=12, trouble=trouble)
    lines = baking(of).run()
    assert "every service kept every limit" in lines[0], "figures decide, once the tasks are known to live"
    assert [notice.event for notice in of.notices] == [Event.HELD], "told once"
    assert "Docker does not answer, asked for its services" in of.notices[0].title, "with the reason"
    assert of.clock.now() > NOW + timedelta(seconds=42), "no stage passes while nobody can say whether its tasks live"


def test_a_hiccup_of_docker_is_nothing_to_tell() -> None:
    of = world()
    silent_for(of, 8, after=12)
    baking(of).run()
    assert of.notices == [], "two looks"


def test_a_docker_that_never_comes_back_is_no_fault_of_the_color() -> None:
    of = world()
    silent_for(of, 10_000, after=12)
    with pytest.raises(NoAnswerError, match="Docker does not answer"):
        baking(of).run()


def test_a_whole_host_without_tasks_is_no_dead_color() -> None:
    of = world()
    asked = []

    class Restarted(FakeEngine):
        def health(self):
            asked.append(1)
            found = super().health()
            return [replace(one, running=0) for one in found] if len(asked) <= 3 else found

    assert baking(of, engine=Restarted(of)).run(), "Docker came back a moment ago, and starts all of them"


def test_a_hold_is_told_once_and_ends_as_soon_as_figures_come_back() -> None:
    of = world(meter_is_gone=True)

    def repair(now: World, name: str) -> None:
        if name == "read" and now.visited.count("read") == 8:
            now.meter_is_gone = False

    of.by = repair
    baking(of).run()
    assert [notice.event for notice in of.notices] == [Event.HELD], "once"
    assert "readings in a row failed: Prometheus does not answer" in of.notices[0].title, "with the reason"


def test_a_lock_that_was_taken_over_ends_the_watch() -> None:
    of = world()
    one = baking(of)
    of.lock = None
    with pytest.raises(LockLostError):
        one.run()


def test_a_reading_without_news_is_no_reading() -> None:
    class Stale(FakeMeter):
        def read(self, *, own: OwnRequests):
            window = super().read(own=own)
            if self.world.visited.count("read") % 2:
                self.since = window.start
                return Window(window.start, timedelta(), (ServiceCounts("web"),))
            return window

    of = world()
    assert baking(of, meter=Stale(of)).run(), "scrapes may be rarer than looks"


# The meter


def answer(requests: int, *, at: float) -> str:
    """Return what Prometheus says about one load balancer."""

    def series(name: str, value: float, **labels: str) -> dict:
        return {"metric": {"__name__": name, "load_balancer": "lb1", **labels}, "values": [[at, str(value)]]}

    web = {"service": "web", "color": "green"}
    return json.dumps(
        {
            "status": "success",
            "data": {
                "resultType": "matrix",
                "result": [
                    series("up", 1),
                    series("colorway_log_lines_total", requests),
                    series("colorway_requests_total", requests, **web, code="200"),
                    series("colorway_request_seconds_bucket", requests, **web, le="0.1"),
                    series("colorway_request_seconds_bucket", requests, **web, le="+Inf"),
                ],
            },
        }
    )


def test_the_meter_counts_between_readings() -> None:
    clock = FakeClock()
    texts = [answer(100, at=1000), answer(100, at=1000), answer(130, at=1010), "<html>", answer(150, at=1030)]
    with http_sink(lambda _path, _headers: (200, texts.pop(0))) as sink:
        meter = PrometheusMeter(
            prometheus=Prometheus(lambda: f"http://127.0.0.1:{sink.port}"),
            clock=clock,
            load_balancers=["lb1"],
            scrape_interval=timedelta(seconds=5),
        )
        own = OwnRequests(Color.GREEN, {"web": 4})
        meter.begin(services=["web"])
        stale, first, broken, later = (meter.read(own=own) for _ in range(4))
    assert (stale.length, stale.services[0].green.synthetic) == (timedelta(), 0), "no newer scrape, nothing of ours yet"
    assert (first.length, first.services[0].green.attempts) == (timedelta(seconds=10), 30), "what was counted between"
    assert first.services[0].green.synthetic == 4, "and what of it was ours"
    assert isinstance(broken, QueryError), "an answer that cannot be read is no figure"
    assert later.services[0].green.attempts == 20, "the next good reading bridges it"


def test_a_meter_that_begins_in_the_dark_says_so() -> None:
    texts = ["<html>", answer(100, at=1000), answer(110, at=1005)]
    with http_sink(lambda _path, _headers: (200, texts.pop(0))) as sink:
        meter = PrometheusMeter(
            prometheus=Prometheus(lambda: f"http://127.0.0.1:{sink.port}"),
            clock=FakeClock(),
            load_balancers=["lb1"],
            scrape_interval=timedelta(seconds=5),
        )
        meter.begin(services=["web"])
        none, some = (meter.read(own=OwnRequests(Color.GREEN)) for _ in range(2))
    assert isinstance(none, QueryError), "one reading is no difference"
    assert some.services[0].green.attempts == 10, "two are"


def test_a_meter_without_prometheus_is_a_reading_that_failed() -> None:
    meter = PrometheusMeter(
        prometheus=Prometheus(lambda: "http://127.0.0.1:9", timeout=0.2),
        clock=FakeClock(),
        load_balancers=["lb1"],
        scrape_interval=timedelta(seconds=5),
    )
    meter.begin(services=["web"])
    found = meter.read(own=OwnRequests(Color.GREEN))
    assert isinstance(found, QueryError), "no exception"
    assert "does not answer" in found.reason, "with the reason"
