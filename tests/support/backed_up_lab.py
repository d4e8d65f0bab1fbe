"""One lab whose PostgreSQL has two members and is backed up, shared by the tests of a folder that takes these in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backed_up import DATABASES, BackedUp, backed_up, told
from tests.support.labs import end_faults, is_well
from tests.support.members import LIMIT, well
from tests.support.wait import wait_until


@pytest.fixture(scope="package")
def cluster(
    empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[BackedUp]:
    """The demo on four hosts; removed at the end with the data of all its generations."""
    began = time.monotonic()
    # One of the folders shows that this removes all; hosts that go take it along.
    down = request.node.path.name == "postgresql"
    with backed_up(tmp_path_factory.mktemp("postgresql"), down=down) as made:
        print(f"from bare hosts to the platform: {time.monotonic() - began:.0f} s")
        yield made


@pytest.fixture
def store(cluster: BackedUp) -> BackedUp:
    """All well and the table empty, whichever generation it is and whoever leads."""
    clone = cluster.clone

    def all_is_well() -> bool:
        return well(clone) and is_well(clone)

    if not all_is_well():
        end_faults(clone, *DATABASES, "mon1")
        wait_until(all_is_well, limit=LIMIT, what="all is well before", every=2)
    told(clone, "TRUNCATE events")
    return cluster
