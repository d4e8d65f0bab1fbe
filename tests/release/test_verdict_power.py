"""Whether the verdict is as good as docs/verdict.md says; a part of its releases is run anew."""

import re
from collections import Counter

import pytest

from colorway.spec.base import to_kebab
from colorway.spec.monitoring import MonitoringSpec
from colorway.spec.release import GateSpec
from tests.support.releases import KINDS, LEVELS, run
from tests.support.releases_table import LOUD, PAGE, cell, kind_named, releases
from tests.support.releases_world import FINE, WIDE

BAD = [kind.name for kind in KINDS if not kind.good]
GOOD = [kind.name for kind in KINDS if kind.good]
ANEW = [
    ("20 % errors", 20),
    ("20 % errors", 500),
    ("dead, answered by the other color", 5),
    ("dead, answered by the other color", 100),
    ("hangs, clients give up", 100),
    ("p95 times 10", 500),
]
"""Cells that are cheap to run and would move with any change of a limit, of a test's level or of the windows."""


def table(name):
    """A committed table by row and level."""
    text = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", PAGE.read_text(), flags=re.DOTALL)
    assert text, f"docs/verdict.md has lost the marks of the table `{name}`"
    lines = [[one.strip() for one in line.strip("|").split("|")] for line in text[1].strip().splitlines()]
    return {line[0]: dict(zip(LEVELS, line[1:], strict=True)) for line in lines[2:]}


def ends(text):
    return {outcome: int(number) for outcome, number in re.findall(r"(promoted|aborted|held) (\d+)", text)}


def test_the_committed_table_has_every_kind_of_release():
    assert list(table("outcomes")) == [one.name for one in KINDS], "make the page anew, see its end"
    for name, cells in table("outcomes").items():
        for rate, text in cells.items():
            assert sum(ends(text).values()) == releases(kind_named(name), rate), f"{name} at {rate}/s: {text}"


@pytest.mark.parametrize("name", BAD)
def test_no_bad_release_is_promoted_at_any_level(name):
    promoted = {rate: text for rate, text in table("outcomes")[name].items() if "promoted" in text}
    assert promoted == {}, "no bad release may pass, however little traffic there is"


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("rate", LEVELS)
def test_less_than_one_in_twenty_good_releases_is_aborted(name, rate):
    found = ends(table("outcomes")[name][rate])
    assert found.get("aborted", 0) < 0.05 * sum(found.values()), f"{found}"


@pytest.mark.parametrize("rate", [100, 500])
def test_good_releases_are_promoted_where_there_is_traffic(rate):
    for name in GOOD:
        found = ends(table("outcomes")[name][rate])
        assert found["promoted"] >= 0.95 * sum(found.values()), f"{name}: {found}"


@pytest.mark.parametrize("name", LOUD)
@pytest.mark.parametrize("rate", [100, 500])
def test_loud_failures_are_decided_within_forty_five_seconds(name, rate):
    slowest = table("slowest")[name][rate]
    assert int(slowest.removesuffix(" s")) <= 45, f"{slowest}; with a scrape of 5 s that leaves 10 s for the way back"


@pytest.mark.parametrize(("name", "rate"), ANEW)
def test_a_fresh_run_gives_the_committed_cell(name, rate):
    assert str(cell(kind_named(name), rate)) == table("outcomes")[name][rate], "make the page anew, see its end"


@pytest.mark.parametrize("name", GOOD)
def test_a_good_release_is_promoted(name):
    end = run(kind_named(name), rate=100, seed="fresh")
    assert end.outcome == "promoted", f"after {end.seconds:.0f} s: {end.reason}"


def test_the_page_speaks_of_the_default_buckets():
    assert MonitoringSpec().buckets in (WIDE, FINE), "no release was run with others; the page would be about nothing"


def test_the_page_sums_its_table_up():
    count = {good: Counter() for good in (True, False)}
    for name, cells in table("outcomes").items():
        for text in cells.values():
            count[kind_named(name).good].update(ends(text))
    good, bad = sum(count[True].values()), sum(count[False].values())
    assert (count[False]["promoted"], count[True]["aborted"]) == (0, 0), "then the sentence must say something else"
    said = f"Of {bad:,} bad releases none was promoted, of {good:,} good ones none was aborted"
    assert said in " ".join(PAGE.read_text().split()), said


def test_the_page_names_every_setting_of_the_gate():
    text = PAGE.read_text()
    missing = [field for field in GateSpec.model_fields if f"`{to_kebab(field)}" not in text]
    assert missing == [], "who sets it wants to read what it does"
