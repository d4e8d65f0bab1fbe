"""Whether the verdict ends releases as it should: some releases, run anew."""

import re

import pytest

from colorway.spec.base import to_kebab
from colorway.spec.release import GateSpec
from tests.support.releases import KINDS, run
from tests.support.releases_table import PAGE, kind_named

GOOD = [kind.name for kind in KINDS if kind.good]
BAD = [("20 % errors", 20), ("20 % errors", 500), ("dead, answered by the other color", 100), ("p95 times 10", 500)]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_release_is_promoted(name):
    end = run(kind_named(name), rate=100, seed="fresh")
    assert end.outcome == "promoted", f"after {end.seconds:.0f} s: {end.reason}"


@pytest.mark.parametrize(("name", "rate"), BAD)
def test_a_bad_release_is_not_promoted(name, rate):
    end = run(kind_named(name), rate=rate, seed="fresh")
    assert end.outcome != "promoted", f"after {end.seconds:.0f} s: {end.reason}"


def test_the_page_names_every_setting_of_the_gate():
    text = PAGE.read_text()
    missing = [field for field in GateSpec.model_fields if f"`{to_kebab(field)}" not in text]
    assert not missing, f"who sets {missing} wants to read what it does"
    assert re.search(r"^# The verdict", text), "the page says what it is"
