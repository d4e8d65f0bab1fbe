"""What `make bench` prints, without a platform."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

from tests.e2e import bench


def test_the_table_is_printed_last_and_whole(monkeypatch, capsys):
    def measure(_clone, row):
        row("preview, no change", [2.0, 1.0, 3.0])
        print("a load report of many lines")
        row("ratio of the two, pair by pair", [1.2], unit="")

    clone = SimpleNamespace(up=lambda: None, down=lambda: print("what a down says"))
    monkeypatch.setattr(bench, "Clone", SimpleNamespace(make=lambda *_, **__: clone))
    monkeypatch.setattr(bench, "free_place", lambda: nullcontext(None))
    monkeypatch.setattr(bench, "measure", measure)
    bench.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["a load report of many lines", "what a down says"]
    assert [line[:44].strip() for line in lines[2:]] == [
        "from images to a running platform",
        "preview, no change",
        "ratio of the two, pair by pair",
    ], "whoever looks at the end of the output sees the figures"
    assert "median   2.00 s  min   1.00   max   3.00   of 3" in lines[3]
