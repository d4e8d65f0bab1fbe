"""A host's control groups are the same to who uses them in both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from colorway.errors import ColorwayError
from colorway.lab import groups
from colorway.lab.groups import ControlGroup, can_limit

NAME = "colorway-lab/lab/lb1"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(groups, "GROUPS", tmp_path)
    return tmp_path


@pytest.fixture
def group() -> ControlGroup:
    return ControlGroup(name=NAME, what="lab: the lab's host lb1")


def unified(root: Path) -> None:
    (root / "cgroup.controllers").write_text("cpuset cpu memory pids\n", encoding="ascii")
    (root / NAME / "init").mkdir(parents=True)


def one_for_each_controller(root: Path) -> None:
    for controller in ("memory", "freezer", "unified"):
        (root / controller / NAME).mkdir(parents=True)
    # As Debian has it of cpu and cpuacct.
    (root / "alias").symlink_to("memory")


def test_in_version_2_a_host_is_one_group_whose_own_processes_are_beside_its_containers(root, group):
    unified(root)
    assert group.members == [root / NAME / "init" / "cgroup.procs"]
    assert can_limit("memory")
    assert not can_limit("mem"), "a whole word is one"


def test_in_version_1_a_host_is_one_group_of_each_controller(root, group):
    one_for_each_controller(root)
    there = [root / tree / NAME / "cgroup.procs" for tree in ("alias", "freezer", "memory", "unified")]
    assert group.members == there
    assert can_limit("memory")
    assert not can_limit("pids")


@pytest.mark.parametrize(
    ("make", "file", "still", "goes"),
    [
        pytest.param(unified, f"{NAME}/cgroup.freeze", "1", "0", id="version 2"),
        pytest.param(one_for_each_controller, f"freezer/{NAME}/freezer.state", "FROZEN", "THAWED", id="version 1"),
    ],
)
def test_a_host_stands_still_and_goes_on(root, group, make, file, still, goes):
    make(root)
    (root / file).write_text(f"{goes}\n", encoding="ascii")
    assert not group.stands_still
    group.stand_still(on=True)
    assert (root / file).read_text(encoding="ascii") == still
    assert group.stands_still
    group.stand_still(on=False)
    assert (root / file).read_text(encoding="ascii") == goes


@pytest.mark.parametrize("make", [unified, one_for_each_controller], ids=["version 2", "version 1"])
def test_what_is_removed_is_the_host_and_what_is_empty_above_it(root, group, make):
    make(root)
    tree = root if make is unified else root / "memory"
    (tree / NAME / "docker" / "abc").mkdir(parents=True)
    (tree / "colorway-lab" / "other" / "lb1").mkdir(parents=True)
    group.remove()
    assert not (tree / "colorway-lab" / "lab").exists()
    assert (tree / "colorway-lab" / "other" / "lb1").exists(), "another lab's stays"
    assert make is unified or not (root / "freezer" / "colorway-lab").exists()
    group.remove()
    group.stand_still(on=True)
    assert not group.stands_still, "of one that is not there nothing is asked"


def test_a_group_in_which_somebody_stays_is_named(root, group, monkeypatch):
    unified(root)

    def rmdir(path: Path) -> None:
        raise OSError(16, "Device or resource busy", str(path))

    monkeypatch.setattr(Path, "rmdir", rmdir)
    monkeypatch.setattr(groups, "_END_SECONDS", 0.0)
    with pytest.raises(ColorwayError, match=r"^lab: the lab's host lb1: its control group .*/init cannot be r"):
        group.remove()
