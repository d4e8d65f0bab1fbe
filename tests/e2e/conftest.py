"""One platform on the real engine and the real swarm, shared by the e2e tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colorway.engine import cli_binary
from colorway.machine import daemon
from colorway.machine.progress import silent
from tests.support import tiers
from tests.support.clone import Clone
from tests.support.demo import Demo, left_behind, reset
from tests.support.leftovers import remove_leftovers
from tests.support.places import Place, free_place
from tests.support.releasing import Releasing, add_versions

HERE = Path(__file__).parent


def pytest_sessionstart() -> None:
    tiers.end_in_order()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> None:
    tiers.without_the_runner(call, folder=HERE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
    tiers.choose(config, items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> tiers.Together:
    return tiers.Together(config, log)


@pytest.fixture(scope="session")
def empty_machine(swarm: None) -> None:
    """Remove what runs that were killed left on this machine; stacks of people and of runs that live stay."""
    remove_leftovers()


@pytest.fixture(scope="session")
def place(empty_machine: None) -> Iterator[Place]:
    """Name, ports and addresses of the stack that the tests of a session share."""
    with free_place() as found:
        yield found


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
def platform(tmp_path_factory: pytest.TempPathFactory, place: Place, pulumi_cli: Path) -> Iterator[Demo]:
    """The demo platform from nothing, in a clone of its own; removed at the end with its data."""
    clone = Clone.make(
        tmp_path_factory.mktemp("platform") / "clone",
        place=place,
        # A first create that never becomes healthy is then given up after 107 s instead of 184.
        overrides="services: {web: {update: {parallelism: 2}}}",
    )
    # The one migration that a test brings is bad on purpose; what it could destroy is the test's own.
    clone.edit(
        "platforms/demo.yaml",
        r"^      GRACE_SECONDS: 30$",
        "      GRACE_SECONDS: 30\n      DEMO_BACKUP: verified",
        subject="Let migrations pass without a backup",
    )
    clone.up()
    yield Demo(clone=clone)
    clone.down()
    assert left_behind(place.name) == [], "`down` removes everything that `up` made"


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
