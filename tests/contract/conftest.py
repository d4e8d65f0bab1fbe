"""The offline providers in this process, the docker one on a daemon in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pulumi.runtime.proto import provider_pb2

from offline_plugins.cloudflare.provider import CloudflareProvider
from offline_plugins.command.provider import CommandProvider
from offline_plugins.docker.provider import DockerProvider
from tests.contract.fake_daemon import FakeDaemon, VirtualPatience
from tests.contract.servicer import Context, KeptLog, Servicer, packed, secret
from tests.support.cloudflare import FakeCloudflare, Right


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


@pytest.fixture
def cloudflare_api() -> Iterator[FakeCloudflare]:
    with FakeCloudflare() as running:
        yield running


@pytest.fixture
def cloudflare(cloudflare_api: FakeCloudflare, log: KeptLog) -> Servicer:
    provider = CloudflareProvider(log)
    settings = packed({"apiToken": secret(cloudflare_api.add_token(*Right)), "baseUrl": cloudflare_api.url})
    provider.Configure(provider_pb2.ConfigureRequest(args=settings), Context())
    return Servicer(provider)
