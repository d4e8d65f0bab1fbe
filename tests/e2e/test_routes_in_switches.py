"""What is open while traffic moves, at the real nginx: it goes on where it began, and newcomers meet the new shares."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from typing import Self

import pytest

from colorway.render.nginx import worker_shutdown
from colorway.spec.platform_spec import PlatformSpec
from tests.support.edge import Edge, grpc_channel, running_edge, websocket
from tests.support.specs import MAIL, REMOTE_HOSTS, small_spec
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("edge"), pytest.mark.timeout(300)]

STAGES = ("90:10", "10:90", "50:50")
SLOW = 2 * 2**20
"""Bytes a second of somebody who downloads slowly."""
SHOP = [{"path": "/"}, {"path": "/chat/", "websocket": True, "timeout": "5m"}, {"path": "/events", "stream": True}]
RPC = {
    **{key: value for key, value in MAIL.items() if key not in {"uses", "secrets"}},
    "port": 50051,
    # So long may a stream be silent, and live on in an old worker: three switches took 36 s on a busy machine.
    "longest-request": "120s",
    "routes": [{"path": "/shop.Words/", "grpc": True}],
}


def spec_at(traffic: str) -> PlatformSpec:
    return small_spec(
        traffic=traffic,
        hosts=REMOTE_HOSTS,
        settings={"environment": "staging", "domains": {"main": "example.com"}},
        overrides={"services": {"shop": {"routes": SHOP, "longest-request": "5s"}, "rpc": RPC}},
    )


@pytest.fixture(scope="module")
def edge(swarm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(tmp_path_factory.mktemp("switches"), spec_at("50:50")) as made:
        yield made


class Newcomers:
    """Somebody who comes anew for each request, while others have something open."""

    def __init__(self, edge: Edge) -> None:
        self.edge, self.lost, self.answered = edge, list[str](), 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._come)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _come(self) -> None:
        while not self._over.wait(0.01):
            try:
                status, _, _ = self.edge.client().ask("/")
            except OSError as error:
                self.lost.append(repr(error))
            else:
                self.answered += 1
                self.lost += [str(status)] * (status != 200)


def echoed(connection: ssl.SSLSocket, said: bytes) -> bytes:
    connection.sendall(said)
    return connection.recv(100)


def test_what_is_open_goes_on_through_switches_and_nobody_else_loses_a_request(edge):
    with grpc_channel(edge) as channel, websocket(edge, "/chat/") as chat, Newcomers(edge) as newcomers:
        shout = channel.stream_stream("/shop.Words/Shout")
        heard: list[bytes] = []
        asked = iter(STAGES)
        has_switched = threading.Event()

        def words() -> Iterator[bytes]:
            yield b"before"
            wait_until(has_switched.is_set, limit=120, what="all switches are over")
            yield b"after"

        listener = threading.Thread(target=lambda: heard.extend(shout(words(), timeout=150)))
        listener.start()
        wait_until(lambda: newcomers.answered > 20, limit=60, what="somebody comes")
        for stage in asked:
            events = edge.client().begin("/events/x")
            edge.switch(spec_at(stage))
            assert events.read().count(b"data:") == 4, f"{stage}: events that had begun come to their end"
            assert echoed(chat, stage.encode()) == stage.encode(), f"{stage}: a WebSocket stays"
            came = newcomers.answered
            wait_until(lambda came=came: newcomers.answered > came + 20, limit=60, what="people come after it")
        has_switched.set()
        listener.join()
    assert heard == [b"BEFORE https", b"AFTER https"], "a stream of gRPC outlives three switches"
    assert newcomers.lost == []


@pytest.mark.full
def test_a_websocket_is_closed_at_the_shutdown_limit_and_opened_again_at_once(edge):
    limit = worker_shutdown(spec_at("50:50")).total_seconds()
    with websocket(edge, "/chat/") as chat:
        edge.switch(spec_at("10:90"))
        began = time.monotonic()
        while echoed(chat, b"still") == b"still":
            assert time.monotonic() - began < limit + 60, "a worker of an earlier generation does not live for ever"
            time.sleep(1)
        assert time.monotonic() - began > limit - 15, "nor is anybody cut before"
    with websocket(edge, "/chat/") as again:
        assert echoed(again, b"here") == b"here"


@pytest.mark.full
@pytest.mark.parametrize(
    ("megabytes", "switches"),
    [(100, 3), pytest.param(1000, 0, marks=pytest.mark.timeout(900))],
)
def test_a_slow_download_ends_whole(edge, megabytes, switches):
    size, got, began = megabytes * 10**6, 0, time.monotonic()
    response = edge.client().begin(f"/bytes/{size}")
    stages = iter(STAGES[:switches])
    while part := response.read(2**18):
        got += len(part)
        if got > size / 4 and (stage := next(stages, None)):
            edge.switch(spec_at(stage))
        time.sleep(max(0.0, got / SLOW - (time.monotonic() - began)))
    assert got == size, "workers of earlier generations finish what they have begun"
