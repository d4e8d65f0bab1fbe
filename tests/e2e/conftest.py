"""One platform on the real engine and the real swarm, shared by the e2e tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from colorway.engine import cli_binary
from colorway.machine import daemon
from colorway.machine.progress import silent
from tests.support.clone import Clone
from tests.support.demo import TARGET, Demo, left_behind, reset
from tests.support.releasing import Releasing, add_versions


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def pulumi_cli() -> Path:
    """The Pulumi CLI, found or built as `make up` does it."""
    return cli_binary.find_or_build(progress=silent)


@pytest.fixture(scope="session")
def swarm() -> None:
    """A Docker engine with a swarm, installed and started as `make up` does it."""
    daemon.ensure_docker(silent)
    daemon.ensure_swarm(silent)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, swarm: None, pulumi_cli: Path) -> Iterator[Demo]:
    """The demo platform from nothing, in a clone of its own; removed at the end with its data.

    What an earlier run left on this machine goes first: one that was killed, or whose folder is gone.
    """
    clone = Clone.make(tmp_path_factory.mktemp("platform") / "clone")
    clone.run("down", "local", "--data", "--yes", "--orphans")
    assert left_behind() == [], "a stack without a state can be removed, too"
    # The one migration that a test brings is bad on purpose; what it could destroy is the test's own.
    clone.edit(
        "platforms/demo.yaml",
        r"^      GRACE_SECONDS: 30$",
        "      GRACE_SECONDS: 30\n      DEMO_BACKUP: verified",
        subject="Let migrations pass without a backup",
    )
    # A first create that never becomes healthy is then given up after 107 s instead of 184.
    with (clone.path / "Pulumi.local.yaml").open("a") as file:
        file.write("  colorway:overrides: {services: {web: {update: {parallelism: 2}}}}\n")
    clone.commit("Update both tasks of web at once")
    clone.run("up", "local")
    yield Demo(clone=clone, target=TARGET)
    clone.run("down", "local", "--data", "--yes")
    assert left_behind() == [], "`down` removes everything that `up` made"


@pytest.fixture(scope="session")
def versions(platform: Demo) -> None:
    """Versions to release, good ones and bad ones."""
    add_versions(platform.clone)


@pytest.fixture
def releasing(platform: Demo, versions: None) -> Releasing:
    """The demo platform with one color on and nothing under way, before each test; other tests reset it themselves."""
    made = Releasing(demo=platform)
    made.rest()
    return made


@pytest.fixture
def demo(platform: Demo) -> Iterator[Demo]:
    """The demo platform with both colors on and all traffic on blue, before and after each test."""
    reset(platform)
    yield platform
    reset(platform)
