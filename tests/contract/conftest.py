"""The offline providers in this process, the docker one on a daemon in memory."""

from __future__ import annotations

import pytest

from offline_plugins.command.provider import CommandProvider
from offline_plugins.docker.provider import DockerProvider
from tests.contract.fake_daemon import FakeDaemon, VirtualPatience
from tests.contract.servicer import KeptLog, Servicer


@pytest.fixture
def log() -> KeptLog:
    return KeptLog()


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


@pytest.fixture
def docker(daemon: FakeDaemon, log: KeptLog) -> Servicer:
    provider = DockerProvider(log, daemon=daemon)
    provider._patience = VirtualPatience()
    return Servicer(provider)


@pytest.fixture
def command(log: KeptLog) -> Servicer:
    return Servicer(CommandProvider(log))
