"""Two stacks of different platforms on one swarm: each is released and removed, and the other one never notices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.demo import Demo, left_behind
from tests.support.load import Load
from tests.support.places import Place, free_place
from tests.support.releasing import LEAST, PLAN, Releasing

pytestmark = [pytest.mark.area("release"), pytest.mark.full]

HALF = replace(PLAN, rate_total=160, fresh_per_second=20, returning_per_second=20, posts_per_second=10)
"""Two of them are the load of the other tests."""
UP = 900
"""Seconds that a step may take on a busy machine before the test gives up."""


def second_platform(folder: Path, place: Place) -> Clone:
    """A checkout with another platform: the demo's services under another name, one color on."""
    clone = Clone.make(folder / "clone", place=place)
    (clone.path / "platforms/second.yaml").write_text((clone.path / "platforms/demo.yaml").read_text())
    releases = clone.path / "releases/second"
    releases.mkdir()
    for manifest in (clone.path / "releases/demo").iterdir():
        (releases / manifest.name).write_text(manifest.read_text())
    clone.git("add", "--all")
    clone.edit("platforms/second.yaml", r"^  hot: .*$", "  hot: 5s", subject="Add a second platform")
    clone.edit(place.file, r"^  colorway:platform: demo$", "  colorway:platform: second", subject="Use it")
    clone.versions(blue="1.0.0", green=None)
    return clone


@pytest.fixture
def second(empty_machine: None, pulumi_cli: Path, tmp_path: Path) -> Iterator[Releasing]:
    """The second platform, up; removed at the end, unless the test did that."""
    with free_place() as place:
        clone = second_platform(tmp_path, place)
        clone.up()
        yield Releasing(demo=Demo(clone=clone))
        if left_behind(place.name):
            clone.down()


@pytest.mark.timeout(3600)
def test_two_platforms_are_released_and_removed_beside_each_other(releasing: Releasing, second: Releasing):
    both = (releasing, second)
    with Load(target=releasing.demo.target, plan=HALF) as load, Load(target=second.demo.target, plan=HALF) as beside:
        for here, other in (both, both[::-1]):
            untouched, version, since = other.demo.tasks(), here.other_version, here.head()
            run = here.start("release", version, "--stages", "50", "--bake", "20s", "--yes")
            assert f"{version} is released" in run.end(code=0, limit=UP)
            here.start("finish").end(code=0, limit=UP)
            here.check_commits(since)
            assert other.demo.tasks() == untouched, f"a release of {here.demo.stack} touches no task of the other"
        report = beside.stop()
        assert report.problems(least_rate=LEAST / 2) == [], "the second platform lost nothing"
        untouched = releasing.demo.tasks()
        second.clone.down()
        assert left_behind(second.demo.stack) == [], "the second platform is gone"
        assert releasing.demo.tasks() == untouched, "and no task of the first went with it"
        report = load.stop()
    assert report.problems(least_rate=LEAST / 2) == [], "the first platform lost nothing while the second came and went"
    assert releasing.status()["healthy"], "and it is whole"
