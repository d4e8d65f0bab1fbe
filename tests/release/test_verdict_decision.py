"""What a stage does next, as tables of what was read."""

from datetime import UTC, datetime, timedelta

import pytest

from colorway.release.verdict.decision import Ask, Course, Watch, decide
from colorway.release.verdict.window import Counts, Latencies, QueryError, ServiceCounts, Window
from colorway.spec.release import GateSpec
from colorway.spec.traffic import Color

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
STEP = GateSpec().step
BAKE = timedelta(minutes=10)
DEADLINE = timedelta(minutes=30)
BOUNDS = (0.1, 0.14, 0.2)
BUSY, QUIET = 50, 0.02


def at(seconds):
    return START + timedelta(seconds=seconds)


class Stage:
    """A stage that is read every step; green gets a tenth of blue's requests."""

    def __init__(self, requests=BUSY):
        self.requests, self.carried = requests, 0.0
        self.watch = Watch(gate=GateSpec(), rising=Color.GREEN, started=START)
        self.now = START
        self.begin = START
        self.pending = Counts(), Counts()
        self.decisions = []

    def read(self, *, times=1, missing="", **fields):
        """Record good or bad steps of green; a query error's requests are counted at the next good reading."""
        for _ in range(times):
            self._count(**fields)
            blue, green = self.pending
            self.pending = Counts(), Counts()
            pair = ServiceCounts("web", blue=blue, green=green)
            step = Window(self.begin, self.now - self.begin, (pair,), missing)
            self.begin = self.now
            self._record(step)
        return self.decisions[-1]

    def fail_to_read(self, *, times=1, **fields):
        for _ in range(times):
            self._count(**fields)
            self._record(QueryError(at=self.now, reason="Prometheus does not answer"))
        return self.decisions[-1]

    def _count(self, *, ratio=0.0, synthetic=0):
        self.now += STEP
        self.carried += self.requests
        requests, self.carried = int(self.carried), self.carried % 1
        green = counts(requests + synthetic, failed=round(requests * ratio), synthetic=synthetic)
        blue, pending = self.pending
        self.pending = blue.combined(counts(10 * requests), int.__add__), pending.combined(green, int.__add__)

    def _record(self, step):
        self.watch = self.watch.record(step)
        self.decisions.append(decide(self.watch, now=self.now, bake=BAKE, hold_deadline=DEADLINE))

    @property
    def actions(self):
        return {decision.action for decision in self.decisions}

    @property
    def elapsed(self):
        return self.now - START


def counts(requests, **fields):
    return Counts(attempts=requests, latencies=Latencies(BOUNDS, (requests, 0, 0, 0)), **fields)


def test_a_good_stage_waits_for_its_whole_bake_and_goes_on():
    stage = Stage()
    stage.read(times=119)
    assert stage.actions == {Course.WAIT}, "10 minutes are 120 readings; nobody goes on before"
    assert stage.read().action is Course.GO_ON, "every reading of the bake was good"
    assert stage.decisions[-1].reason == "every service kept every limit for 10m", "and it says for how long"


@pytest.mark.parametrize("before", [0, 1, 12, 100])
@pytest.mark.parametrize("ratio", [1.0, 0.2])
def test_a_sick_color_is_rolled_back_within_forty_seconds(before, ratio):
    stage = Stage()
    for _ in range(before):
        stage.read()
    began = stage.now
    while stage.read(ratio=ratio).action is Course.WAIT:
        assert stage.now - began < timedelta(minutes=5), "20 % of 10 requests a second is no close call"
    assert stage.decisions[-1].action is Course.ROLL_BACK, stage.decisions[-1].reason
    # Plus one scrape interval, 5 s: that leaves 15 s of the minute for the way back.
    assert stage.now - began <= timedelta(seconds=40), f"took {stage.now - began}: {stage.decisions[-1].reason}"


def test_a_rollback_names_what_failed():
    decision = Stage().read(times=8, ratio=0.2)
    assert decision.reason == (
        "two failed windows in a row: web: 20.0 % of 200 requests on green failed, limit 1 % (blue 0.0 % of 2,000)"
    ), "people read this sentence in a notice at night"
    assert decision.evidence, "and the evidence is there for machines"


@pytest.mark.parametrize("phase", range(8))
@pytest.mark.parametrize("ratio", [1.0, 0.3])
def test_a_blip_of_ten_seconds_ends_no_release(phase, ratio):
    stage = Stage()
    stage.read(times=20 + phase)
    stage.read(times=2, ratio=ratio)
    stage.read(times=40)
    assert stage.actions == {Course.WAIT}, f"two bad readings of 5 s: {stage.decisions[-1].reason}"


def test_a_blip_that_meets_three_readings_ends_no_release():
    stage = Stage()
    stage.read(times=20)
    for ratio in (0.5, 1.0, 0.5):
        stage.read(ratio=ratio)
    stage.read(times=40)
    assert stage.actions == {Course.WAIT}, "10 s that begin in the middle of a reading touch three"


@pytest.mark.parametrize("every", [2, 3, 4])
def test_a_blip_ends_no_release_where_readings_are_slow(every):
    stage = Stage()
    for number in range(90):
        ratio = 1.0 if number in (40, 41) else 0.0
        # Readings that fail between good ones: what is counted comes in lumps of 10, 15 or 20 s.
        if number % every:
            stage.fail_to_read(ratio=ratio)
        else:
            stage.read(ratio=ratio)
    assert Course.ROLL_BACK not in stage.actions, (
        f"10 s are a blip, however they are read: {stage.decisions[-1].reason}"
    )


def test_a_large_blip_costs_time_but_not_the_release():
    stage = Stage()
    stage.read(times=50)
    stage.read(times=2, ratio=0.8)
    stage.read(times=68)
    assert stage.decisions[-1].action is Course.HOLD, "80 failures of 6,000 are more than the limit"
    while stage.read().action is Course.HOLD:
        pass
    assert stage.decisions[-1].action is Course.GO_ON, f"and no more of 16,000: {stage.decisions[-1].reason}"
    assert Course.ROLL_BACK not in stage.actions, "it was one blip"


def test_failures_too_rare_for_a_window_add_up():
    stage = Stage(requests=5)
    while stage.read(ratio=0.2 if len(stage.decisions) % 4 == 0 else 0.0).action is Course.WAIT:
        pass
    assert stage.decisions[-1].action is Course.ROLL_BACK, "one in twenty fails, always"
    assert stage.elapsed < BAKE, "a window has 20 requests and proves nothing; the stretch does"
    assert stage.decisions[-1].reason.startswith("the last "), stage.decisions[-1].reason


def test_four_readings_that_fail_in_a_row_hold_and_three_do_not():
    stage = Stage()
    stage.read(times=10)
    assert stage.fail_to_read(times=3).action is Course.WAIT, "three may be a restart of Prometheus"
    decision = stage.fail_to_read()
    assert decision.action is Course.HOLD, "four are no data"
    assert decision.reason == "4 readings in a row failed: Prometheus does not answer", "the reason is the last error"
    assert stage.read().action is Course.WAIT, "one good reading ends the hold"
    assert stage.fail_to_read(times=3).action is Course.WAIT, "and the count begins anew"


def test_readings_that_fail_are_neither_failure_nor_pass():
    stage = Stage()
    stage.read(times=3, ratio=1.0)
    stage.fail_to_read(times=3)
    assert stage.read().action is Course.WAIT, "15 s of failures and silence are not two failed windows"
    gone = Stage()
    gone.fail_to_read(times=121)
    assert Course.GO_ON not in gone.actions, "no data is never a pass"
    assert gone.decisions[-1].action is Course.HOLD, "Prometheus gone: hold"


def test_failed_windows_with_silence_between_them_are_in_a_row():
    stage = Stage()
    stage.read(times=20)
    stage.read(times=4, ratio=0.3)
    stage.fail_to_read(times=3, ratio=0.3)
    assert stage.read(times=2, ratio=0.3).action is Course.ROLL_BACK, "what failed before and after failed between"


def test_what_was_counted_during_silence_is_not_lost():
    stage = Stage()
    stage.read(times=20)
    stage.fail_to_read(times=3, ratio=0.5)
    stage.read(times=3)
    total = stage.watch.total.of("web").green
    assert total.attempts == 26 * BUSY, "the counters went on counting"
    assert total.failures == 3 * BUSY / 2, "the failures too"


def test_a_stage_that_was_not_watched_is_longer_by_that():
    stage = Stage()
    stage.read(times=20)
    stage.fail_to_read(times=40)
    stage.read(times=60)
    assert stage.decisions[-1].action is Course.HOLD, "10 minutes are over, but 3 of them nobody saw"
    assert "could be watched" in stage.decisions[-1].reason, stage.decisions[-1].reason
    while stage.read().action is Course.HOLD:
        assert stage.elapsed < 2 * BAKE, "it goes on when the rest was watched"
    assert stage.decisions[-1].action is Course.GO_ON, stage.decisions[-1].reason


def test_low_traffic_asks_for_requests_of_our_own_then_holds_then_rolls_back():
    stage = Stage(requests=QUIET)
    decision = stage.read(times=10)
    assert decision.action is Course.WAIT, "the bake is not over"
    assert decision.synthetic == (Ask("web", 50),), "one request in 50 s will not make 50 in the bake"
    stage.read(synthetic=50)
    assert stage.decisions[-1].synthetic == (), "now it has been asked"
    assert stage.read(times=110).action is Course.HOLD, "our own requests say nothing about users"
    assert "does not exclude 2 %" in stage.decisions[-1].reason, stage.decisions[-1].reason
    while stage.read().action is Course.HOLD:
        pass
    assert stage.decisions[-1].action is Course.ROLL_BACK, "the deadline ends it"
    assert stage.elapsed == BAKE + DEADLINE, "30 minutes after the bake"
    assert stage.decisions[-1].reason.startswith("no pass within 30m after the bake: "), "with what was missing"


def test_busy_services_are_not_asked_by_us():
    stage = Stage()
    stage.read(times=30)
    assert all(decision.synthetic == () for decision in stage.decisions), "500 requests in ten readings are enough"


def test_a_held_stage_goes_on_as_soon_as_enough_was_seen():
    stage = Stage(requests=2)
    stage.read(times=120)
    assert stage.decisions[-1].action is Course.HOLD, "240 without a failure do not exclude 2 %"
    while stage.read().action is Course.HOLD:
        pass
    assert stage.decisions[-1].action is Course.GO_ON, "342 do"
    assert stage.elapsed == timedelta(seconds=171 * 5), "two requests a reading: 342 at the 171st"


def test_a_stage_that_gets_worse_does_not_pass_on_its_good_beginning():
    stage = Stage(requests=200)
    stage.read(times=90)
    stage.read(times=30, ratio=0.025)
    assert Course.GO_ON not in stage.actions, "0.6 % in all, but 1.3 % of late"


def test_nothing_read_at_all_holds_and_ends_at_the_deadline():
    watch = Watch(gate=GateSpec(), rising=Color.GREEN, started=START)
    for seconds, action in ((0, Course.WAIT), (599, Course.WAIT), (600, Course.HOLD), (2399, Course.HOLD)):
        decision = decide(watch, now=at(seconds), bake=BAKE, hold_deadline=DEADLINE)
        assert decision.action is action, f"after {seconds} s: {decision.reason}"
    assert decide(watch, now=at(2400), bake=BAKE, hold_deadline=DEADLINE).action is Course.ROLL_BACK, "the deadline"


def test_a_stage_does_not_pass_on_a_last_reading_that_failed():
    stage = Stage()
    stage.read(times=119)
    assert stage.fail_to_read().action is Course.HOLD, "the end of the stage is what nobody saw"
    assert stage.read().action is Course.GO_ON, "the next reading shows it"


def test_a_release_that_is_already_the_deadlines_still_goes_on_if_it_passes():
    stage = Stage()
    stage.read(times=119)
    stage.fail_to_read(times=360)
    assert stage.decisions[-1].action is Course.HOLD, "the deadline is one reading away"
    stage.now -= STEP
    assert stage.read().action is Course.GO_ON, "a pass comes before the deadline"


def test_histograms_that_change_their_buckets_are_unreadable_and_no_crash():
    stage = Stage()
    stage.read(times=5)
    other = Counts(attempts=5, latencies=Latencies((0.3,), (5, 0)))
    watch = stage.watch.record(Window(stage.now, STEP, (ServiceCounts("web", blue=other, green=other),)))
    assert isinstance(watch.history[-1], QueryError), "two histograms with different buckets have no sum"
    assert "begin the release anew" in watch.history[-1].reason, watch.history[-1].reason


LOST = "there are no figures of load balancer lb2"


def test_a_bad_color_goes_back_although_a_load_balancer_is_lost():
    stage = Stage()
    stage.read(times=20)
    stage.read(times=60, missing=LOST, ratio=0.2)
    assert Course.ROLL_BACK in stage.actions, "what is bad on one load balancer is bad"
    alone = Stage()
    alone.read(times=20)
    alone.read(times=60, ratio=0.2)
    first = [[one.action for one in every.decisions].index(Course.ROLL_BACK) for every in (alone, stage)]
    assert first[0] == first[1], "and no later"


def test_no_stage_passes_while_a_load_balancer_is_lost():
    stage = Stage()
    stage.read(times=60)
    assert stage.read(times=3, missing=LOST).action is Course.WAIT, "some scrapes may fail"
    held = stage.read(times=1, missing=LOST)
    assert (held.action, held.reason) == (Course.HOLD, f"4 readings in a row failed: {LOST}")
    assert stage.read(times=60, missing=LOST).action is Course.HOLD, "half of the traffic is not the traffic"
    back = stage.read()
    assert back.action is Course.HOLD
    assert "could be watched" in back.reason, "nobody has seen the other half"
    assert stage.read(times=64).action is Course.GO_ON, "until all was seen for as long as it had to be"
