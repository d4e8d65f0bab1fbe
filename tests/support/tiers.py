"""Which e2e tests run: the gate, or everything of an area; and what a machine lacks for them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

import pytest
from typing_extensions import override
from xdist.scheduler import LoadScopeScheduling

AREAS: Final = ("engine", "release", "lab", "hosts", "data", "edge", "monitoring", "operations")
"""The areas of design and code; each e2e module says which one it is of."""
BUSY: Final = frozenset({"test_lab_heart.py", "test_lab_traffic.py"})
"""Modules that use all of a machine: one after the other, also where two labs run."""
LONG: Final = (
    "test_rehearsal.py",
    "busy",
    "postgresql_release",
    "postgresql_changes",
    "postgresql",
    "queues",
    "mariadb",
    "test_stores.py",
    "test_data_adopt.py",
    "test_entry_scripts.py",
    "test_data_secrets.py",
    "test_mariadb_logs.py",
    "test_release.py",
    "test_readme.py",
    "test_traffic.py",
)
"""What takes longest, which is begun first, so that no lab runs alone at the end; the rest by the number of tests.

Whoever begins something of one or two tests is given what follows beside it: pytest-xdist is always one test ahead.
"""
FULL_OPTION: Final = "--full"
AREA_OPTION: Final = "--area"
MARKERS: Final = (
    "e2e: needs the real engine and a real swarm (run by `make e2e` and `make e2e-full`)",
    f"area(name): the part of Colorway that an e2e test is of, one of {', '.join(AREAS)}",
    "full: left out of `make e2e`, the gate; run by `make e2e-full`",
    "needs(*programs): programs of this machine that an e2e test calls",
)


def add_options(parser: pytest.Parser) -> None:
    """Register the options that choose among the e2e tests."""
    parser.addoption(FULL_OPTION, action="store_true", help="e2e: all tests, not only those of the gate")
    parser.addoption(AREA_OPTION, metavar="AREA", help=f"e2e: only one area's tests; {', '.join(AREAS)}")


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of the tier and area that the run asked for; others are deselected.

    Raises:
        pytest.UsageError: a test has no area, the area has no tests, or a continuous integration's machine cannot
            run one of those that are left.
    """
    wanted = config.getoption(AREA_OPTION)
    if wanted is not None and wanted not in AREAS:
        raise pytest.UsageError(f"there is no area {wanted!r}; areas are {', '.join(AREAS)}")
    ours = [item for item in items if item.get_closest_marker("e2e")]
    areas = {item: area(item) for item in ours}
    if wanted is not None and wanted not in areas.values():
        has = ", ".join(one for one in AREAS if one in areas.values())
        raise pytest.UsageError(f"the area {wanted} has no e2e tests yet; there are some of {has or 'none'}")
    out = [
        item
        for item in ours
        if (wanted is not None and areas[item] != wanted)
        or (item.get_closest_marker("full") and not config.getoption(FULL_OPTION))
    ]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]
    _refuse_what_cannot_run([item for item in ours if item not in out], is_ci=bool(os.environ.get("CI")))


class Together(LoadScopeScheduling):  # type: ignore[misc] - pytest-xdist has no types
    """Has one of pytest's workers run all of a module, and all of a folder below `tests/e2e`, which share a platform.

    `--dist loadgroup` would, but its groups get lost with pytest 9.2: pytest-dev/pytest-xdist#1386.
    """

    @override
    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)

    @override
    def _assign_work_unit(self, node: object) -> None:
        for name in reversed(LONG):
            if name in self.workqueue:
                self.workqueue.move_to_end(name, last=False)
        super()._assign_work_unit(node)


def together(nodeid: str) -> str:
    """Return what a test is run with: the name of its folder, or of its module; those of `BUSY` are one."""
    *folders, module = nodeid.partition("::")[0].split("/")
    if module in BUSY:
        return "busy"
    return module if folders[-1:] == ["e2e"] else folders[-1]


def end_in_order() -> None:
    """End as with Ctrl-C when told to end, once: fixtures then remove what they made, and the last line is printed."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)


def without_the_runner(call: pytest.CallInfo[None], *, folder: Path) -> None:
    """Let a native traceback begin with the first line of ours: pytest leaves its own sixty in."""
    if call.excinfo is None:
        return
    frame: TracebackType | None = call.excinfo.tb
    while frame is not None and not Path(frame.tb_frame.f_code.co_filename).is_relative_to(folder):
        frame = frame.tb_next
    if frame is not None:
        call.excinfo = pytest.ExceptionInfo.from_exc_info((call.excinfo.type, call.excinfo.value, frame))


def area(item: pytest.Item) -> str:
    """Return the area of an e2e test.

    Raises:
        pytest.UsageError: it has none, or one that does not exist.
    """
    found = item.get_closest_marker("area")
    if found is None or len(found.args) != 1 or found.args[0] not in AREAS:
        raise pytest.UsageError(
            f"{item.nodeid}: say which area it is of, at the top of the module: "
            f'pytestmark = pytest.mark.area("engine"), or another one of {", ".join(AREAS)}'
        )
    return str(found.args[0])


def _refuse_what_cannot_run(items: Iterable[pytest.Item], *, is_ci: bool) -> None:
    lacking: dict[str, list[pytest.Item]] = {}
    for item in items:
        for program in [name for marker in item.iter_markers("needs") for name in marker.args]:
            if shutil.which(program) is None:
                lacking.setdefault(program, []).append(item)
    if is_ci and lacking:
        lines = [f"{name} is missing, and {len(those)} e2e tests call it" for name, those in lacking.items()]
        raise pytest.UsageError("; ".join(lines) + ": install it, since a test that does not run proves nothing")
    for name, those in lacking.items():
        for item in those:
            item.add_marker(pytest.mark.skip(reason=f"{name} is missing on this machine"))
