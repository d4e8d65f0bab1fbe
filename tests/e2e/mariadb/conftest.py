"""One lab whose MariaDB has two members and is backed up, shared by the tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.labs import end_faults
from tests.support.mariadb import DATABASES, BackedUpPair, backed_up_pair


@pytest.fixture(scope="package")
def cluster(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackedUpPair]:
    """The demo on four hosts; removed at the end with the data of all its generations."""
    began = time.monotonic()
    with backed_up_pair(tmp_path_factory.mktemp("mariadb")) as made:
        print(f"from bare hosts to the platform: {time.monotonic() - began:.0f} s")
        yield made


@pytest.fixture
def pair(cluster: BackedUpPair) -> BackedUpPair:
    """All well and the table empty, whichever generation it is and whoever takes writes."""
    if not cluster.is_well():
        end_faults(cluster.clone, *DATABASES)
        cluster.await_members()
    cluster.told("DELETE FROM shop.events")
    return cluster
