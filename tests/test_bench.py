"""What `make bench` prints, without a platform."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

from tests.e2e import bench, bench_throughput
from tests.support.figures import Figures
from tests.support.throughput.stage import Round


def round_of(rate: float, *, processor: float = 50.0) -> Round:
    return Round(rate=rate, processor=processor, p50=1e9 / rate, p99=3e9 / rate)


def test_the_table_is_printed_last_and_whole(monkeypatch, capsys):
    def measure(_clone, row):
        row("preview, no change", [2.0, 1.0, 3.0])
        print("a load report of many lines")
        row("ratio of the two, pair by pair", [1.2], unit="")

    clone = SimpleNamespace(up=lambda: None, down=lambda: print("what a down says"))
    monkeypatch.setattr(bench, "Clone", SimpleNamespace(make=lambda *_, **__: clone))
    monkeypatch.setattr(bench, "free_place", lambda: nullcontext(None))
    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(bench, "measure_hosts", lambda _folder, figures: figures.say("four hosts: measured"))
    turns = {name: [round_of(900)] for name in ("colorway", "bare", "bare-logs")}
    monkeypatch.setattr(bench_throughput, "measure", lambda *_, **__: turns)
    monkeypatch.setattr(bench_throughput, "ANSWERS", {"35 bytes": 35})
    bench.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["a load report of many lines", "what a down says"]
    assert [line[:44].strip() for line in lines[2:]] == [
        "from images to a running platform",
        "preview, no change",
        "ratio of the two, pair by pair",
        "answers of 35 bytes:",
        "requests/s to bare nginx",
        "the same per second of its processor",
        "time of an answer, p50",
        "time of an answer, p99",
        "requests/s to bare nginx with its log",
        "the same per second of its processor",
        "time of an answer, p50",
        "time of an answer, p99",
        "requests/s to kamal-proxy: not measured, COL",
        "four hosts: measured",
    ], "whoever looks at the end of the output sees the figures"
    assert "median   2.00 s  min   1.00   max   3.00   of 3" in lines[3]


def test_proxies_are_compared_within_a_round():
    figures = Figures()
    turns = {
        "colorway": [round_of(900, processor=50), round_of(90, processor=60), round_of(450, processor=80)],
        "bare": [round_of(1000, processor=40), round_of(100, processor=48), round_of(500, processor=64)],
        "bare-logs": [round_of(1), round_of(1), round_of(1)],
    }
    bench_throughput.add_figures(turns, figures)
    assert [" ".join(row.split()) for row in figures.rows[:4]] == [
        "requests/s to bare nginx median 0.90 min 0.90 max 0.90 of 3",
        "the same per second of its processor median 0.80 min 0.80 max 0.80 of 3",
        "time of an answer, p50 median 1.11 min 1.11 max 1.11 of 3",
        "time of an answer, p99 median 1.11 min 1.11 max 1.11 of 3",
    ], "a machine that is busy in one round is so for both"


def test_what_was_not_measured_is_said_with_its_reason():
    figures = Figures()
    bench_throughput.add_figures(
        {"colorway": [round_of(1)], "bare": [round_of(1)], "bare-logs": [round_of(1)]}, figures
    )
    assert figures.rows[-1] == (
        "requests/s to kamal-proxy: not measured, COLORWAY_KAMAL_PROXY names no binary of it"
    ), "who reads the table knows what to do"
