"""One lab whose queues are backed up, shared by the tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.labs import end_faults
from tests.support.queues import MEMBERS, Queues, backed_up_queues


@pytest.fixture(scope="package")
def cluster(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queues]:
    """The demo on four hosts; removed at the end with its data."""
    began = time.monotonic()
    with backed_up_queues(tmp_path_factory.mktemp("queues")) as made:
        print(f"from bare hosts to the platform: {time.monotonic() - began:.0f} s")
        yield made


@pytest.fixture
def queues(cluster: Queues) -> Queues:
    """All members well, whoever leads."""
    if not cluster.is_well():
        end_faults(cluster.clone, *MEMBERS)
        cluster.await_members()
    return cluster
