"""What all layers share: nothing outside e2e can go live, and golden files are compared in one way."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import tiers

OUTSIDE = ("PULUMI_", "DOCKER_", "CLOUDFLARE_")
"""Beginnings of variables that point a program at a real back end, engine or account."""
UPDATE_OPTION = "--update-golden"

Golden = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(UPDATE_OPTION, action="store_true", help="write golden files instead of comparing with them")
    tiers.add_options(parser)


# The same examples in every run, and a busy machine makes tests slower, never red.
settings.register_profile("colorway", derandomize=True, deadline=None, database=None)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("colorway")
    for marker in tiers.MARKERS:
        config.addinivalue_line("markers", marker)
    # The plugin's own SDK imports what it deprecates.
    config.addinivalue_line("filterwarnings", "ignore:.*CopyToRemote.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def _nothing_outside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what could lead a test to a real back end, engine or account; e2e tests want exactly that."""
    if request.node.get_closest_marker("e2e"):
        return
    for name in list(os.environ):
        if name.startswith(OUTSIDE):
            monkeypatch.delenv(name)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with a committed file, or write that file where the run was told to."""

    def compare(path: Path, text: str, *, cure: str) -> None:
        where = path.relative_to(request.config.rootpath).as_posix()
        if request.config.getoption(UPDATE_OPTION):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        if not path.is_file():
            pytest.fail(f"there is no {where}: look at what `pytest {UPDATE_OPTION}` writes, and commit it")
        wanted = path.read_text(encoding="utf-8")
        if text != wanted:
            lines = difflib.unified_diff(wanted.splitlines(), text.splitlines(), where, "now", lineterm="", n=1)
            pytest.fail("\n".join([f"{where} differs: {cure}", *lines]), pytrace=False)

    return compare
