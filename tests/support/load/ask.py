"""Requests of the test's own process: a burst of newcomers, or one answer to read. No retries."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import uvloop

from tests.support.load.connection import Connection
from tests.support.load.dialer import Dialer
from tests.support.load.judge import judge
from tests.support.load.plan import LoadError
from tests.support.load.record import Kind, Path

if TYPE_CHECKING:
    from tests.support.load.plan import Target
    from tests.support.load.response import ResponseReader


class _Newcomers:
    """One connection's part of a burst: the next request leaves as soon as the last answer is there."""

    keep_body = True

    def __init__(self, *, burst: _Burst, dialer: Dialer) -> None:
        self._burst = burst
        self._dialer = dialer
        self.payload = burst.request()

    def answered(self, connection: Connection, response: ResponseReader) -> None:
        judgment = judge(kind=Kind.FRESH, path=Path.API_WHOAMI, sent=None, response=response)
        if judgment.wrong is not None:
            self._burst.failures.append(judgment.wrong)
        else:
            self._burst.colors[judgment.color] += 1
        if not self._burst.take():
            connection.close()
            return
        self.payload = self._burst.request()
        if connection.closed or connection.unread():
            connection.close()
            self._dialer.dial(self)
        else:
            connection.send(self)

    def broke(self, connection: Connection, reason: str) -> None:
        self._burst.failures.append(f"{reason}; {connection.progress}")
        if self._burst.take():
            self.payload = self._burst.request()
            self._dialer.dial(self)


class _Burst:
    """What is left to send, and what came back."""

    def __init__(self, target: Target, newcomers: int) -> None:
        self.newcomers = newcomers
        self._target = target
        self._left = newcomers
        self.colors: Counter[str] = Counter()
        self.failures: list[str] = []
        self.ended = asyncio.Event()

    def request(self) -> bytes:
        """Return the request of a newcomer that nobody was before."""
        return self._target.request("GET", Path.API_WHOAMI, agent=f"newcomer {self._left}")

    def take(self) -> bool:
        """Say whether there is one more to send; sets `ended` once everything came back."""
        if len(self.failures) + self.colors.total() >= self.newcomers:
            self.ended.set()
        if self._left == 0:
            return False
        self._left -= 1
        return True


async def _measure(target: Target, *, newcomers: int, concurrency: int, within: float) -> dict[str, int]:
    burst = _Burst(target, newcomers)
    dialer = Dialer(target, loop=asyncio.get_running_loop())
    for _ in range(concurrency):
        if burst.take():
            dialer.dial(_Newcomers(burst=burst, dialer=dialer))
    try:
        async with asyncio.timeout(within):
            await burst.ended.wait()
    except TimeoutError:
        missing = newcomers - burst.colors.total() - len(burst.failures)
        burst.failures.append(f"{missing} without an answer within {within:g} s")
    if burst.failures:
        raise LoadError(
            f"measure_shares: {len(burst.failures)} of {newcomers} requests to"
            f" {target.host}:{target.port} failed, first: {'; '.join(burst.failures[:3])}"
        )
    return dict(sorted(burst.colors.items()))


def measure_shares(
    target: Target, *, newcomers: int = 2000, concurrency: int = 8, timeout: float = 60.0
) -> dict[str, int]:
    """Count the colors that answer newcomers now.

    The requests leave on a few kept connections, without a cookie and each with an agent of its own: to the load
    balancer each is a newcomer, and no time goes into handshakes.

    Args:
        target: The platform's entry.
        newcomers: Requests in all.
        concurrency: Connections.
        timeout: Seconds for all of them.

    Raises:
        LoadError: A request failed; shares of the rest would prove nothing.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(target, newcomers=newcomers, concurrency=concurrency, within=timeout))


class _Once:
    """One request whose answer is awaited."""

    keep_body = True

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.outcome: asyncio.Future[ResponseReader | str] = asyncio.get_running_loop().create_future()

    def answered(self, connection: Connection, response: ResponseReader) -> None:
        connection.close()
        if not self.outcome.done():
            self.outcome.set_result(response)

    def broke(self, connection: Connection, reason: str) -> None:
        if not self.outcome.done():
            self.outcome.set_result(f"{reason}; {connection.progress}")


async def _get(target: Target, path: str, *, within: float) -> ResponseReader | str:
    once = _Once(target.request("GET", path))
    connection = Dialer(target, loop=asyncio.get_running_loop()).dial(once)
    try:
        async with asyncio.timeout(within):
            return await once.outcome
    except TimeoutError:
        connection.close()
        return f"no complete response within {within:g} s"


def get(target: Target, path: str, *, timeout: float = 30.0) -> bytes:
    """Return the body of one GET.

    Raises:
        LoadError: There was no complete 200.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(_get(target, path, within=timeout))
    if isinstance(outcome, str):
        raise LoadError(f"GET {path} at {target.host}:{target.port} failed: {outcome}")
    if outcome.status != 200:
        raise LoadError(f"GET {path} at {target.host}:{target.port} answered {outcome.status}, not 200.")
    return bytes(outcome.body)
