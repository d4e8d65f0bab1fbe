"""How the e2e tests are chosen and run, without running one: the gate, areas, tracebacks, places."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.support import tiers
from tests.support.places import LOCAL, PLACES, free_place, place
from tests.support.wait import wait_until

ROOT = Path(__file__).parents[1]
FAILING = """
import ast
import gc
import pytest

class Left:
    goes_on = True

    def __init__(self):
        self.me = self

    def __del__(self):
        ast.parse("1 + 1")
        if Left.goes_on:
            Left()

@pytest.fixture
def littered():
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    Left()
    yield
    Left.goes_on = False
    gc.set_threshold(*threshold)
    gc.collect()

def deep(levels):
    assert levels, "the reason of the failure"
    deep(levels - 1)

def test_it_fails(littered):
    deep(20)

def test_it_runs():
    pass
"""
"""What a failed program leaves complains when it is collected, and Python 3.11 prints that with its own parser."""


def options(target: str, **variables: str) -> list[str]:
    """What the Makefile gives pytest, by its own account."""
    given = [f"{name}={value}" for name, value in variables.items()]
    run = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.stamp", target, *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = re.findall(r"-m pytest (.*)", run.stdout)
    return shlex.split(line)


@dataclass(frozen=True)
class Chosen:
    """A test as pytest collects it, and what pytest knows of the run."""

    nodeid: str
    marks: tuple[pytest.MarkDecorator, ...]
    added: list[pytest.MarkDecorator] = field(default_factory=list)

    def iter_markers(self, name):
        return (mark.mark for mark in self.marks if mark.name == name)

    def get_closest_marker(self, name):
        return next(self.iter_markers(name), None)

    def add_marker(self, mark):
        self.added.append(mark)

    def __hash__(self):
        return hash(self.nodeid)


def e2e_test(name: str, *marks: pytest.MarkDecorator) -> Chosen:
    return Chosen(name, (pytest.mark.e2e, *marks))


def choose(items: list[Chosen], target: str, **variables: str) -> list[str]:
    """The tests of these that a target of the Makefile runs."""
    parser = argparse.ArgumentParser()
    parser.addoption = parser.add_argument  # type: ignore[attr-defined]
    tiers.add_options(parser)
    given, _ = parser.parse_known_args(options(target, **variables))
    config = SimpleNamespace(
        getoption=lambda name: getattr(given, name.strip("-")),
        hook=SimpleNamespace(pytest_deselected=lambda **_: None),
    )
    left = list(items)
    tiers.choose(config, left)
    return [item.nodeid for item in left]


SMALL = [
    e2e_test("edge", pytest.mark.area("edge")),
    e2e_test("gate", pytest.mark.area("release")),
    e2e_test("long", pytest.mark.area("release"), pytest.mark.full),
]


@pytest.mark.parametrize(
    ("target", "area", "chosen"),
    [
        ("e2e", "", ["edge", "gate"]),
        ("e2e-full", "", ["edge", "gate", "long"]),
        ("e2e-full", "release", ["gate", "long"]),
    ],
)
def test_a_target_runs_its_tier_and_area(target, area, chosen):
    assert choose(SMALL, target, AREA=area) == chosen


def test_the_gate_runs_two_modules_at_once_and_says_what_took_longest():
    assert options("e2e")[-6:] == [*TWO[:-1], "--durations", "10"]
    assert "--dist" not in options("e2e", LABS="1")


TWO = ["--numprocesses", "2", "--dist", "loadscope", "-rP"]


def test_two_labs_at_once_keep_together_what_shares_a_platform_and_print_what_was_measured():
    assert "--dist" not in options("e2e-full", AREA="release")
    assert "--dist" not in options("e2e-full", AREA="data", LABS="1")
    assert options("e2e-full", AREA="release", LABS="2") == [*options("e2e-full", AREA="release"), *TWO]
    assert options("e2e-full", AREA="lab")[-5:] == TWO
    assert options("e2e-full", AREA="data")[-5:] == ["--numprocesses", "3", *TWO[2:]]


@pytest.mark.parametrize(
    ("nodeid", "with_"),
    [
        ("tests/e2e/test_edge.py::test_a[x::y/z]", "test_edge.py"),
        ("tests/e2e/postgresql_changes/test_roll.py::test_b", "postgresql_changes"),
        ("tests/e2e/test_lab_heart.py::test_c", "busy"),
        ("tests/e2e/test_lab_traffic.py::test_d", "busy"),
    ],
)
def test_one_worker_runs_what_shares_a_platform_or_wants_a_machine_for_itself(nodeid, with_):
    assert tiers.together(nodeid) == with_


def test_modules_that_want_a_machine_for_themselves_exist():
    assert {name for name in tiers.BUSY if (ROOT / "tests/e2e" / name).is_file()} == tiers.BUSY


def test_what_takes_longest_is_begun_first():
    made = tiers.Together.__new__(tiers.Together)
    made.workqueue = OrderedDict((name, {f"{name}::test": False}) for name in ("test_a.py", "queues", "postgresql"))
    made.assigned_work = {}
    sent: list[int] = []
    node = type("Worker", (), {"send_runtest_some": lambda _, indexes: sent.extend(indexes)})()
    collection = [test for unit in made.workqueue.values() for test in unit]
    made.registered_collections = {node: collection}
    while made.workqueue:
        made._assign_work_unit(node)
    assert [collection[index] for index in sent] == ["postgresql::test", "queues::test", "test_a.py::test"]


def test_what_takes_longest_exists():
    there = {tiers.together(f"{path.relative_to(ROOT)}::") for path in (ROOT / "tests/e2e").rglob("test_*.py")}
    assert set(tiers.LONG) <= there


@pytest.mark.parametrize(
    ("area", "said"),
    [
        ("lab", "the area lab has no e2e tests yet; there are some of release, edge"),
        ("realease", "there is no area 'realease'; areas are engine, release, lab"),
    ],
)
def test_an_area_without_tests_is_no_success(area, said):
    with pytest.raises(pytest.UsageError, match=said):
        choose(SMALL, "e2e-full", AREA=area)


def test_a_test_without_an_area_is_refused():
    with pytest.raises(pytest.UsageError, match="it: say which area it is of"):
        choose([e2e_test("it")], "e2e")


MODULES = sorted((ROOT / "tests/e2e").glob("test_*.py"))
AREA = re.compile(r"""^(?:pytestmark = .*|@pytest\.)mark\.area\("(\w+)"\)""", re.MULTILINE)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_e2e_module_has_an_area(module):
    areas = set(AREA.findall(module.read_text()))
    assert areas, "make e2e-full AREA=… would miss it"
    assert areas <= set(tiers.AREAS)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_e2e_module_can_be_imported(module):
    importlib.import_module(f"tests.e2e.{module.stem}")  # One that cannot ends the whole gate before its first test.


def test_ci_runs_every_area_that_has_tests():
    workflow = yaml.load((ROOT / ".github/workflows/full.yml").read_text(), Loader=yaml.BaseLoader)
    tested = {area for module in MODULES for area in AREA.findall(module.read_text())}
    assert set(workflow["jobs"]["full"]["strategy"]["matrix"]["area"]) == tested


def test_what_a_machine_lacks_fails_in_ci_and_is_said_elsewhere(monkeypatch):
    items = [
        e2e_test("one", pytest.mark.area("lab"), pytest.mark.needs("no-such-program")),
        e2e_test("two", pytest.mark.area("lab"), pytest.mark.needs("not-asked-for"), pytest.mark.full),
    ]
    monkeypatch.delenv("CI", raising=False)
    choose(items, "e2e")
    (skip,) = items[0].added
    assert skip.kwargs["reason"] == "no-such-program is missing on this machine"
    assert not items[1].added, "nobody wanted that test"
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.UsageError, match="no-such-program is missing, and 1 e2e tests call it"):
        choose(items, "e2e")


def test_a_failing_e2e_test_says_why_and_lets_the_others_run(tmp_path):
    (tmp_path / "test_failing.py").write_text(FAILING)
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\nfrom tests.support import tiers\n"
        "def pytest_runtest_makereport(call): tiers.without_the_runner(call, folder=Path(__file__).parent)\n"
    )
    (style,) = {one for target in ("e2e", "e2e-full", "soak") for one in options(target) if one.startswith("--tb")}
    # The suite's other plugins import modules while they report, which nothing protects from such garbage.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", style, "test_failing.py"]
    run = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "INTERNALERROR" not in run.stdout, "the reporter reads no source while garbage is collected"
    assert "AssertionError: the reason of the failure" in run.stdout
    assert "1 failed, 1 passed" in run.stdout, "the run goes on"
    assert "_pytest" not in run.stdout, "the runner's own lines are left out"


ENDLESS = """
import time
from pathlib import Path
import pytest

@pytest.fixture
def made():
    Path("made").touch()
    yield
    time.sleep(0.5)
    Path("made").unlink()

def test_endless(made):
    time.sleep(600)
"""


def test_a_run_that_is_told_to_end_removes_what_it_made(tmp_path):
    (tmp_path / "test_endless.py").write_text(ENDLESS)
    hook = "from tests.support import tiers\ndef pytest_sessionstart(): tiers.end_in_order()\n"
    (tmp_path / "conftest.py").write_text(hook)
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=native"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as run:
        wait_until((tmp_path / "made").exists, limit=60, what="the test runs")
        run.terminate()
        run.terminate()
        said, _ = run.communicate(timeout=30)
    assert not (tmp_path / "made").exists(), "make and timeout both tell it, and the second time ends nothing half-way"
    assert re.search(r"^=+ no tests ran in .* =+$", said, re.MULTILINE), f"the runner's own closing line:\n{said}"


def test_a_place_has_one_owner_at_a_time(tmp_path):
    with free_place(tmp_path) as first, free_place(tmp_path) as second:
        assert first != second
    with free_place(tmp_path) as again:
        assert again == first, "it is given back"


def test_places_share_nothing():
    all_places = [LOCAL, *map(place, range(PLACES))]
    for key in ("name", "http_port", "https_port", "monitoring_port", "network"):
        assert len({getattr(one, key) for one in all_places}) == len(all_places), f"each has a {key} of its own"
