"""Maintenance of two load balancers on hosts of their own, and a release while everything is closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.labs import FOUR, aimed, bare, colors, lab, says, with_one_color
from tests.support.visitors import API, MESSAGE, WEB, Visitors

pytestmark = [pytest.mark.area("edge"), pytest.mark.needs("losetup"), pytest.mark.full]


@pytest.mark.timeout(2400)
def test_both_load_balancers_close_and_open_and_a_release_passes_behind_the_page(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with bare(tmp_path / "clone", hosts=FOUR) as clone:
        with_one_color(clone)
        lab(clone, "up")
        clone.up()
        before = clone.stack_file.read_text()
        entrances = [aimed(clone, number) for number in (11, 12)]
        with Visitors(entrances[0]) as first, Visitors(entrances[1]) as second:

            def meet(stage: str) -> None:
                for visitors in (first, second):
                    visitors.stage = stage
                for visitors in (first, second):
                    visitors.meet(stage)

            meet("open")
            for visitors in (first, second):
                visitors.stage = "closing"
            clone.run("maintenance", "on", clone.stack, "--message", MESSAGE)
            meet("closed")
            release = ("release", "2.0.0", "--stages", "50", "--bake", "20s", "--yes", "--stack", clone.stack)
            clone.run(*release)
            meet("released")
            assert says(clone)["maintenance"] == {"everything": MESSAGE}, "a release opens nothing"
            for visitors in (first, second):
                visitors.stage = "opening"
            clone.run("maintenance", "off", clone.stack)
            meet("open again")
        for visitors in (first, second):
            assert visitors.lost == {}, "each answer is the application's or the page"
            assert [visitors.who("open", path) for path in (WEB, API)] == [{"application"}] * 2
            for stage in ("closed", "released"):
                # What is open and idle may get one more answer of before; see docs/maintenance.md.
                assert "page" in visitors.who(stage, WEB)
                assert "page" in visitors.who(stage, API)
            assert "application" in visitors.who("open again", WEB)
        print(f"{first.total('page') + second.total('page'):,} answers of the page, none lost")
        assert colors() == ["green", "green"], "judged by its own requests, and live on both"
        clone.run("rollback", "--yes", "--stack", clone.stack)
        assert colors() == ["blue", "blue"]
        assert [line for line in clone.stack_file.read_text().splitlines() if "maintenance" in line] == [
            line for line in before.splitlines() if "maintenance" in line
        ]
